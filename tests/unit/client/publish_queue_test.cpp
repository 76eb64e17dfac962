// Batches of publishes: how they gather, what credit lets out, what is kept and sent again.

#include "client/publish_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_daemon.hpp"

namespace vsync::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using vsync::testing::texts_of;

constexpr wire::Credit plenty{1u << 30, 1u << 30};

struct Fixture : ::testing::Test {
  PublishQueue queue{1u << 20};

  std::uint64_t publish(std::string_view text, std::string_view topic = "a", BatchKind kind = {}) {
    const auto n = queue.append({.topic = topic, .data = std::as_bytes(std::span(text))}, kind);
    return n ? *n : 0;
  }
  std::vector<PublishQueue::Sendable> take_all() {
    std::vector<PublishQueue::Sendable> all;
    while (auto next = queue.take()) all.push_back(std::move(*next));
    return all;
  }
  /// "first_n: text text" of each batch.
  static std::vector<std::string> shown(const std::vector<PublishQueue::Sendable>& batches) {
    std::vector<std::string> out;
    for (const auto& batch : batches) {
      std::string line = std::to_string(batch.head.first_n) + ":";
      for (const std::string& text : texts_of(*batch.body)) line += " " + text;
      EXPECT_EQ(texts_of(*batch.body).size(), batch.head.count);
      EXPECT_TRUE(wire::check_body(*batch.body, batch.head.count, batch.head.topic_runs)) << line;
      out.push_back(line);
    }
    return out;
  }
};
using PublishQueueTest = Fixture;

TEST_F(PublishQueueTest, SendsNothingBeforeTheWelcome) {
  publish("x");
  EXPECT_FALSE(queue.sendable());
  EXPECT_TRUE(queue.unsent());
  queue.on_welcome(plenty, 1u << 20);
  EXPECT_TRUE(queue.sendable());
}

TEST_F(PublishQueueTest, WhatGathersMeanwhileGoesTogether) {
  queue.on_welcome(plenty, 1u << 20);
  publish("1");
  EXPECT_THAT(shown(take_all()), ElementsAre("1: 1"));
  publish("2");
  publish("3");
  publish("4", "b");
  EXPECT_THAT(shown(take_all()), ElementsAre("2: 2 3 4"));
}

TEST_F(PublishQueueTest, ABatchNamesATopicOnlyWhereItChanges) {
  queue.on_welcome(plenty, 1u << 20);
  publish("1", "a");
  publish("2", "a");
  publish("3", "b");
  publish("4", "a");
  EXPECT_EQ(take_all().front().head.topic_runs, 3u);
}

TEST_F(PublishQueueTest, MessagesOfDifferentLevelsAreInDifferentBatchesInOrder) {
  queue.on_welcome(plenty, 1u << 20);
  publish("1");
  publish("2", "a", {.level = wire::Level::safe});
  publish("3", "a", {.level = wire::Level::safe, .fail_when_blocked = true});
  publish("4");
  const auto batches = take_all();
  EXPECT_THAT(shown(batches), ElementsAre("1: 1", "2: 2", "3: 3", "4: 4"));
  EXPECT_EQ(batches[1].head.level, wire::Level::safe);
  EXPECT_TRUE(batches[2].head.fail_when_blocked);
}

