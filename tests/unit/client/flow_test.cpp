// Bounds and pressure: credit, the queue of publishes, and publishers on several threads.

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

std::size_t published_count(const std::vector<Received>& all) {
  std::size_t count = 0;
  for (const Received& each : all) {
    if (const auto* publish = std::get_if<wire::Publish>(&each.message)) count += publish->count;
  }
  return count;
}

TEST(Flow, AMessageOnAnIdleLineIsSentAtOnce) {
  Pair pair;
  ASSERT_TRUE(pair.client.publish("a", "x"));
  EXPECT_TRUE(pair.daemon->wait_for<wire::Publish>());
}

TEST(Flow, StopsAtItsCreditAndSendsWhatGatheredInFewBatches) {
  Pair pair({.credit = {1u << 20, 1}});
  ASSERT_TRUE(pair.client.publish("a", "first"));
  ASSERT_TRUE(pair.client.wait_for_outcomes(5s));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pair.client.publish("a", std::to_string(i)));
  pair.daemon->send(wire::Ping{1});
  ASSERT_TRUE(pair.daemon->wait_for<wire::Pong>());
  EXPECT_EQ(published_count(pair.daemon->received()), 1u);
  pair.daemon->send(wire::Credit{1u << 20, 2000});
  ASSERT_TRUE(pair.daemon->wait_until([](const auto& all) { return published_count(all) == 1001; }));
  EXPECT_EQ(pair.daemon->received_of<wire::Publish>().size(), 2u);
}

TEST(Flow, AFullQueueRefusesAndTellsWhenThereIsRoomAgain) {
  Pair pair({.resolve = false}, {.queue_bytes_max = 10'000});
  Result<PublishId, PublishError> published = PublishId{};
  std::uint64_t count = 0;
  while ((published = pair.client.publish("a", std::string(100, 'x')))) ++count;
  EXPECT_EQ(published.error(), PublishError::queue_full);
  EXPECT_GT(count, 70u);
  EXPECT_LT(count, 100u);
  ASSERT_TRUE(pair.daemon->wait_until([&](const auto& all) { return published_count(all) == count; }));
  pair.daemon->send(wire::OutcomeRun{1, static_cast<std::uint32_t>(count), wire::OutcomeRun::Kind::ok, at(1)});
  ASSERT_NE(next_of<Writable>(pair.client), nullptr);
  EXPECT_TRUE(pair.client.publish("a", "x"));
}

TEST(Flow, PublishWaitGivesUpAtItsTimeoutAndGoesOnWhenThereIsRoom) {
  Pair pair({.resolve = false}, {.queue_bytes_max = 1000});
  const std::vector<std::byte> data(900);
  ASSERT_TRUE(pair.client.publish("a", data));
  EXPECT_EQ(pair.client.publish_wait("a", data, {}, 10ms).error(), PublishError::queue_full);
  std::thread resolving([&] {
    pair.daemon->wait_for<wire::Publish>();
    pair.daemon->send(wire::OutcomeRun{1, 1, wire::OutcomeRun::Kind::ok, at(1)});
  });
  EXPECT_TRUE(pair.client.publish_wait("a", data, {}, 5s));
  resolving.join();
}

TEST(Flow, PublishWaitReturnsWhenTheConnectionCloses) {
  Pair pair({.resolve = false}, {.queue_bytes_max = 1000});
  const std::vector<std::byte> data(900);
  ASSERT_TRUE(pair.client.publish("a", data));
  ASSERT_TRUE(pair.daemon->wait_for<wire::Publish>());
  std::thread ending([&] { pair.daemon->send(wire::Error{wire::ErrorCode::session_expired, "over"}); });
  EXPECT_EQ(pair.client.publish_wait("a", data, {}, 5s).error(), PublishError::closed);
  ending.join();
}

TEST(Flow, LargeMessagesArriveWhole) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  std::string data(1u << 20, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31 >> 3);
  ASSERT_TRUE(pair.client.publish("a", data));
  ASSERT_TRUE(pair.client.publish("a", ""));
  EXPECT_EQ(next_of<Message>(pair.client)->text(), data);
  EXPECT_EQ(next_of<Message>(pair.client)->text(), "");
}

TEST(Flow, EachThreadsPublishesKeepTheirOrder) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  constexpr int threads = 4;
  constexpr int each = 5000;
  std::vector<std::thread> publishers;
  for (int t = 0; t < threads; ++t) {
    publishers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        const std::string text = std::to_string(t) + "-" + std::to_string(i);
        while (!pair.client.publish_wait("a", std::as_bytes(std::span(text)), {}, 5s)) {
        }
      }
    });
  }
  std::vector<int> next(threads, 0);
  for (int i = 0; i < threads * each; ++i) {
    const Message* message = next_of<Message>(pair.client);
    ASSERT_NE(message, nullptr);
    const std::string text(message->text());
    const auto dash = text.find('-');
    ASSERT_EQ(std::stoi(text.substr(dash + 1)), next[std::stoul(text.substr(0, dash))]++);
  }
  for (std::thread& publisher : publishers) publisher.join();
  EXPECT_TRUE(pair.client.wait_for_outcomes(5s));
}

}  // namespace
}  // namespace vsync::testing
