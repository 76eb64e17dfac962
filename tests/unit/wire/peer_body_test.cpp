#include <gtest/gtest.h>

#include "equal.hpp"
#include "random.hpp"
#include "wire/peer.hpp"

namespace vsync::wire {
namespace {

using protocol::Chunk;
using protocol::Data;
using protocol::Frame;
using protocol::Payload;

Payload bytes(std::size_t size, int value) { return Payload(std::vector<std::byte>(size, static_cast<std::byte>(value))); }

Chunk chunk(std::uint64_t first, Payload payload) {
  return {.first = {first}, .count = 1, .session = {1, 1}, .first_n = first, .payload = std::move(payload)};
}

Chunk records(std::uint64_t first) {
  Chunk chunk{.first = {first}, .count = 1};
  chunk.ops = std::make_shared<protocol::DirectoryOps>(1, protocol::JoinGroup{.session = {1, 1}, .group = "a"});
  return chunk;
}

Frame frame_of(std::vector<Chunk> chunks) {
  return {.cluster = {1, 1}, .from = {"a", {1, 1}}, .to = {"b", {1, 1}}, .body = Data{.chunks = std::move(chunks)}};
}

const Data& data_of(const Frame& frame) { return std::get<Data>(frame.body); }

Result<Frame, DecodeError> passed_on(const Frame& frame) {
  std::vector<std::byte> envelope;
  encode(frame, envelope);
  return decode_frame(envelope, body_of(frame));
}

TEST(PeerBody, IsEmptyForFramesWithoutPayload) {
  EXPECT_EQ(body_of(Frame{.body = protocol::Ack{}}).size(), 0u);
  EXPECT_EQ(body_of(frame_of({records(1)})).size(), 0u);
}

TEST(PeerBody, RefersToAnOnlyPayload) {
  const Payload payload = bytes(100, 1);
  const Payload body = body_of(frame_of({records(1), chunk(2, payload), chunk(3, {})}));
  EXPECT_EQ(body.bytes().data(), payload.bytes().data());
  EXPECT_EQ(body.size(), 100u);
  EXPECT_EQ(body.owner(), payload.owner());
}

TEST(PeerBody, JoinsSeveralPayloads) {
  const Frame frame = frame_of({chunk(1, bytes(3, 1)), chunk(2, bytes(5, 2))});
  const Payload body = body_of(frame);
  ASSERT_EQ(body.size(), 8u);
  EXPECT_EQ(body.bytes()[2], std::byte{1});
  EXPECT_EQ(body.bytes()[3], std::byte{2});
  const auto decoded = passed_on(frame);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_TRUE(test::equal(*decoded, frame));
}

TEST(PeerBody, OfAReceivedFrameIsPassedOnWithoutACopy) {
  const auto received = passed_on(frame_of({chunk(1, bytes(3, 1)), records(2), chunk(3, bytes(5, 2))}));
  ASSERT_TRUE(received) << received.error().what;
  const auto& chunks = data_of(*received).chunks;
  EXPECT_EQ(chunks[0].payload.owner(), chunks[2].payload.owner());
  EXPECT_EQ(body_of(*received).bytes().data(), chunks[0].payload.bytes().data());
  EXPECT_EQ(body_of(*received).size(), 8u);
}

TEST(PeerBody, JoinsSlicesOfOneOwnerThatDoNotAdjoin) {
  const Payload whole = bytes(10, 1);
  const Frame frame = frame_of({chunk(1, whole.slice(0, 4)), chunk(2, whole.slice(5, 5)), chunk(3, bytes(2, 9))});
  const Payload body = body_of(frame);
  EXPECT_EQ(body.size(), 11u);
  EXPECT_NE(body.owner(), whole.owner());
  const auto decoded = passed_on(frame);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_TRUE(test::equal(*decoded, frame));
}

TEST(PeerBody, MustBeAsLongAsTheChunksSay) {
  const Frame frame = frame_of({chunk(1, bytes(3, 1)), chunk(2, bytes(5, 2))});
  std::vector<std::byte> envelope;
  encode(frame, envelope);
  EXPECT_TRUE(decode_frame(envelope, bytes(8, 0)));
  EXPECT_EQ(decode_frame(envelope, bytes(7, 0)).error().what, "data: the payloads of the chunks are longer than the body");
  EXPECT_EQ(decode_frame(envelope, {}).error().what, "data: the payloads of the chunks are longer than the body");
  EXPECT_EQ(decode_frame(envelope, bytes(9, 0)).error().what, "data: the body is longer than the payloads of the chunks");
}

TEST(PeerBody, OfALogPartIsItsPayloads) {
  const auto entry = [](std::uint64_t seq, Payload payload) {
    protocol::LogEntry one{.first = {.seq = {seq}}, .publisher = {"a", {1, 1}}, .chunk = chunk(seq, std::move(payload))};
    one.chunk.level = protocol::Level::durable;
    return one;
  };
  const Payload payload = bytes(100, 1);
  Frame frame{.cluster = {1, 1}, .from = {"a", {1, 1}}, .to = {"b", {1, 1}}, .body = protocol::LogPart{.entries = {entry(1, payload), entry(2, {})}}};
  EXPECT_EQ(body_of(frame).bytes().data(), payload.bytes().data()) << "an only payload is sent by reference";

  std::get<protocol::LogPart>(frame.body).entries.push_back(entry(3, bytes(5, 2)));
  EXPECT_EQ(body_of(frame).size(), 105u);
  const auto decoded = passed_on(frame);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_TRUE(test::equal(*decoded, frame));
  EXPECT_EQ(body_of(*decoded).bytes().data(), std::get<protocol::LogPart>(decoded->body).entries[0].chunk.payload.bytes().data());

  std::vector<std::byte> envelope;
  encode(frame, envelope);
  EXPECT_EQ(decode_frame(envelope, bytes(104, 0)).error().what, "log part: the payloads of the chunks are longer than the body");
  EXPECT_EQ(decode_frame(envelope, bytes(106, 0)).error().what, "log part: the body is longer than the payloads of the chunks");
}

TEST(PeerBody, ComesWithDataOnly) {
  std::vector<std::byte> envelope;
  encode(Frame{.cluster = {1, 1}, .from = {"a", {}}, .to = {"b", {}}, .body = protocol::Ack{}}, envelope);
  EXPECT_EQ(decode_frame(envelope, bytes(1, 0)).error().what, "frame: has a body part though it carries no data");
}

}  // namespace
}  // namespace vsync::wire
