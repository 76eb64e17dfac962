// The descriptor for an application's own loop: readable as long as there is an event, whatever else happens on the connection.
// (ZeroMQ's own descriptor is edge-triggered and loses wake-ups to any other call on its socket.)

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <thread>

#include "client/event_queue.hpp"
#include "fake_daemon.hpp"
#include "stream.hpp"
#include "vsync/vsync.hpp"

namespace vsync::testing {
namespace {

using namespace std::chrono_literals;

bool readable(int fd, int timeout_ms) {
  pollfd item{fd, POLLIN, 0};
  return ::poll(&item, 1, timeout_ms) == 1;
}

TEST(Descriptor, LosesNoWakeUpWithOneEventPerPollWhilePublishing) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  constexpr int count = 20'000;
  std::thread publishing([&] {
    for (int i = 0; i < count; ++i) {
      const std::string text = std::to_string(i);
      ASSERT_TRUE(pair.client.publish_wait("a", std::as_bytes(std::span(text)), {}, 5s));
    }
  });
  int messages = 0;
  while (messages < count && readable(pair.client.descriptor(), 5000)) {
    const Event* event = pair.client.try_next();
    messages += event != nullptr && std::holds_alternative<Message>(*event);
  }
  EXPECT_EQ(messages, count);
  publishing.join();
}

TEST(Descriptor, AnswersEachOfManyLoneMessages) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(pair.client.publish("a", "x"));
    bool got = false;
    while (!got) {
      ASSERT_TRUE(readable(pair.client.descriptor(), 5000)) << "message " << i;
      while (const Event* event = pair.client.try_next()) got = got || std::holds_alternative<Message>(*event);
    }
  }
}

TEST(Descriptor, IsQuietWhenThereIsNothing) {
  Pair pair({.deliver = false, .resolve = false});
  while (pair.client.try_next() != nullptr) {
  }
  EXPECT_FALSE(readable(pair.client.descriptor(), 0));
  ASSERT_TRUE(pair.client.publish("a", "x"));
  ASSERT_TRUE(pair.daemon->wait_for<wire::Publish>());
  EXPECT_FALSE(readable(pair.client.descriptor(), 0)) << "sending is no event";
}

TEST(EventQueue, IsReadableFromAPushUntilATakeThatFindsNothing) {
  client::EventQueue queue;
  EXPECT_FALSE(readable(queue.descriptor(), 0));
  queue.push(Event{Writable{}});
  EXPECT_TRUE(readable(queue.descriptor(), 0));
  std::vector<client::Incoming> items;
  EXPECT_TRUE(queue.take(items));
  EXPECT_TRUE(readable(queue.descriptor(), 0)) << "its reader may not have read them all";
  items.clear();
  EXPECT_FALSE(queue.take(items));
  EXPECT_FALSE(readable(queue.descriptor(), 0));
}

TEST(EventQueue, KeepsOnlyTheLastOfMarksThatNobodyReads) {
  client::EventQueue queue;
  for (std::uint64_t seq = 1; seq <= 1000; ++seq) queue.push(Event{Mark{.up_to = {.view = 1, .seq = seq}, .level = Level::uniform, .view = 1}});
  queue.push(Event{Mark{.up_to = {.view = 2, .seq = 1}, .level = Level::uniform, .view = 2}});
  std::vector<client::Incoming> items;
  ASSERT_TRUE(queue.take(items));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(std::get<Mark>(std::get<Event>(items[0])).up_to.seq, 1000u);
}

TEST(EventQueue, PutsOutcomesTogetherThatNobodyReads) {
  client::EventQueue queue;
  constexpr std::uint64_t all = 3 * client::EventQueue::outcomes_apart_max;
  for (std::uint64_t n = 1; n <= all; ++n) queue.push(Event{Outcome{.first_n = n, .count = 1, .position = Position{.seq = n * 2}}});
  std::vector<client::Incoming> items;
  ASSERT_TRUE(queue.take(items));
  EXPECT_EQ(items.size(), client::EventQueue::outcomes_apart_max);
  std::uint64_t next = 1;
  for (const auto& item : items) {
    const auto& outcome = std::get<Outcome>(std::get<Event>(item));
    EXPECT_EQ(outcome.first_n, next);
    EXPECT_EQ(outcome.position.has_value(), outcome.count == 1);
    next += outcome.count;
  }
  EXPECT_EQ(next, all + 1);
}

TEST(EventQueue, IsFullAboveItsBound) {
  client::EventQueue queue;
  std::vector<client::Incoming> items;
  for (int i = 0; i < 65; ++i) items.emplace_back(client::DeliveredBatch{{}, zmq::message_t(1u << 20), 1});
  queue.push(items);
  EXPECT_TRUE(queue.full());
  ASSERT_TRUE(queue.take(items));
  EXPECT_FALSE(queue.full());
}

}  // namespace
}  // namespace vsync::testing
