#include <gtest/gtest.h>

#include "mutate.hpp"
#include "random.hpp"
#include "wire/limits.hpp"

namespace vsync::wire {
namespace {

using test::Bytes;
using test::Random;

template <class Message>
Bytes encoded(const Message& message) {
  Bytes out;
  encode(message, out);
  return out;
}

TEST(SessionSecret, ItsHashIsTheId) {
  EXPECT_EQ(session_of({.high = 1, .low = 2}), (SessionId{.high = 0xb27e6ef25794a303, .low = 0x43437d266375bc4d}));
  EXPECT_NE(session_of({.high = 2, .low = 1}), session_of({.high = 1, .low = 2}));
}

TEST(LocalCodec, KeepsEveryFieldOfWhatAnApplicationSays) {
  Random random(1);
  for (std::size_t kind = 0; kind < test::to_daemon_kinds; ++kind) {
    for (int round = 0; round < 200; ++round) {
      const ToDaemon message = test::random_to_daemon(random, kind);
      ASSERT_EQ(message.index(), kind);
      const auto decoded = decode_to_daemon(encoded(message));
      ASSERT_TRUE(decoded) << kind << ": " << decoded.error().what;
      ASSERT_EQ(*decoded, message) << kind;
    }
  }
}

TEST(LocalCodec, KeepsEveryFieldOfWhatADaemonSays) {
  Random random(2);
  for (std::size_t kind = 0; kind < test::to_client_kinds; ++kind) {
    for (int round = 0; round < 200; ++round) {
      const ToClient message = test::random_to_client(random, kind);
      ASSERT_EQ(message.index(), kind);
      const auto decoded = decode_to_client(encoded(message));
      ASSERT_TRUE(decoded) << kind << ": " << decoded.error().what;
      ASSERT_EQ(*decoded, message) << kind;
    }
  }
}

TEST(LocalCodec, DecodesAtEveryAlignment) {
  Random random(3);
  for (std::size_t offset = 0; offset < 8; ++offset) {
    for (std::size_t kind = 0; kind < test::to_client_kinds; ++kind) {
      const ToClient message = test::random_to_client(random, kind);
      const test::Misaligned bytes(encoded(message), offset);
      const auto decoded = decode_to_client(bytes.bytes());
      ASSERT_TRUE(decoded) << decoded.error().what;
      EXPECT_EQ(*decoded, message);
    }
    for (std::size_t kind = 0; kind < test::to_daemon_kinds; ++kind) {
      const ToDaemon message = test::random_to_daemon(random, kind);
      const test::Misaligned bytes(encoded(message), offset);
      const auto decoded = decode_to_daemon(bytes.bytes());
      ASSERT_TRUE(decoded) << decoded.error().what;
      EXPECT_EQ(*decoded, message);
    }
  }
}

TEST(LocalCodec, ReplacesWhatTheBufferHeld) {
  Bytes out(5000, std::byte{0xff});
  encode(ToDaemon{Pong{7}}, out);
  EXPECT_EQ(out, encoded(ToDaemon{Pong{7}}));
}

TEST(LocalCodec, EncodesTheSameAfterAMessageLargerThanItsBuffers) {
  const Bytes before = encoded(ToClient{Ping{1}});
  const std::string json(1u << 20, 'x');
  const auto large = decode_to_client(encoded(ToClient{QueryAnswer{.request = 1, .json = json}}));
  ASSERT_TRUE(large);
  EXPECT_EQ(std::get<QueryAnswer>(*large).json, json);
  EXPECT_EQ(encoded(ToClient{Ping{1}}), before);
}

TEST(LocalCodec, KeepsAVersionItDoesNotSpeakForTheDaemonToAnswer) {
  const auto decoded = decode_to_daemon(encoded(ToDaemon{Open{.version = 999, .secret = {1, 2}}}));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Open>(*decoded).version, 999);
}

TEST(LocalCodec, RefusesBytesOfTheOtherDirectionOrNone) {
  EXPECT_EQ(decode_to_daemon({}).error().what, "envelope: is empty");
  EXPECT_FALSE(decode_to_daemon(encoded(ToClient{Welcome{.version = 1, .node = "a"}})));
}

TEST(LocalCodec, RefusesBytesBehindTheMessage) {
  Bytes bytes = encoded(ToDaemon{Pong{7}});
  bytes.resize(bytes.size() + 8);
  EXPECT_EQ(decode_to_daemon(bytes).error().what, "envelope: has bytes behind the end of its message");
  bytes.resize(bytes.size() + 1);
  EXPECT_EQ(decode_to_daemon(bytes).error().what, "envelope: its size is no multiple of 8");
}

TEST(LocalCodec, NamesEveryErrorDifferently) {
  for (int a = 0; a <= static_cast<int>(ErrorCode::unavailable); ++a) {
    for (int b = 0; b < a; ++b) {
      EXPECT_STRNE(name_of(static_cast<ErrorCode>(a)), name_of(static_cast<ErrorCode>(b)));
    }
  }
}

}  // namespace
}  // namespace vsync::wire