TEST_F(PublishQueueTest, BatchesGrowToTheWantedSizeAndLargeMessagesAreAlone) {
  queue.on_welcome(plenty, 1u << 20);
  for (int i = 0; i < 100; ++i) publish(std::string(1000, 'x'));
  publish(std::string(200'000, 'y'));
  publish("z");
  const auto batches = take_all();
  ASSERT_EQ(batches.size(), 4u);
  for (std::size_t i : {0u, 1u}) EXPECT_LE(batches[i].body->size(), wire::batch_bytes_wanted);
  EXPECT_GT(batches[0].body->size(), wire::batch_bytes_wanted - 1100);
  EXPECT_EQ(batches[2].head.count, 1u);
}

TEST_F(PublishQueueTest, CreditBoundsMessagesAndBytes) {
  queue.on_welcome({1u << 20, 2}, 1u << 20);
  publish("1");
  publish("2");
  EXPECT_EQ(take_all().size(), 1u);
  publish("3");
  EXPECT_FALSE(queue.sendable());
  queue.on_credit({1u << 20, 3});
  EXPECT_THAT(shown(take_all()), ElementsAre("3: 3"));
  queue.on_credit({1u << 20, 2});  // an older word changes nothing
  queue.on_credit({1u << 20, 10});
  publish("4");
  EXPECT_EQ(take_all().size(), 1u);

  PublishQueue other(1u << 20);
  other.on_welcome({60, 100}, 1u << 20);
  const std::string text(20, 'x');
  ASSERT_TRUE(other.append({.topic = "a", .data = std::as_bytes(std::span(text))}, {}));  // 41 bytes
  ASSERT_TRUE(other.take());
  ASSERT_TRUE(other.append({.topic = "a", .data = std::as_bytes(std::span(text))}, {}));
  EXPECT_FALSE(other.take());
}

TEST_F(PublishQueueTest, IsFullAtItsBoundUntilSomethingIsResolved) {
  PublishQueue small(1000);
  small.on_welcome(plenty, 1u << 20);
  const std::string text(400, 'x');
  const wire::RecordInput input{.topic = "a", .data = std::as_bytes(std::span(text))};
  ASSERT_TRUE(small.append(input, {}));
  ASSERT_TRUE(small.take());
  ASSERT_TRUE(small.append(input, {}));
  EXPECT_EQ(small.append(input, {}).error(), PublishError::queue_full);
  small.resolve({1, 1});
  EXPECT_TRUE(small.append(input, {}));
  EXPECT_EQ(small.numbers().last(), 3u) << "a refused publish uses no number";
}

TEST_F(PublishQueueTest, AMessageLargerThanTheQueueStillGoesThroughAnEmptyOne) {
  PublishQueue small(100);
  const std::string text(400, 'x');
  EXPECT_TRUE(small.append({.topic = "a", .data = std::as_bytes(std::span(text))}, {}));
}

TEST_F(PublishQueueTest, ANewConnectionGetsEverythingUnresolvedAgainBeforeAnythingNew) {
  queue.on_welcome(plenty, 1u << 20);
  for (const char* text : {"1", "2", "3"}) {
    publish(text);
    take_all();
  }
  queue.resolve({1, 1});
  publish("4");
  queue.on_welcome(plenty, 1u << 20);
  publish("5");
  EXPECT_THAT(shown(take_all()), ElementsAre("2: 2", "3: 3", "4: 4 5"));
  EXPECT_EQ(queue.resent_up_to(), 3u);
}

TEST_F(PublishQueueTest, WhatIsResolvedInTheMiddleOfABatchIsNotSentAgain) {
  queue.on_welcome(plenty, 1u << 20);
  for (const char* text : {"1", "2", "3", "4", "5"}) publish(text, text[0] < '4' ? "a" : "b");
  take_all();
  queue.resolve({2, 1});
  queue.resolve({4, 1});
  queue.on_welcome(plenty, 1u << 20);
  EXPECT_THAT(shown(take_all()), ElementsAre("1: 1", "3: 3", "5: 5"));
}

TEST_F(PublishQueueTest, WhatIsResolvedBeforeItWasSentAgainIsNotSentAgain) {
  queue.on_welcome(plenty, 1u << 20);
  publish("1");
  publish("2");
  take_all();
  queue.on_welcome(plenty, 1u << 20);
  queue.resolve({1, 1});
  EXPECT_THAT(shown(take_all()), ElementsAre("2: 2"));
  queue.resolve({2, 1});
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST_F(PublishQueueTest, AResendStartsAtTheNumberAskedForAndGoesOnFromThere) {
  queue.on_welcome(plenty, 1u << 20);
  publish("1");
  publish("2");
  publish("3");
  take_all();
  publish("4");
  take_all();
  publish("5");
  queue.on_resend(2);
  EXPECT_THAT(shown(take_all()), ElementsAre("2: 2 3", "4: 4", "5: 5"));
}

TEST_F(PublishQueueTest, AResentBatchDoesNotFailWhenBlocked) {
  queue.on_welcome(plenty, 1u << 20);
  publish("1", "a", {.fail_when_blocked = true});
  EXPECT_TRUE(take_all().front().head.fail_when_blocked);
  queue.on_welcome(plenty, 1u << 20);
  EXPECT_FALSE(take_all().front().head.fail_when_blocked);
}

TEST_F(PublishQueueTest, CreditStartsAgainWithEachConnection) {
  queue.on_welcome({1u << 20, 1}, 1u << 20);
  publish("1");
  EXPECT_EQ(take_all().size(), 1u);
  publish("2");
  EXPECT_THAT(take_all(), IsEmpty());
  queue.resolve({1, 1});
  queue.on_welcome({1u << 20, 1}, 1u << 20);
  EXPECT_THAT(shown(take_all()), ElementsAre("2: 2"));
}

TEST_F(PublishQueueTest, KeepsHeadersAndKeysOfWhatItCutsOut) {
  queue.on_welcome(plenty, 1u << 20);
  const std::vector<wire::Header> headers{{"n", "v"}};
  ASSERT_TRUE(queue.append({.topic = "a", .key = "k"}, {}));
  ASSERT_TRUE(queue.append({.topic = "a", .key = "k2", .headers = headers, .published_at = 77}, {}));
  take_all();
  queue.resolve({1, 1});
  queue.on_welcome(plenty, 1u << 20);
  const auto batch = take_all();
  wire::RecordReader reader(*batch.front().body);
  wire::Record record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.topic, "a");
  EXPECT_EQ(record.key, "k2");
  EXPECT_EQ(record.published_at, 77);
  ASSERT_EQ(record.header_count, 1);
  EXPECT_EQ(record.headers().front().value, "v");
}

}  // namespace
}  // namespace vsync::client
