#pragma once
// Chunk: a run of messages that one session published together. It is the unit that travels, is held and is ordered,
// so that the cost of all of these is per run and not per message.

#include <cstdint>
#include <memory>

#include "protocol/directory_op.hpp"
#include "protocol/ids.hpp"
#include "protocol/payload.hpp"

namespace vsync::protocol {

/// What the publisher wants confirmed. The order never waits for it.
enum class Level : std::uint8_t {
  agreed,
  uniform,
  safe,
  durable,
  fifo,  ///< no order but the publisher's: handed out ahead of its place in the lane's order
};

/// Messages `first` .. `first + count - 1` of their publisher's stream in one lane and view. The order never splits a chunk.
struct Chunk {
  Seqno first;
  std::uint32_t count = 0;
  /// The highest position of this lane and view that the publisher's daemon had delivered when it published: what these
  /// messages may be an answer to. The tail of a cut is sorted by it, which keeps causality. Fifo messages answer nothing.
  Seq after;
  Lane lane;
  Level level = Level::agreed;
  SessionId session;            ///< empty when `ops` is set
  std::uint64_t first_n = 0;    ///< the session's own number of the first message; consecutive
  Payload payload;              ///< records as wire/ defines them; the protocol never looks inside
  std::shared_ptr<const DirectoryOps> ops;  ///< set: `count` directory records instead of application messages

  [[nodiscard]] Seqno last() const { return first + (count - 1); }
  [[nodiscard]] std::size_t bytes() const { return payload.size() + overhead_bytes; }
  static constexpr std::size_t overhead_bytes = 128;  ///< what a chunk costs besides its payload, for flow control
};

}  // namespace vsync::protocol
