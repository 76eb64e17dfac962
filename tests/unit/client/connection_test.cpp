// A connection against a daemon that does what a real one does: opening, joining, publishing, reading, closing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "fake_daemon.hpp"
#include "stream.hpp"
#include "vsync/vsync.hpp"

namespace vsync::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Connection, TellsWhichDaemonWelcomedIt) {
  Pair pair;
  EXPECT_EQ(pair.client.node(), "alpha");
  EXPECT_EQ(pair.client.state(), ComponentState::primary);
  EXPECT_EQ(pair.client.endpoint(), pair.directory.endpoint());
  EXPECT_EQ(pair.client.self().display_name(), "test@alpha#" + to_string(pair.client.session()).substr(0, 8));
}

TEST(Connection, SaysThatNoDaemonListensWithinItsTimeout) {
  const SocketDirectory directory;
  const auto begin = std::chrono::steady_clock::now();
  const auto opened = Connection::open({.endpoint = directory.endpoint(), .connect_timeout = 100ms});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ConnectError::Code::no_daemon);
  EXPECT_THAT(opened.error().text, HasSubstr(directory.endpoint()));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST(Connection, WaitsForADaemonThatIsStillStarting) {
  const SocketDirectory directory;
  std::unique_ptr<FakeDaemon> daemon;
  std::thread later([&] {
    std::this_thread::sleep_for(60ms);  // the daemon's start, not a wait for an effect
    daemon = std::make_unique<FakeDaemon>(directory.endpoint(), FakeDaemon::Behaviour{});
  });
  const auto opened = Connection::open({.endpoint = directory.endpoint(), .connect_timeout = 5s});
  later.join();
  EXPECT_TRUE(opened);
}

TEST(Connection, GivesUpOnADaemonThatNeverWelcomesIt) {
  const SocketDirectory directory;
  FakeDaemon daemon(directory.endpoint(), {.welcome = false});
  const auto opened = Connection::open({.endpoint = directory.endpoint(), .connect_timeout = 100ms});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ConnectError::Code::no_answer);
}

TEST(Connection, RefusesNamesAndEndpointsThatCannotBe) {
  const SocketDirectory directory;
  EXPECT_EQ(Connection::open({.endpoint = "nonsense", .connect_timeout = 1s}).error().code, ConnectError::Code::bad_options);
  EXPECT_EQ(Connection::open({.endpoint = "ipc://" + std::string(300, 'x'), .connect_timeout = 1s}).error().code,
            ConnectError::Code::bad_options);
  EXPECT_EQ(Connection::open({.endpoint = directory.endpoint(), .application = std::string(65, 'x')}).error().code,
            ConnectError::Code::bad_options);
  EXPECT_EQ(Connection::open({.endpoint = directory.endpoint(), .application = "a\nb"}).error().code, ConnectError::Code::bad_options);
}

TEST(Connection, PublishesAndReceivesInOrderWithPositions) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("prices"));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pair.client.publish("prices", std::to_string(i)));
  std::uint64_t seq = 0;
  for (int i = 0; i < 100; ++i) {
    const Message* message = next_of<Message>(pair.client);
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->text(), std::to_string(i));
    EXPECT_EQ(message->topic, "prices");
    if (i > 0) {
      EXPECT_EQ(message->position.seq, seq + 1);
    }
    seq = message->position.seq;
  }
}

TEST(Connection, MessagesCarryKeyHeadersTimesAndAnyBytes) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("news"));
  const std::vector<Header> headers{{"lang", "en"}, {"flags", std::string_view("\0\xff", 2)}};
  const std::string data("\0\n\xff", 3);
  ASSERT_TRUE(pair.client.publish("news", data, {.level = Level::uniform, .key = "eu", .headers = headers}));
  const Message* message = next_of<Message>(pair.client);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->text(), data);
  EXPECT_EQ(message->key, "eu");
  EXPECT_EQ(message->level, Level::uniform);
  ASSERT_EQ(message->headers.size(), 2u);
  EXPECT_EQ(message->headers.find("lang"), "en");
  EXPECT_EQ(message->headers.find("flags"), std::string_view("\0\xff", 2));
  EXPECT_EQ(message->headers.find("none"), std::nullopt);
  EXPECT_EQ(message->publisher.node, "alpha");
  EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - message->published_at), 60s);
  EXPECT_EQ(message->ordered_at->time_since_epoch(), 9ns);
}

