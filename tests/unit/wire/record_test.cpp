#include <gtest/gtest.h>

#include <cstring>

#include "mutate.hpp"
#include "random.hpp"
#include "wire/limits.hpp"
#include "wire/record.hpp"

namespace vsync::wire {
namespace {

using test::Bytes;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

Bytes one_record(const RecordInput& input) {
  Bytes body;
  append_record(body, input);
  return body;
}

/// What reading the whole body ends with; nothing after a clean end.
std::optional<RecordError> read_all(std::span<const std::byte> body) {
  RecordReader reader(body);
  Record record;
  while (reader.next(record)) {}
  return reader.failed() ? std::optional(reader.error()) : std::nullopt;
}

void poke(Bytes& body, std::size_t at, std::uint32_t value) { std::memcpy(body.data() + at, &value, sizeof value); }

TEST(Record, KeepsEveryPartOfAMessage) {
  const std::vector<Header> headers{{"unit", "USD"}, {"empty", ""}};
  const RecordInput input{.topic = "stocks.MSFT", .key = "k", .headers = headers, .published_at = -5, .data = bytes_of("1.25")};
  const Bytes body = one_record(input);
  EXPECT_EQ(body.size(), encoded_size(input));

  RecordReader reader(body);
  Record record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.topic, "stocks.MSFT");
  EXPECT_TRUE(record.new_topic);
  EXPECT_EQ(record.key, "k");
  EXPECT_EQ(record.published_at, -5);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(record.data.data()), record.data.size()), "1.25");
  const auto read_headers = record.headers();
  ASSERT_EQ(read_headers.size(), 2u);
  EXPECT_EQ(read_headers[0].name, "unit");
  EXPECT_EQ(read_headers[0].value, "USD");
  EXPECT_EQ(read_headers[1].name, "empty");
  EXPECT_EQ(read_headers[1].value, "");
  EXPECT_FALSE(reader.next(record));
  EXPECT_FALSE(reader.failed());
}

TEST(Record, WithoutATopicHasThatOfTheRecordBefore) {
  Bytes body = one_record({.topic = "a.b"});
  append_record(body, {.topic = ""});
  append_record(body, {.topic = "c"});
  RecordReader reader(body);
  Record record;
  ASSERT_TRUE(reader.next(record) && reader.next(record));
  EXPECT_EQ(record.topic, "a.b");
  EXPECT_FALSE(record.new_topic);
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.topic, "c");
  EXPECT_TRUE(record.new_topic);
}

TEST(Record, FirstOneMustNameItsTopic) { EXPECT_EQ(read_all(one_record({.topic = ""})), RecordError::no_topic); }

TEST(Record, CheckRefusesWhatIsBeyondALimitAndNothingElse) {
  const std::string key(key_bytes_max + 1, 'k');
  const std::string value(header_bytes_max, 'v');
  const std::vector<std::byte> data(message_bytes_max + 1);
  const std::vector<Header> many(headers_max + 1, Header{"n", ""});
  const std::vector<Header> widest{{"n", std::string_view(value).substr(1)}};
  const std::vector<Header> too_wide{{"n", value}};
  const std::vector<Header> unnamed{{"", "v"}};

  const auto error_of = [](const RecordInput& input) -> std::optional<RecordError> {
    const auto result = check(input);
    return result ? std::nullopt : std::optional(result.error());
  };
  EXPECT_EQ(error_of({.topic = "a", .key = std::string_view(key).substr(1), .headers = widest, .data = std::span(data).subspan(1)}), std::nullopt);
  EXPECT_EQ(error_of({.topic = "a", .headers = std::span(many).subspan(1)}), std::nullopt);
  EXPECT_EQ(error_of({.topic = "a", .key = key}), RecordError::too_large);
  EXPECT_EQ(error_of({.topic = "a", .data = data}), RecordError::too_large);
  EXPECT_EQ(error_of({.topic = "a", .headers = many}), RecordError::bad_headers);
  EXPECT_EQ(error_of({.topic = "a", .headers = too_wide}), RecordError::bad_headers);
  EXPECT_EQ(error_of({.topic = "a", .headers = unnamed}), RecordError::bad_headers);
  EXPECT_EQ(error_of({.topic = "a.*"}), RecordError::bad_topic);
}

