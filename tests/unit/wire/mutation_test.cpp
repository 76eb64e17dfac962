#include <gtest/gtest.h>

#include "mutate.hpp"
#include "random.hpp"
#include "wire/peer.hpp"
#include "wire/record.hpp"

// Damaged bytes give an error, or a value that is as good as any: it encodes, and what comes of that decodes to the same bytes.
// The sanitizers see the rest.

namespace vsync::wire {
namespace {

using test::Bytes;
using test::Misaligned;
using test::Random;

constexpr int mutations = 20000;

struct Tally {
  int accepted = 0;
  int refused = 0;
};

/// Mutations that are all refused at the door, or never, would test nothing behind it.
void expect_both(const Tally& tally) {
  EXPECT_GT(tally.accepted, mutations / 100);
  EXPECT_GT(tally.refused, mutations / 10);
}

template <class Message, class Make, class Decode>
void survive(std::uint64_t seed, std::size_t kinds, const Make& make, const Decode& decode) {
  Random random(seed);
  Tally tally;
  Bytes bytes, other, again, more;
  for (int i = 0; i < mutations; ++i) {
    encode(make(random, static_cast<std::size_t>(i) % kinds), bytes);
    encode(make(random, random.bits() % kinds), other);
    const Misaligned damaged(test::mutate(random, bytes, other), random.bits() % 8);
    const Result<Message, DecodeError> decoded = decode(damaged.bytes());
    if (!decoded) {
      ++tally.refused;
      ASSERT_FALSE(decoded.error().what.empty());
      continue;
    }
    ++tally.accepted;
    encode(*decoded, again);
    const auto twice = decode(again);
    ASSERT_TRUE(twice) << twice.error().what;
    encode(*twice, more);
    ASSERT_EQ(more, again);
  }
  expect_both(tally);
}

TEST(Mutations, OfWhatAnApplicationSaysAreSurvived) { survive<ToDaemon>(1, test::to_daemon_kinds, test::random_to_daemon, decode_to_daemon); }

TEST(Mutations, OfWhatADaemonSaysAreSurvived) { survive<ToClient>(2, test::to_client_kinds, test::random_to_client, decode_to_client); }

TEST(Mutations, OfFramesAndTheirBodiesAreSurvived) {
  Random random(3);
  Tally tally;
  Bytes envelope, other, again, more;
  for (int i = 0; i < mutations; ++i) {
    // Two kinds of frames have a body: every other one.
    const std::size_t with_body = i % 4 == 0 ? 1 : 18;
    const auto frame = test::random_frame(random, i % 2 == 0 ? with_body : static_cast<std::size_t>(i) / 2 % test::frame_kinds);
    encode(frame, envelope);
    encode(test::random_frame(random, random.bits() % test::frame_kinds), other);
    const protocol::Payload payload = body_of(frame);
    Bytes body(payload.bytes().begin(), payload.bytes().end());
    if (random.number(0, 9) < 2) body = test::mutate(random, body, other);
    if (random.number(0, 9) < 9) envelope = test::mutate(random, envelope, other);
    const Misaligned damaged(envelope, random.bits() % 8);
    const auto decoded = decode_frame(damaged.bytes(), protocol::Payload(body));
    if (!decoded) {
      ++tally.refused;
      ASSERT_FALSE(decoded.error().what.empty());
      continue;
    }
    ++tally.accepted;
    encode(*decoded, again);
    const auto twice = decode_frame(again, body_of(*decoded));
    ASSERT_TRUE(twice) << twice.error().what;
    encode(*twice, more);
    ASSERT_EQ(more, again);
  }
  expect_both(tally);
}

TEST(Mutations, OfRecordsAreSurvived) {
  Random random(4);
  Tally tally;
  for (int i = 0; i < mutations; ++i) {
    const auto body = test::random_records(random, 8);
    const auto other = test::random_records(random, 2);
    const Misaligned damaged(test::mutate(random, body.bytes, other.bytes), random.bits() % 8);
    RecordReader reader(damaged.bytes());
    Record record;
    Bytes rebuilt;
    std::uint32_t count = 0;
    std::uint32_t runs = 0;
    while (reader.next(record)) {
      const auto headers = record.headers();
      const RecordInput input{.topic = record.new_topic ? record.topic : std::string_view(),
                              .key = record.key,
                              .headers = headers,
                              .published_at = record.published_at,
                              .data = record.data};
      ASSERT_TRUE(check(input));
      append_record(rebuilt, input);
      ++count;
      runs += record.new_topic;
    }
    ASSERT_EQ(check_body(damaged.bytes(), count, runs).has_value(), !reader.failed());
    ++(reader.failed() ? tally.refused : tally.accepted);
    const auto taken = damaged.bytes().first(rebuilt.size());
    ASSERT_TRUE(std::equal(taken.begin(), taken.end(), rebuilt.begin())) << "a record has one encoding";
  }
  expect_both(tally);
}

TEST(Mutations, OfTheStateOnDiskAreAlwaysDetected) {
  Random random(5);
  Bytes bytes, other;
  for (int i = 0; i < mutations; ++i) {
    encode(test::random_persistent(random), bytes);
    encode(test::random_persistent(random), other);
    const Bytes damaged = test::mutate(random, bytes, other);
    if (damaged == bytes || damaged == other) continue;
    ASSERT_FALSE(decode_persistent(damaged)) << "mutation " << i;
  }
}

TEST(Mutations, OfNothingButNoiseAreSurvived) {
  Random random(6);
  for (int i = 0; i < mutations; ++i) {
    const Bytes noise = random.bytes(random.number(0, 40) * 8);
    EXPECT_FALSE(decode_persistent(noise));
    (void)decode_to_daemon(noise);
    (void)decode_to_client(noise);
    (void)decode_frame(noise, {});
  }
}

}  // namespace
}  // namespace vsync::wire
