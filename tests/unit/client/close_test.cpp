// The end of a connection, and daemons that send what they should not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>

#include "fake_daemon.hpp"
#include "stream.hpp"
#include "vsync/vsync.hpp"

namespace vsync::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(Close, SaysGoodbyeAfterEverythingIsSentAndKeepsTheStreamReadable) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.client.close(5s));
  EXPECT_EQ(pair.client.outcomes().ok, 1000u);
  const auto received = pair.daemon->received();
  EXPECT_TRUE(std::holds_alternative<wire::GoodbyeRequest>(received.back().message));
  EXPECT_EQ(pair.daemon->published().size(), 1000u);
  int messages = 0;
  const Closed* closed = nullptr;
  while (const Event* event = pair.client.next(0s)) {
    messages += std::holds_alternative<Message>(*event);
    closed = std::get_if<Closed>(event);
  }
  EXPECT_EQ(messages, 1000);
  ASSERT_NE(closed, nullptr) << "Closed is the last event";
  EXPECT_TRUE(closed->by_application);
}

TEST(Close, OpensTheDeliveryWindowForADaemonWhoseGoodbyeWaitsBehindIt) {
  Pair pair({.acknowledge_goodbye = false});
  ASSERT_TRUE(pair.client.join("a"));
  const auto body = body_of("a", {std::string(400'000, 'x')});
  const wire::Deliver head{.first = at(10), .count = 1, .publisher_node = "alpha", .publisher_session = {1, 2}};
  pair.daemon->send(head, body);
  std::thread daemon([&] {
    pair.daemon->wait_for<wire::GoodbyeRequest>();
    pair.daemon->send(head, body);
    pair.daemon->wait_until([&](const auto& all) {
      const auto* last = std::get_if<wire::Received>(&all.back().message);
      return last != nullptr && last->bytes == 2 * body.size();
    });
    pair.daemon->send(wire::GoodbyeReply{});
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(pair.client.close(10s));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  daemon.join();
  EXPECT_NE(next_of<Message>(pair.client), nullptr) << "what came is still readable";
}

TEST(Close, NamesHowManyPublishesHaveNoOutcome) {
  Pair pair({.resolve = false, .acknowledge_goodbye = false});
  ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.client.publish("a", "y"));
  const auto closed = pair.client.close(20ms);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().unresolved, 2u);
  const Outcome* outcome = next_of<Outcome>(pair.client);
  ASSERT_NE(outcome, nullptr);
  EXPECT_EQ(outcome->kind, Outcome::Kind::unknown);
  EXPECT_EQ(pair.client.outcomes().unknown, 2u);
}

TEST(Close, EndsAllFurtherCalls) {
  Pair pair;
  auto group = pair.client.join("a");
  ASSERT_TRUE(group);
  ASSERT_TRUE(pair.client.close(5s));
  EXPECT_TRUE(pair.client.close(5s)) << "again: nothing to do";
  EXPECT_EQ(pair.client.publish("a", "x").error(), PublishError::closed);
  EXPECT_EQ(pair.client.join("b").error().code, RequestError::Code::closed);
  EXPECT_EQ(pair.client.status().error().code, RequestError::Code::closed);
  EXPECT_EQ(group->leave().error().code, RequestError::Code::closed);
}

TEST(Close, OfAConnectionWithoutADaemonAndWithoutPublishesIsImmediate) {
  Pair pair;
  pair.daemon.reset();
  ASSERT_NE(next_of<Disconnected>(pair.client), nullptr);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(pair.client.close(10s));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST(Close, ByTheDestructorSaysGoodbyeToo) {
  SocketDirectory directory;
  FakeDaemon daemon(directory.endpoint(), {});
  {
    Connection client = connect({.endpoint = directory.endpoint()});
    ASSERT_TRUE(client.publish("a", "x"));
  }
  EXPECT_TRUE(daemon.wait_for<wire::GoodbyeRequest>());
  EXPECT_EQ(daemon.published().size(), 1u);
}

TEST(Close, AMovedConnectionGoesOn) {
  Pair pair;
  Connection moved = std::move(pair.client);
  ASSERT_TRUE(moved.publish("a", "x"));
  EXPECT_TRUE(moved.wait_for_outcomes(5s));
  pair.client = std::move(moved);
  EXPECT_TRUE(pair.client.publish("a", "x"));
}

class Malformed : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Malformed, AnswersEndTheSessionAndNothingElse) {
  Pair pair({.resolve = false});
  ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.daemon->wait_for<wire::Publish>());
  pair.daemon->send_raw(GetParam());
  std::optional<Closed> closed;
  while (const Event* event = pair.client.next(5s)) {
    if (const auto* last = std::get_if<Closed>(event)) closed = *last;
  }
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->code, ErrorCode::malformed);
  EXPECT_EQ(pair.client.outcomes().unknown, 1u);
}

INSTANTIATE_TEST_SUITE_P(All, Malformed,
                         ::testing::Values(std::vector<std::string>{"garbage", ""}, std::vector<std::string>{""},
                                           std::vector<std::string>{"", ""}, std::vector<std::string>{"one part"},
                                           std::vector<std::string>{"a", "b", "c"},
                                           std::vector<std::string>{std::string(100'000, '\xff'), ""},
                                           std::vector<std::string>(5000, "part")));

TEST(MalformedBody, IsToldAsAGapAndTheStreamGoesOn) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  auto body = body_of("a", {"1", "2", "3"});
  body.resize(body.size() - 1);
  const wire::Deliver head{.first = at(10), .count = 3, .publisher_node = "alpha", .publisher_session = {1, 2}};
  pair.daemon->send(head, body);
  EXPECT_EQ(next_of<Message>(pair.client)->text(), "1");
  EXPECT_EQ(next_of<Message>(pair.client)->text(), "2");
  const Gap* gap = next_of<Gap>(pair.client);
  ASSERT_NE(gap, nullptr);
  EXPECT_EQ(gap->from.seq, 12u);
  EXPECT_EQ(gap->to.seq, 12u);
  pair.daemon->send(wire::Deliver{.first = at(13), .count = 1, .publisher_node = "alpha", .publisher_session = {1, 2}}, body_of("a", {"4"}));
  EXPECT_EQ(next_of<Message>(pair.client)->text(), "4");
}

TEST(FirstAnswer, OfAnotherVersionIsARefusalThatSaysSo) {
  SocketDirectory directory;
  FakeDaemon daemon(directory.endpoint(), {.welcome = false});
  std::thread answering([&] {
    daemon.wait_for<wire::Open>();
    daemon.send(wire::Error{wire::ErrorCode::unsupported_version, "speaks version 9"});
  });
  const auto opened = Connection::open({.endpoint = directory.endpoint(), .connect_timeout = 5s});
  answering.join();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ConnectError::Code::refused);
  EXPECT_EQ(opened.error().reason, ErrorCode::unsupported_version);
  EXPECT_THAT(opened.error().text, HasSubstr("version 9"));
}

TEST(FirstAnswer, ThatIsNoWelcomeIsRefused) {
  SocketDirectory directory;
  FakeDaemon daemon(directory.endpoint(), {.welcome = false});
  std::thread answering([&] {
    daemon.wait_for<wire::Open>();
    daemon.send(wire::Credit{1, 1});
  });
  const auto opened = Connection::open({.endpoint = directory.endpoint(), .connect_timeout = 5s});
  answering.join();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ConnectError::Code::refused);
}

}  // namespace
}  // namespace vsync::testing
