// What a connection keeps when its daemon goes away and comes back, and when it sends what again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "fake_daemon.hpp"
#include "stream.hpp"
#include "vsync/vsync.hpp"

namespace vsync::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Reconnect, TheStreamSaysThatTheDaemonWentAndCameBack) {
  Pair pair;
  pair.restart_daemon({.node = "alpha2"});
  ASSERT_NE(next_of<Disconnected>(pair.client), nullptr);
  const Reconnected* back = next_of<Reconnected>(pair.client);
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(back->node, "alpha2");
  EXPECT_EQ(pair.client.node(), "alpha2");
}

TEST(Reconnect, OpensTheSameSessionAndNamesItsLastNumberAndPosition) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.client.publish("a", "y"));
  ASSERT_TRUE(pair.client.wait_for_outcomes(5s));
  const wire::Open first = pair.daemon->received_of<wire::Open>().front();
  EXPECT_FALSE(first.last_position);
  pair.restart_daemon();
  ASSERT_TRUE(pair.daemon->wait_for<wire::Open>());
  const wire::Open second = pair.daemon->received_of<wire::Open>().front();
  EXPECT_EQ(second.secret, first.secret);
  EXPECT_EQ(second.last_n, 2u);
  ASSERT_TRUE(second.last_position);
  EXPECT_EQ(second.last_position->seq.value, 3u) << "the join was 1, the messages 2 and 3";
}

TEST(Reconnect, JoinsItsGroupsAgainAndNotThoseItLeft) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  ASSERT_TRUE(pair.client.join("b.>", {.deliver_on = DeliverOn::uniform}));
  ASSERT_TRUE(pair.client.join("c"));
  ASSERT_TRUE(pair.client.leave("c"));
  pair.restart_daemon();
  ASSERT_TRUE(pair.daemon->wait_for<wire::Join>(2));
  const auto joins = pair.daemon->received_of<wire::Join>();
  EXPECT_EQ(joins[0].group, "a");
  EXPECT_EQ(joins[1].group, "b.>");
  EXPECT_EQ(joins[1].deliver_on, wire::DeliverOn::uniform);
  EXPECT_TRUE(joins[0].again && joins[1].again);
  EXPECT_TRUE(pair.daemon->wait_for<wire::JoinedAgain>()) << "and says that these are all";
  ASSERT_NE(next_of<Reconnected>(pair.client), nullptr);
  const Joined* joined = next_of<Joined>(pair.client);
  ASSERT_NE(joined, nullptr);
  EXPECT_TRUE(joined->again);
  EXPECT_THAT(pair.daemon->received_of<wire::Leave>(), ::testing::SizeIs(1)) << "the former leave may have been lost with the daemon";
}

// What the daemon gives again lies before its Joined's neighbours; if the line breaks meanwhile, the next one goes on from there.
TEST(Reconnect, TheLastPositionFollowsTheStreamBackwardsToo) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.client.wait_for_outcomes(5s));
  pair.restart_daemon({.first_seq = 7});
  ASSERT_TRUE(pair.daemon->wait_for<wire::JoinedAgain>());
  pair.daemon->send(wire::Deliver{.first = at(4), .count = 2, .publisher_node = "alpha", .publisher_session = {1, 2}}, body_of("a", {"y", "z"}));
  for (const std::string text : {"x", "y", "z"}) {
    const Message* message = next_of<Message>(pair.client);
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->text(), text);
  }
  pair.restart_daemon();
  ASSERT_TRUE(pair.daemon->wait_for<wire::Open>());
  EXPECT_EQ(pair.daemon->received_of<wire::Open>().front().last_position, at(5));
}

