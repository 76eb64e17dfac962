#pragma once
// Stream: the messages of one publisher in one lane and view, held until they are stable, so that they can be fetched by whoever
// missed them and delivered again by a cut.

#include <deque>
#include <span>
#include <vector>

#include "protocol/chunk.hpp"
#include "protocol/ids.hpp"

namespace vsync::protocol {

class Stream {
 public:
  enum class Insert : std::uint8_t { appended, duplicate, gap };

  /// Takes the next chunk. What was there before is a duplicate; what lies beyond a gap is not kept, it will be fetched.
  Insert insert(const Chunk& chunk);

  /// Last message of the contiguous prefix.
  [[nodiscard]] Seqno end() const { return end_; }
  /// Everything up to here is forgotten.
  [[nodiscard]] Seqno base() const { return base_; }
  /// The chunk that begins at `first`, which is held.
  [[nodiscard]] const Chunk& at(Seqno first) const;
  /// Chunks from the one that contains `first` on, up to `last` and about `bytes_max`, at least one; empty if `first` isn't held.
  [[nodiscard]] std::vector<Chunk> range(Seqno first, Seqno last, std::size_t bytes_max) const;
  /// Forgets all chunks that end at or before `upto`.
  void forget(Seqno upto);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t messages() const { return end_ - base_; }
  [[nodiscard]] const std::deque<Chunk>& chunks() const { return chunks_; }

 private:
  [[nodiscard]] std::size_t index_of(Seqno seqno) const;

  std::deque<Chunk> chunks_;
  Seqno base_;
  Seqno end_;
  std::uint64_t bytes_ = 0;
};

}  // namespace vsync::protocol
