#include <gtest/gtest.h>

#include "equal.hpp"
#include "mutate.hpp"
#include "random.hpp"
#include "wire/peer.hpp"

namespace vsync::wire {
namespace {

using protocol::Frame;
using test::Bytes;
using test::Random;

Bytes encoded(const Frame& frame) {
  Bytes out;
  encode(frame, out);
  return out;
}

TEST(PeerCodec, KeepsEveryFieldOfEveryFrame) {
  Random random(1);
  for (std::size_t kind = 0; kind < test::frame_kinds; ++kind) {
    for (int round = 0; round < 100; ++round) {
      const Frame frame = test::random_frame(random, kind);
      ASSERT_EQ(frame.body.index(), kind);
      const auto decoded = decode_frame(encoded(frame), body_of(frame));
      ASSERT_TRUE(decoded) << kind << ": " << decoded.error().what;
      ASSERT_TRUE(test::equal(*decoded, frame)) << kind;
    }
  }
}

TEST(PeerCodec, DecodesAtEveryAlignment) {
  Random random(2);
  for (std::size_t kind = 0; kind < test::frame_kinds; ++kind) {
    const Frame frame = test::random_frame(random, kind);
    for (std::size_t offset = 0; offset < 8; ++offset) {
      const test::Misaligned envelope(encoded(frame), offset);
      const auto decoded = decode_frame(envelope.bytes(), body_of(frame));
      ASSERT_TRUE(decoded) << kind << ": " << decoded.error().what;
      EXPECT_TRUE(test::equal(*decoded, frame)) << kind << " at " << offset;
    }
  }
}

TEST(PeerCodec, GivesEqualBytesForEqualFrames) {
  Random random(3);
  for (std::size_t kind = 0; kind < test::frame_kinds; ++kind) {
    const Frame frame = test::random_frame(random, kind);
    const auto decoded = decode_frame(encoded(frame), body_of(frame));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(encoded(*decoded), encoded(frame)) << kind;
  }
}

TEST(PeerCodec, KeepsAReceiverThatIsNotKnownYet) {
  const Frame frame{.cluster = {}, .from = {"a", {1, 2}}, .to = {"b", {}}, .body = protocol::Ack{}};
  const auto decoded = decode_frame(encoded(frame), {});
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(decoded->to, (protocol::NodeId{"b", {0, 0}}));
  EXPECT_TRUE(decoded->cluster.empty());
}

TEST(PeerCodec, CarriesASnapshotOfManyMegabytes) {
  Random random(4);
  protocol::Snapshot snapshot;
  for (std::uint64_t i = 1; i <= 20000; ++i) {
    snapshot.directory.sessions.push_back({.session = {i, 1}, .node = random.node(), .application = "app", .homeless = false, .lanes = {}});
    auto& lane = snapshot.directory.sessions.back().lanes.emplace_back();
    for (std::uint64_t n = 1; n <= 20; ++n) lane.recent.push_back({.first_n = n, .count = 1, .first = {.seq = {n}}});
  }
  const Frame frame{.cluster = {1, 1}, .from = random.node(), .to = random.node(), .body = snapshot};
  const Bytes bytes = encoded(frame);
  EXPECT_GT(bytes.size(), 20u << 20);
  const auto decoded = decode_frame(bytes, {});
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_TRUE(test::equal(*decoded, frame));
}

}  // namespace
}  // namespace vsync::wire
