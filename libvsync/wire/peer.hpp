#pragma once
// Frames between daemons and the state on disk, as bytes. peer.capnp is the specification; protocol/frames.hpp are the values.
//
// A peer message is an envelope part (Cap'n Proto) and exactly one body part: the payloads of the chunks of a Data or LogPart frame one
// after the other, empty for all other frames. A body that belongs to one payload owner as a whole is sent by reference.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "protocol/frames.hpp"
#include "protocol/persistent.hpp"
#include "vsync/result.hpp"
#include "wire/local.hpp"

namespace vsync::wire {

/// The envelope part of a frame. `out` is cleared and reused. The body part is the concatenation of the payloads of its chunks
/// (body_of).
void encode(const protocol::Frame& frame, std::vector<std::byte>& out);
/// The body part of a frame: the only payload of it by reference, several of them as one new buffer, nothing for other frames.
[[nodiscard]] protocol::Payload body_of(const protocol::Frame& frame);
/// Any bytes, any alignment. `body` becomes slices of chunks. Checks every size, range and name; never throws.
[[nodiscard]] Result<protocol::Frame, DecodeError> decode_frame(std::span<const std::byte> envelope, const protocol::Payload& body);

/// The state on disk, with a checksum: a torn or flipped file is told from a sound one.
void encode(const protocol::PersistentState& state, std::vector<std::byte>& out);
[[nodiscard]] Result<protocol::PersistentState, DecodeError> decode_persistent(std::span<const std::byte> bytes);

}  // namespace vsync::wire