TEST(Reconnect, AGroupThatCannotBeJoinedAgainIsToldAsRemoved) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  pair.restart_daemon({.grant_joins = false});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Join>());
  pair.daemon->send(wire::Refused{pair.daemon->received_of<wire::Join>().front().request, wire::ErrorCode::not_allowed, "no more"});
  const Removed* removed = next_of<Removed>(pair.client);
  ASSERT_NE(removed, nullptr);
  EXPECT_EQ(removed->code, ErrorCode::not_allowed);
  EXPECT_EQ(pair.client.leave("a").error().code, RequestError::Code::not_member);
}

TEST(Reconnect, ResendsUnresolvedPublishesInOrderWithTheirNumbers) {
  Pair pair({.deliver = false, .resolve = false});
  for (int i = 1; i <= 100; ++i) ASSERT_TRUE(pair.client.publish("a", std::to_string(i)));
  ASSERT_TRUE(pair.daemon->wait_until([&](const auto& all) {
    std::size_t count = 0;
    for (const auto& each : all) count += texts_of(each.body).size();
    return count == 100;
  }));
  pair.daemon->send(wire::OutcomeRun{1, 40, wire::OutcomeRun::Kind::ok, at(1)});
  while (pair.client.outcomes().ok != 40) ASSERT_NE(pair.client.next(5s), nullptr);
  pair.restart_daemon();
  ASSERT_TRUE(pair.client.publish("a", "101"));
  ASSERT_TRUE(pair.client.wait_for_outcomes(5s));
  std::vector<std::string> wanted;
  for (int i = 41; i <= 101; ++i) wanted.push_back(std::to_string(i));
  EXPECT_EQ(pair.daemon->published(), wanted);
  EXPECT_EQ(pair.daemon->received_of<wire::Publish>().front().first_n, 41u);
  EXPECT_EQ(pair.client.outcomes().ok, 101u);
}

TEST(Reconnect, PublishesMadeWhileTheDaemonIsAwayAreKept) {
  Pair pair;
  pair.daemon.reset();
  ASSERT_NE(next_of<Disconnected>(pair.client), nullptr);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(pair.client.publish("a", std::to_string(i)));
  pair.daemon = std::make_unique<FakeDaemon>(pair.directory.endpoint(), FakeDaemon::Behaviour{});
  ASSERT_TRUE(pair.client.wait_for_outcomes(5s));
  EXPECT_EQ(pair.daemon->published().size(), 10u);
}

TEST(Reconnect, AResendOutcomeSendsTheseAgainBeforeNewOnes) {
  Pair pair({.deliver = false, .resolve = false});
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(pair.client.publish("a", std::to_string(i)));
    ASSERT_TRUE(pair.daemon->wait_for<wire::Publish>(static_cast<std::size_t>(i)));
  }
  pair.daemon->send(wire::OutcomeRun{2, 2, wire::OutcomeRun::Kind::resend});
  pair.daemon->send(wire::Ping{1});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Pong>());
  ASSERT_TRUE(pair.client.publish("a", "4"));
  ASSERT_TRUE(pair.daemon->wait_until([](const auto& all) { return !all.empty() && texts_of(all.back().body) == std::vector<std::string>{"4"}; }));
  EXPECT_THAT(pair.daemon->published(), ElementsAre("1", "2", "3", "2", "3", "4"));
}

TEST(Reconnect, ARejectedCopyOfAResentPublishIsUnknownNotRejected) {
  Pair pair({.deliver = false, .resolve = false});
  ASSERT_TRUE(pair.client.publish("a", "1", {.fail_when_blocked = true}));
  ASSERT_TRUE(pair.daemon->wait_for<wire::Publish>());
  pair.restart_daemon({.deliver = false, .resolve = false});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Publish>());
  ASSERT_TRUE(pair.client.publish("a", "2", {.fail_when_blocked = true}));
  ASSERT_TRUE(pair.daemon->wait_for<wire::Publish>(2));
  pair.daemon->send(wire::OutcomeRun{1, 2, wire::OutcomeRun::Kind::rejected, {}, wire::ErrorCode::shutting_down});
  ASSERT_TRUE(pair.client.wait_for_outcomes(5s));
  EXPECT_EQ(pair.client.outcomes().unknown, 1u);
  EXPECT_EQ(pair.client.outcomes().rejected, 1u);
}