TEST(Connection, RefusesWhatCannotBePublished) {
  Pair pair({.max_message_bytes = 1000});
  EXPECT_EQ(pair.client.max_message_bytes(), 1000u);
  EXPECT_EQ(pair.client.publish("a.*", "x").error(), PublishError::bad_topic);
  EXPECT_EQ(pair.client.publish("", "x").error(), PublishError::bad_topic);
  EXPECT_EQ(pair.client.publish("a..b", "x").error(), PublishError::bad_topic);
  EXPECT_EQ(pair.client.publish("a", std::string(1001, 'x')).error(), PublishError::too_large);
  EXPECT_EQ(pair.client.publish("a", "x", {.key = std::string(256, 'k')}).error(), PublishError::bad_key);
  const std::vector<Header> nameless{{"", "v"}};
  EXPECT_EQ(pair.client.publish("a", "x", {.headers = nameless}).error(), PublishError::bad_headers);
  const std::vector<Header> many(33, Header{"n", "v"});
  EXPECT_EQ(pair.client.publish("a", "x", {.headers = many}).error(), PublishError::bad_headers);
  EXPECT_TRUE(pair.client.publish("a", std::string(1000, 'x')));
  EXPECT_EQ(pair.client.outcomes().published, 1u);
}

TEST(Connection, WaitForOutcomesNeedsNobodyToReadTheStream) {
  Pair pair;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.client.wait_for_outcomes(5s));
  EXPECT_EQ(pair.client.outcomes().ok, 1000u);
  EXPECT_EQ(pair.client.outcomes().unresolved(), 0u);
}

TEST(Connection, WaitForOutcomesEndsAtItsTimeout) {
  Pair pair({.resolve = false});
  ASSERT_TRUE(pair.client.publish("a", "x"));
  EXPECT_FALSE(pair.client.wait_for_outcomes(20ms));
}

TEST(Connection, OutcomeEventsSayWhichPublishesEndedHow) {
  Pair pair({.deliver = false, .resolve = false});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.daemon->wait_until([&](const auto&) { return true; }));
  pair.daemon->send(wire::OutcomeRun{1, 2, wire::OutcomeRun::Kind::ok, at(40)});
  pair.daemon->send(wire::OutcomeRun{4, 1, wire::OutcomeRun::Kind::rejected, {}, wire::ErrorCode::not_primary});
  pair.daemon->send(wire::OutcomeRun{1, 5, wire::OutcomeRun::Kind::ok, at(50)});  // those told already are not told again
  std::map<std::uint64_t, Outcome> outcomes;
  while (outcomes.size() < 4) {
    const Outcome* outcome = next_of<Outcome>(pair.client);
    ASSERT_NE(outcome, nullptr);
    outcomes[outcome->first_n] = *outcome;
  }
  EXPECT_EQ(outcomes[1].count, 2u);
  EXPECT_EQ(outcomes[1].position->seq, 40u);
  EXPECT_EQ(outcomes[3].position->seq, 52u);
  EXPECT_EQ(outcomes[4].kind, Outcome::Kind::rejected);
  EXPECT_EQ(outcomes[4].reason, ErrorCode::not_primary);
  EXPECT_EQ(outcomes[5].position->seq, 54u);
  EXPECT_EQ(pair.client.outcomes().rejected, 1u);
}

TEST(Connection, AnOutcomeMayBeOkAtAPlaceThatNobodyRemembers) {
  Pair pair({.deliver = false, .resolve = false});
  ASSERT_TRUE(pair.client.publish("a", "x", {.level = Level::durable}));
  ASSERT_TRUE(pair.daemon->wait_until([&](const auto&) { return true; }));
  pair.daemon->send(wire::OutcomeRun{1, 1, wire::OutcomeRun::Kind::ok, {}});
  const Outcome* outcome = next_of<Outcome>(pair.client);
  ASSERT_NE(outcome, nullptr);
  EXPECT_EQ(outcome->kind, Outcome::Kind::ok);
  EXPECT_EQ(outcome->position, std::nullopt);
}

TEST(Connection, JoinWaitsForTheDaemonsWordAndSaysWhyNot) {
  Pair pair({.grant_joins = false}, {.request_timeout = 50ms});
  EXPECT_EQ(pair.client.join("a b").error().code, RequestError::Code::bad_topic);
  EXPECT_EQ(pair.client.join("quiet").error().code, RequestError::Code::timed_out);
  pair.daemon->change([](auto& behaviour) { behaviour.grant_joins = true; });
  const auto joined = pair.client.join("a.>");
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->name(), "a.>");
  EXPECT_EQ(pair.client.join("a.>").error().code, RequestError::Code::already_member);
  EXPECT_EQ(pair.client.leave("never").error().code, RequestError::Code::not_member);
  EXPECT_TRUE(pair.client.leave("a.>"));
}

