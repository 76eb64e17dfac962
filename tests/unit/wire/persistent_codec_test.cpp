#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstring>

#include "mutate.hpp"
#include "peer.capnp.h"
#include "random.hpp"
#include "wire/peer.hpp"

namespace vsync::wire {
namespace {

using protocol::PersistentState;
using test::Bytes;
using test::Random;

Bytes encoded(const PersistentState& state) {
  Bytes out;
  encode(state, out);
  return out;
}

std::string error_of(std::span<const std::byte> bytes) {
  const auto decoded = decode_persistent(bytes);
  return decoded ? "" : decoded.error().what;
}

void set_version(Bytes& file, int version) {
  file[16] = static_cast<std::byte>(version);
  const std::uint64_t checksum = XXH3_64bits(file.data() + 16, file.size() - 16);
  std::memcpy(file.data() + 8, &checksum, sizeof checksum);
}

TEST(PersistentCodec, KeepsEveryField) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    const PersistentState state = test::random_persistent(random);
    const auto decoded = decode_persistent(encoded(state));
    ASSERT_TRUE(decoded) << decoded.error().what;
    ASSERT_EQ(*decoded, state);
  }
}

TEST(PersistentCodec, KeepsTheStateOfAnUnusedDaemon) {
  const auto decoded = decode_persistent(encoded({}));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(*decoded, PersistentState{});
}

TEST(PersistentCodec, DecodesAtEveryAlignment) {
  Random random(2);
  const PersistentState state = test::random_persistent(random);
  for (std::size_t offset = 0; offset < 8; ++offset) {
    const test::Misaligned bytes(encoded(state), offset);
    const auto decoded = decode_persistent(bytes.bytes());
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(*decoded, state);
  }
}

TEST(PersistentCodec, DetectsEveryFlippedBit) {
  Random random(3);
  for (int round = 0; round < 5; ++round) {
    Bytes bytes = encoded(test::random_persistent(random));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      ASSERT_NE(error_of(bytes), "") << "bit " << bit;
      bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    }
  }
}

TEST(PersistentCodec, DetectsEveryTruncation) {
  Random random(4);
  const Bytes bytes = encoded(test::random_persistent(random));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const test::Misaligned part(std::span<const std::byte>(bytes).first(size), 0);
    ASSERT_TRUE(error_of(part.bytes()).starts_with("state file: truncated: ")) << size;
  }
}

TEST(PersistentCodec, TellsDamageFromAnotherVersionAndAnotherFile) {
  const Bytes sound = encoded(PersistentState{.incarnation_counter = 7});

  Bytes content = sound;
  content.back() ^= std::byte{1};
  EXPECT_EQ(error_of(content), "state file: damaged: the checksum does not match the content");

  Bytes longer = sound;
  longer.resize(longer.size() + 1);
  EXPECT_EQ(error_of(longer), "state file: has bytes behind its end");

  Bytes other = sound;
  other[0] = std::byte{'X'};
  EXPECT_EQ(error_of(other), "state file: does not begin as a state file of vsync does");

  Bytes newer = sound;
  set_version(newer, 3);
  EXPECT_EQ(error_of(newer), "state file: of version 3, this daemon reads versions up to 2");

  EXPECT_EQ(error_of(std::span(sound).first(10)), "state file: truncated: ends after 10 bytes, within its head of 32");
}

// As a daemon of that version wrote it: the message has no field for it.
TEST(PersistentCodec, AFileOfVersion1HasNoLog) {
  capnp::MallocMessageBuilder builder;
  auto root = builder.initRoot<peer_schema::PersistentState>();
  root.setIncarnationCounter(7);
  root.setClusterLow(1);
  const auto flat = capnp::messageToFlatArray(builder);
  const auto message = std::as_bytes(std::span(flat.asBytes().begin(), flat.asBytes().size()));
  Bytes file = encoded({});
  file.resize(32);
  const std::uint64_t message_bytes = message.size();
  std::memcpy(file.data() + 24, &message_bytes, sizeof message_bytes);
  file.insert(file.end(), message.begin(), message.end());
  set_version(file, 1);
  const auto decoded = decode_persistent(file);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(*decoded, (PersistentState{.incarnation_counter = 7, .cluster = {0, 1}}));
}

TEST(PersistentCodec, ChecksTheContentBehindASoundChecksum) {
  PersistentState state{.installed = protocol::View{}};
  EXPECT_EQ(error_of(encoded(state)), "installed view: a view has no members");
}

}  // namespace
}  // namespace vsync::wire