TEST(Reconnect, AQuestionThatWaitsFailsWhenTheDaemonGoes) {
  Pair pair({.answer_queries = false});
  std::thread going([&] {
    pair.daemon->wait_for<wire::Query>();
    pair.daemon.reset();
  });
  const auto answer = pair.client.status();
  going.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, RequestError::Code::disconnected);
}

TEST(Reconnect, AJoinThatWaitsIsAskedAgainOnTheNewConnection) {
  Pair pair({.grant_joins = false});
  std::thread restarting([&] {
    pair.daemon->wait_for<wire::Join>();
    pair.restart_daemon();
  });
  const auto joined = pair.client.join("a");
  restarting.join();
  EXPECT_TRUE(joined);
}

TEST(Reconnect, OldDeliveriesDoNotOpenTheNewWindow) {
  Pair pair({.deliver = false});
  ASSERT_TRUE(pair.client.join("a"));
  const auto body = body_of("a", {std::string(400'000, 'x')});
  pair.daemon->send(wire::Deliver{.first = at(10), .count = 1, .publisher_node = "alpha", .publisher_session = {1, 2}}, body);
  pair.daemon->send(wire::Ping{1});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Pong>());
  pair.restart_daemon();
  ASSERT_TRUE(pair.daemon->wait_for<wire::Join>());
  ASSERT_NE(next_of<Message>(pair.client), nullptr) << "what had arrived is still read";
  ASSERT_NE(next_of<Joined>(pair.client), nullptr);
  pair.daemon->send(wire::Ping{2});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Pong>());
  EXPECT_THAT(pair.daemon->received_of<wire::Received>(), IsEmpty());
}

TEST(Reconnect, ManyRefusedAttemptsDoNotStopTheNextOne) {
  // Each attempt ends while ZeroMQ's thread still tells what happened to it.
  Pair pair;
  for (int i = 0; i < 10; ++i) {
    pair.daemon.reset();
    ASSERT_NE(next_of<Disconnected>(pair.client), nullptr);
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + 7 * i));  // the daemon's absence, not a wait for an effect
    pair.daemon = std::make_unique<FakeDaemon>(pair.directory.endpoint(), FakeDaemon::Behaviour{});
    ASSERT_NE(next_of<Reconnected>(pair.client), nullptr) << "round " << i;
  }
}

TEST(Reconnect, ASessionTakenOverIsOverForGood) {
  Pair pair({.resolve = false});
  ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.daemon->wait_for<wire::Publish>());
  pair.daemon->send(wire::Error{wire::ErrorCode::session_moved, "taken over"});
  const Outcome* outcome = next_of<Outcome>(pair.client);
  ASSERT_NE(outcome, nullptr);
  EXPECT_EQ(outcome->kind, Outcome::Kind::unknown);
  const Event* last = pair.client.next(5s);
  ASSERT_NE(last, nullptr);
  ASSERT_TRUE(std::holds_alternative<Closed>(*last));
  EXPECT_EQ(std::get<Closed>(*last).code, ErrorCode::session_moved);
  EXPECT_EQ(pair.client.next(5s), nullptr) << "at once, nothing follows";
  EXPECT_EQ(pair.client.publish("a", "x").error(), PublishError::closed);
  EXPECT_EQ(pair.client.join("a").error().code, RequestError::Code::closed);
  EXPECT_FALSE(pair.client.wait_for_outcomes(5s));
}

TEST(Reconnect, ADaemonThatShutsDownIsWaitedFor) {
  Pair pair;
  pair.daemon->send(wire::Error{wire::ErrorCode::shutting_down, "later"});
  ASSERT_NE(next_of<Disconnected>(pair.client), nullptr);
  ASSERT_NE(next_of<Reconnected>(pair.client), nullptr);
}

}  // namespace
}  // namespace vsync::testing