TEST(Connection, ARefusedJoinCarriesTheReason) {
  Pair pair({.grant_joins = false});
  std::thread refusing([&] {
    pair.daemon->wait_for<wire::Join>();
    pair.daemon->send(wire::Refused{pair.daemon->received_of<wire::Join>().front().request, wire::ErrorCode::too_many_groups, "full"});
  });
  const auto joined = pair.client.join("a");
  refusing.join();
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, RequestError::Code::refused);
  EXPECT_EQ(joined.error().reason, ErrorCode::too_many_groups);
  EXPECT_EQ(joined.error().text, "full");
}

TEST(Connection, BeginJoinAnswersInTheStream) {
  Pair pair({.grant_joins = false});
  ASSERT_TRUE(pair.client.begin_join("a"));
  ASSERT_TRUE(pair.daemon->wait_for<wire::Join>());
  pair.daemon->send(wire::Refused{pair.daemon->received_of<wire::Join>().front().request, wire::ErrorCode::not_allowed, "no"});
  const JoinRefused* refused = next_of<JoinRefused>(pair.client);
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->group, "a");
  EXPECT_EQ(refused->code, ErrorCode::not_allowed);
}

TEST(Connection, LeavesOutTopicsOfAMixedBatchThatItHasNotJoined) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  ASSERT_TRUE(pair.client.join("c.*"));
  std::vector<std::byte> body;
  for (const char* topic : {"a", "b", "c.d", "c", "a"}) wire::append_record(body, {.topic = topic, .data = std::as_bytes(std::span(topic, 1))});
  pair.daemon->send(wire::Deliver{.first = at(100), .count = 5, .publisher_node = "alpha", .publisher_session = {1, 2}, .filter = true}, body);
  std::vector<std::uint64_t> seqs;
  for (int i = 0; i < 3; ++i) {
    const Message* message = next_of<Message>(pair.client);
    ASSERT_NE(message, nullptr);
    seqs.push_back(message->position.seq);
  }
  EXPECT_THAT(seqs, ElementsAre(100, 102, 104));
}

TEST(Connection, SkippedMessagesCountInPositions) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  pair.daemon->send(wire::Deliver{.first = at(10), .count = 3, .skip = 2, .publisher_node = "alpha", .publisher_session = {1, 2}}, body_of("a", {"x", "y", "z"}));
  const Message* message = next_of<Message>(pair.client);
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->text(), "z");
  EXPECT_EQ(message->position.seq, 12u);
}

TEST(Connection, WhatTheStreamStillHoldsOfALeftGroupIsLeftOut) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  ASSERT_TRUE(pair.client.join("b"));
  pair.daemon->send(wire::Deliver{.first = at(10), .count = 1, .publisher_node = "alpha", .publisher_session = {1, 2}}, body_of("a", {"old"}));
  pair.daemon->send(wire::Ping{1});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Pong>());  // the batch is in the stream, unread
  ASSERT_TRUE(pair.client.leave("a"));
  pair.daemon->send(wire::Deliver{.first = at(11), .count = 1, .publisher_node = "alpha", .publisher_session = {1, 2}}, body_of("b", {"new"}));
  EXPECT_EQ(next_of<Message>(pair.client)->text(), "new");
}

TEST(Connection, ReportsWhatTheApplicationHasTakenInSteps) {
  Pair pair({.deliver = false});
  ASSERT_TRUE(pair.client.join("a"));
  const auto body = body_of("a", {std::string(100'000, 'x')});
  for (std::uint64_t i = 0; i < 10; ++i) pair.daemon->send(wire::Deliver{.first = at(10 + i), .count = 1, .publisher_node = "alpha", .publisher_session = {1, 2}}, body);
  pair.daemon->send(wire::Ping{1});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Pong>());
  EXPECT_THAT(pair.daemon->received_of<wire::Received>(), IsEmpty()) << "nothing is taken before the application reads";
  for (int i = 0; i < 10; ++i) ASSERT_NE(next_of<Message>(pair.client), nullptr);
  EXPECT_EQ(pair.client.try_next(), nullptr);
  ASSERT_TRUE(pair.daemon->wait_for<wire::Received>());
  ASSERT_TRUE(pair.daemon->wait_until([&](const auto& all) {
    const auto* last = std::get_if<wire::Received>(&all.back().message);
    return last != nullptr && last->bytes >= 10 * body.size() - (256u << 10) && last->bytes <= 10 * body.size();
  }));
}

TEST(Connection, AnswersPingsWhileTheApplicationIsBusy) {
  Pair pair;
  pair.daemon->send(wire::Ping{77});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Pong>());
  EXPECT_EQ(pair.daemon->received_of<wire::Pong>().front().nonce, 77u);
}

TEST(Connection, QuestionsReturnTheDaemonsText) {
  Pair pair({.query_answer = R"({"groups":[]})"});
  const auto answer = pair.client.groups();
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, R"({"groups":[]})");
}

