#pragma once
// The cut: what the members that go on deliver of the old view, computed from the answers to a ballot.
// Virtual synchrony's flush (Birman and Joseph 1987; Chockler, Keidar, Vitenberg 2001, section 4.2). Ours differs in that the
// order prefix keeps its numbers and the rest follows in a tail with numbers of its own.

#include <span>
#include <utility>
#include <vector>

#include "protocol/frames.hpp"
#include "protocol/stream.hpp"

namespace vsync::protocol {

struct Holdings {
  Rank rank;
  const LaneHoldings* lane;
};

/// The cut of one lane of a view of `members` from what the answers hold.
[[nodiscard]] LaneCut compute_cut(std::size_t members, std::span<const Holdings> answers);

/// A chunk of the tail and its publisher.
struct TailChunk {
  Rank publisher;
  const Chunk* chunk;
};

/// The tail: what is held beyond `delivered` (by rank, the last message of the kept prefix), in the order of the tail: by the
/// position its publisher had delivered, rank, seqno. A message that may answer a position beyond the kept prefix is left out (that
/// position's payload is lost, or nobody knows any more what stood there), and so is what its publisher sent later: a cause must never
/// be missing where its effect is delivered. Fifo messages answer nothing: they stand behind their publisher's earlier ones.
[[nodiscard]] std::vector<TailChunk> compute_tail(const LaneCut& cut, std::span<const Stream> streams, std::span<const Seqno> delivered);

}  // namespace vsync::protocol