TEST(Record, LargestSoundOneFitsItsBound) {
  const std::string topic(topic_bytes_max, 't');
  const std::string key(key_bytes_max, 'k');
  const std::string value(header_bytes_max - 1, 'v');
  const std::vector<Header> headers(headers_max, Header{"n", value});
  const std::vector<std::byte> data(message_bytes_max);
  const RecordInput input{.topic = topic, .key = key, .headers = headers, .published_at = 1, .data = data};
  ASSERT_TRUE(check(input));
  const Bytes body = one_record(input);
  EXPECT_LE(body.size(), record_bytes_max);
  EXPECT_TRUE(check_body(body, 1, 1));
}

TEST(RecordReader, TellsWhatIsWrong) {
  const std::vector<Header> headers{{"n", "v"}};
  const Bytes sound = one_record({.topic = "a", .headers = headers, .data = bytes_of("xy")});
  ASSERT_EQ(read_all(sound), std::nullopt);
  const auto with = [&](std::size_t at, std::uint32_t value) {
    Bytes body = sound;
    poke(body, at, value);
    return read_all(body);
  };
  const auto size = static_cast<std::uint32_t>(sound.size());
  EXPECT_EQ(with(0, size + 1), RecordError::truncated);
  EXPECT_EQ(with(0, size - 1), RecordError::bad_headers);
  EXPECT_EQ(with(0, 19), RecordError::bad_size);
  EXPECT_EQ(with(0, 0), RecordError::bad_size);
  EXPECT_EQ(with(4, 3), RecordError::bad_headers);
  EXPECT_EQ(with(4, 1000), RecordError::bad_size);
  EXPECT_EQ(with(4, message_bytes_max + 1), RecordError::too_large);
  EXPECT_EQ(with(16, 0x01010001), RecordError::reserved_bits);
  EXPECT_EQ(with(16, 0x00020001), RecordError::bad_headers);
  EXPECT_EQ(with(16, 0x00000001), RecordError::bad_size);

  Bytes body = sound;
  body[20] = std::byte{'*'};
  EXPECT_EQ(read_all(body), RecordError::bad_topic);
}

TEST(RecordReader, FailsAtEveryTruncation) {
  test::Random random(1);
  const auto body = test::random_records(random, 5);
  std::size_t clean_ends = 0;
  for (std::size_t size = 0; size < body.bytes.size(); ++size) {
    const test::Misaligned part(std::span(body.bytes).first(size), 0);
    clean_ends += !read_all(part.bytes());
  }
  EXPECT_EQ(clean_ends, body.count) << "only before each record";
}

TEST(RecordReader, StaysFailed) {
  RecordReader reader(bytes_of("short"));
  Record record;
  EXPECT_FALSE(reader.next(record));
  EXPECT_FALSE(reader.next(record));
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.error(), RecordError::truncated);
}

TEST(CheckBody, CountsRecordsAndTopics) {
  Bytes body = one_record({.topic = "a"});
  append_record(body, {.topic = ""});
  append_record(body, {.topic = "b"});
  EXPECT_TRUE(check_body(body, 3, 2));
  for (const auto& [count, runs] : {std::pair(2u, 2u), {4u, 2u}, {3u, 1u}, {3u, 3u}}) {
    const auto result = check_body(body, count, runs);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), RecordError::count_mismatch);
  }
}

TEST(CheckBody, RefusesMoreBytesThanABatchMayHave) {
  const std::vector<std::byte> data(64u << 10);
  Bytes body;
  std::uint32_t count = 0;
  while (body.size() <= batch_bytes_max) {
    append_record(body, {.topic = "a", .data = data});
    ++count;
  }
  const auto result = check_body(body, count, count);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), RecordError::too_large);
}

TEST(CheckBody, ReadsAtEveryAlignment) {
  test::Random random(2);
  for (int round = 0; round < 50; ++round) {
    const auto body = test::random_records(random, 10);
    for (std::size_t offset = 0; offset < 8; ++offset) {
      EXPECT_TRUE(check_body(test::Misaligned(body.bytes, offset).bytes(), body.count, body.topic_runs));
    }
  }
}

TEST(RecordError, IsDescribedEachInItsOwnWords) {
  std::vector<std::string> texts;
  for (int error = 0; error <= static_cast<int>(RecordError::count_mismatch); ++error) {
    texts.emplace_back(describe(static_cast<RecordError>(error)));
  }
  std::sort(texts.begin(), texts.end());
  EXPECT_EQ(std::adjacent_find(texts.begin(), texts.end()), texts.end());
}

}  // namespace
}  // namespace vsync::wire