std::vector<std::string> names(const GroupView* view) {
  std::vector<std::string> names;
  if (view == nullptr) return names;
  for (const Member& member : view->members) names.push_back(member.application);
  return names;
}

TEST(Connection, AViewThatSaysOnlyWhatChangedIsReadWithAllMembers) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  const auto member = [](std::uint64_t id, const char* name) { return protocol::GroupMember{{1, id}, {"beta", {}}, name}; };
  pair.daemon->send(wire::GroupView{at(5), "a", 4, {member(1, "one"), member(2, "two")}, {member(2, "two")}, {}});
  pair.daemon->send(wire::GroupView{at(6), "a", 5, {}, {member(3, "three")}, {}, true});
  pair.daemon->send(wire::GroupView{at(7), "a", 6, {}, {}, {{member(1, "one"), wire::LeaveReason::left}}, true});
  EXPECT_EQ(names(next_of<GroupView>(pair.client)), (std::vector<std::string>{"one", "two"}));
  const GroupView* joined = next_of<GroupView>(pair.client);
  EXPECT_EQ(names(joined), (std::vector<std::string>{"one", "two", "three"}));
  ASSERT_EQ(joined->joined.size(), 1u);
  EXPECT_EQ(joined->number, 5u);
  EXPECT_EQ(names(next_of<GroupView>(pair.client)), (std::vector<std::string>{"two", "three"}));
}

TEST(Connection, AChangeThatDoesNotFollowTheViewReadBeforeIsToldAsAGap) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  const protocol::GroupMember member{{1, 2}, {"beta", {}}, "desk"};
  pair.daemon->send(wire::GroupView{at(5), "a", 4, {member}, {member}, {}});
  pair.daemon->send(wire::GroupView{at(7), "a", 6, {}, {}, {{member, wire::LeaveReason::left}}, true});
  const Gap* gap = next_of<Gap>(pair.client);
  ASSERT_NE(gap, nullptr);
  EXPECT_EQ(gap->from.seq, 7u);
}

TEST(Connection, ChangesOfAGroupThatWasLeftAreLeftOut) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  ASSERT_TRUE(pair.client.join("b"));
  const protocol::GroupMember member{{1, 2}, {"beta", {}}, "desk"};
  pair.daemon->send(wire::GroupView{at(5), "a", 4, {member}, {member}, {}});
  ASSERT_NE(next_of<GroupView>(pair.client), nullptr);
  ASSERT_TRUE(pair.client.leave("a"));
  ASSERT_TRUE(pair.client.join("c"));  // where its Joined is read, the leave is known
  pair.daemon->send(wire::GroupView{at(6), "a", 5, {}, {member}, {}, true});
  pair.daemon->send(wire::GroupView{at(7), "b", 1, {member}, {member}, {}});
  const GroupView* view = next_of<GroupView>(pair.client);
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->group, "b");
}

TEST(Connection, GroupViewsMarksStatesResyncsAndGapsStandInTheStreamAsTheyCame) {
  Pair pair;
  const protocol::GroupMember member{{1, 2}, {"beta", {}}, "desk"};
  pair.daemon->send(wire::GroupView{at(5), "a", 4, {member}, {member}, {{member, wire::LeaveReason::crashed}}});
  pair.daemon->send(wire::Mark{at(6), wire::Level::safe, 3, true});
  pair.daemon->send(wire::State{wire::ComponentState::blocked, "too few", 1, 3});
  pair.daemon->send(wire::Resync{at(1), std::pair(at(2), at(3)), at(4), at(9)});
  pair.daemon->send(wire::Gap{at(4), at(5), "gone"});
  pair.daemon->send(wire::Removed{"a", wire::ErrorCode::too_slow, "slow"});
  const GroupView* view = next_of<GroupView>(pair.client);
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->number, 4u);
  EXPECT_EQ(view->members.front().display_name(), "desk@beta#00000000");
  EXPECT_EQ(view->left.front().reason, LeaveReason::crashed);
  const Mark* mark = next_of<Mark>(pair.client);
  EXPECT_EQ(mark->up_to.seq, 6u);
  EXPECT_TRUE(mark->member_lost_before);
  EXPECT_EQ(next_of<StateChange>(pair.client)->reason, "too few");
  EXPECT_EQ(pair.client.state(), ComponentState::blocked);
  EXPECT_EQ(next_of<Resync>(pair.client)->orphaned->second.seq, 3u);
  EXPECT_EQ(next_of<Gap>(pair.client)->reason, "gone");
  EXPECT_EQ(next_of<Removed>(pair.client)->code, ErrorCode::too_slow);
}

}  // namespace
}  // namespace vsync::testing
