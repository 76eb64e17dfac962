// Applications that come back with a last position: to a daemon that went on, and to one that was started again.

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "live_daemon.hpp"

namespace vsync::daemon {
namespace {

using protocol::Level;
using protocol::Position;

struct SessionReturnTest : LiveDaemon {
  void SetUp() override { start(); }

  /// Publishes `count` messages and waits until they are resolved.
  void publish(Client& client, std::uint64_t count, Level level, const std::string& topic = "g") {
    client.send(wire::Publish{n_, static_cast<std::uint32_t>(count), level, false, 1}, body_of(topic, count));
    n_ += count;
    const auto outcome = client.expect<wire::OutcomeRun>();
    ASSERT_TRUE(outcome);
    ASSERT_EQ(outcome->kind, wire::OutcomeRun::Kind::ok);
  }
  /// Opens session `id` again where `last` was the end of its stream, and joins `groups` again.
  void reopen(Client& client, std::uint64_t id, const Position& last, const std::vector<std::string>& groups,
              wire::DeliverOn on = wire::DeliverOn::order) {
    auto opening = client.opening(id);
    opening.last_position = last;
    client.send(opening);
    ASSERT_TRUE(client.expect<wire::Welcome>());
    std::uint32_t request = 10;
    for (const std::string& group : groups) client.send(wire::Join{request++, group, on, true});
    client.send(wire::JoinedAgain{});
  }
  /// What comes until the last of `count` group views: R Resync, J Joined, G Gap, D Deliver, V GroupView.
  std::string stream_until_views(Client& client, int count, std::vector<wire::Deliver>& delivered) {
    std::string kinds;
    while (count > 0) {
      auto message = client.receive();
      if (!message) return kinds + " (timed out)";
      if (std::holds_alternative<wire::Resync>(*message)) kinds += 'R';
      if (std::holds_alternative<wire::Joined>(*message)) kinds += 'J';
      if (std::holds_alternative<wire::Gap>(*message)) kinds += 'G';
      if (const auto* deliver = std::get_if<wire::Deliver>(&*message)) {
        kinds += 'D';
        delivered.push_back(*deliver);
      }
      if (const auto* mark = std::get_if<wire::Mark>(&*message)) marked_[mark->level] = mark->up_to;
      if (std::holds_alternative<wire::GroupView>(*message)) {
        kinds += 'V';
        --count;
      }
    }
    return kinds;
  }
  std::uint64_t n_ = 1;
  std::map<Level, Position> marked_;
};

TEST_F(SessionReturnTest, WhoComesBackGetsTheDurableMessagesItMissed) {
  Client publisher = connect();
  ASSERT_TRUE(publisher.open(2));
  Position last;
  {
    Client client = connect();
    ASSERT_TRUE(client.open(1));
    ASSERT_TRUE(client.join("g"));
    publish(publisher, 1, Level::durable);
    const auto deliver = client.expect<wire::Deliver>();
    ASSERT_TRUE(deliver);
    last = deliver->first;
  }
  publish(publisher, 2, Level::durable);
  publish(publisher, 3, Level::agreed);
  publish(publisher, 1, Level::durable);
  publish(publisher, 1, Level::durable, "not.wanted");

  Client client = connect();
  ASSERT_NO_FATAL_FAILURE(reopen(client, 1, last, {"g"}));
  std::vector<wire::Deliver> delivered;
  EXPECT_EQ(stream_until_views(client, 1, delivered), "RJDDV");
  ASSERT_EQ(delivered.size(), 2u);
  EXPECT_EQ(delivered[0].count, 2u);
  EXPECT_EQ(delivered[1].count, 1u);
  EXPECT_GT(delivered[0].first, last);
  EXPECT_GT(delivered[1].first, delivered[0].first);
  while (marked_[Level::durable] < delivered[1].first) {
    const auto mark = client.expect<wire::Mark>();
    ASSERT_TRUE(mark) << "what was replayed is confirmed, too";
    marked_[mark->level] = mark->up_to;
  }
  publish(publisher, 1, Level::agreed);
  const auto live = client.expect<wire::Deliver>();
  ASSERT_TRUE(live);
  EXPECT_GT(live->first, delivered[1].first);
  EXPECT_EQ(counter("deliveries_replayed"), 3u);
}

TEST_F(SessionReturnTest, SeveralGroupsGoOnTogetherInOneOrder) {
  Client publisher = connect();
  ASSERT_TRUE(publisher.open(2));
  Position last;
  {
    Client client = connect();
    ASSERT_TRUE(client.open(1));
    ASSERT_TRUE(client.join("a"));
    const auto joined = client.join("b.>");
    ASSERT_TRUE(joined);
    last = joined->position;
  }
  for (const char* topic : {"a", "b.1", "a", "b.2", "c"}) publish(publisher, 1, Level::durable, topic);
  Client client = connect();
  auto opening = client.opening(1);
  opening.last_position = last;
  client.send(opening);
  ASSERT_TRUE(client.expect<wire::Welcome>());
  client.send(wire::Join{10, "a", wire::DeliverOn::order, true});
  client.send(wire::Join{11, "c", wire::DeliverOn::order});  // new: no history
  EXPECT_FALSE(client.expect<wire::Joined>(100ms)) << "not before all of them can";
  client.send(wire::Join{12, "b.>", wire::DeliverOn::order, true});
  client.send(wire::JoinedAgain{});
  std::vector<wire::Deliver> delivered;
  EXPECT_EQ(stream_until_views(client, 3, delivered), "RJJDDDDVVJV");
  EXPECT_TRUE(std::ranges::is_sorted(delivered, {}, &wire::Deliver::first));
}

// A connection that breaks in the middle costs nothing: the next one goes on behind what the application was given.
TEST_F(SessionReturnTest, ABrokenReplayGoesOnWhereItBroke) {
  Client publisher = connect();
  ASSERT_TRUE(publisher.open(2));
  Position last;
  {
    Client client = connect();
    ASSERT_TRUE(client.open(1));
    const auto joined = client.join("g");
    ASSERT_TRUE(joined);
    last = joined->position;
  }
  for (int i = 0; i < 10; ++i) publish(publisher, 1, Level::durable);
  std::size_t seen = 0;
  for (const std::size_t take : {0u, 1u, 4u, 100u}) {
    Client client = connect();
    ASSERT_NO_FATAL_FAILURE(reopen(client, 1, last, {"g"}));
    const auto joined = client.expect<wire::Joined>();
    ASSERT_TRUE(joined);
    EXPECT_EQ(joined->position, last) << "nothing behind it was given";
    for (std::size_t i = 0; i < take && seen < 10; ++i) {
      const auto deliver = client.expect<wire::Deliver>();
      ASSERT_TRUE(deliver);
      ASSERT_GT(deliver->first, last);
      last = deliver->first;
      ++seen;
    }
  }
  EXPECT_EQ(seen, 10u);
}

TEST_F(SessionReturnTest, AStreamThatWaitsForConfirmationGetsItsReplayToo) {
  Client publisher = connect();
  ASSERT_TRUE(publisher.open(2));
  Position last;
  {
    Client client = connect();
    ASSERT_TRUE(client.open(1));
    const auto joined = client.join("g", wire::DeliverOn::durable);
    ASSERT_TRUE(joined);
    last = joined->position;
  }
  publish(publisher, 3, Level::durable);
  Client client = connect();
  ASSERT_NO_FATAL_FAILURE(reopen(client, 1, last, {"g"}, wire::DeliverOn::durable));
  ASSERT_TRUE(client.expect<wire::Deliver>());
  publish(publisher, 1, Level::durable);
  ASSERT_TRUE(client.expect<wire::Deliver>());
}

TEST_F(SessionReturnTest, ADaemonThatIsStartedAgainGivesWhatItsDiskKept) {
  Position last;
  {
    Client client = connect();
    ASSERT_TRUE(client.open(1));
    const auto joined = client.join("g");
    ASSERT_TRUE(joined);
    last = joined->position;
    Client publisher = connect();
    ASSERT_TRUE(publisher.open(2));
    client.send(wire::Leave{9, "elsewhere"});  // the connection is only kept open
    publish(publisher, 5, Level::durable);
    publish(publisher, 5, Level::safe);
    publish(publisher, 2, Level::durable);
  }
  restart();
  Client client = connect();
  ASSERT_NO_FATAL_FAILURE(reopen(client, 1, last, {"g"}));
  std::vector<wire::Deliver> delivered;
  EXPECT_EQ(stream_until_views(client, 1, delivered), "RJDDV");
  ASSERT_EQ(delivered.size(), 2u);
  EXPECT_EQ(delivered[0].count, 5u);
  EXPECT_EQ(delivered[1].count, 2u);
  EXPECT_EQ(delivered[0].level, Level::durable);
}

struct LongReplayTest : SessionReturnTest {
  void SetUp() override {
    configuration_.sessions.window_bytes = 64 << 10;
    configuration_.sessions.queue_bytes_max = 1 << 20;
    start();
  }
};

// More is missed than may wait for an application: it stays in the log until the application takes it.
TEST_F(LongReplayTest, TakesNoMoreMemoryThanAnyStream) {
  Client publisher = connect();
  ASSERT_TRUE(publisher.open(2));
  Position last;
  {
    Client client = connect();
    ASSERT_TRUE(client.open(1));
    const auto joined = client.join("g");
    ASSERT_TRUE(joined);
    last = joined->position;
  }
  const std::string data(1000, 'x');
  for (int i = 0; i < 300; ++i) {
    publisher.send(wire::Publish{n_, 10, Level::durable, false, 1}, body_of("g", 10, data));
    n_ += 10;
    ASSERT_TRUE(publisher.expect<wire::OutcomeRun>());
  }
  const std::uint64_t too_slow_before = counter("sessions_too_slow");  // the former connection, which nobody reads
  Client client = connect();
  ASSERT_NO_FATAL_FAILURE(reopen(client, 1, last, {"g"}));
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
  while (const auto deliver = client.expect<wire::Deliver>(300ms)) {
    bytes += client.body().size();
    messages += deliver->count;
  }
  EXPECT_GT(bytes, 64u << 10);
  EXPECT_LT(bytes, 128u << 10) << "a window, and the body that overfills it";
  client.send(wire::Received{bytes});
  while (messages < 3000) {
    const auto deliver = client.expect<wire::Deliver>();
    ASSERT_TRUE(deliver) << messages;
    ASSERT_GT(deliver->first, last);
    last = deliver->first;
    messages += deliver->count;
    bytes += client.body().size();
    client.send(wire::Received{bytes});
  }
  EXPECT_EQ(messages, 3000u);
  EXPECT_EQ(counter("sessions_too_slow"), too_slow_before);
}

}  // namespace
}  // namespace vsync::daemon
