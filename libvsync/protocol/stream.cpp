#include "protocol/stream.hpp"

#include <algorithm>

#include "protocol/assert.hpp"
#include "protocol/mutant.hpp"

namespace vsync::protocol {

Stream::Insert Stream::insert(const Chunk& chunk) {
  if (chunk.last() <= end_) return Insert::duplicate;
  // Chunks are never cut anew, so one that overlaps the end without being held is not of this stream: treated as a gap.
  if (chunk.first != end_ + 1 && !mutant(Mutant::deliver_without_payload_gap)) return Insert::gap;
  end_ = chunk.last();
  bytes_ += chunk.bytes();
  chunks_.push_back(chunk);
  return Insert::appended;
}

std::size_t Stream::index_of(Seqno seqno) const {
  const auto found = std::lower_bound(chunks_.begin(), chunks_.end(), seqno,
                                      [](const Chunk& chunk, Seqno wanted) { return chunk.last() < wanted; });
  return static_cast<std::size_t>(found - chunks_.begin());
}

const Chunk& Stream::at(Seqno first) const {
  const std::size_t index = index_of(first);
  VSYNC_ASSERT(index < chunks_.size());
  return chunks_[index];
}

std::vector<Chunk> Stream::range(Seqno first, Seqno last, std::size_t bytes_max) const {
  std::vector<Chunk> out;
  if (first <= base_) return out;
  std::size_t bytes = 0;
  for (std::size_t i = index_of(first); i < chunks_.size() && chunks_[i].first <= last; ++i) {
    bytes += chunks_[i].bytes();
    if (!out.empty() && bytes > bytes_max) break;
    out.push_back(chunks_[i]);
  }
  return out;
}

void Stream::forget(Seqno upto) {
  while (!chunks_.empty() && chunks_.front().last() <= upto) {
    base_ = chunks_.front().last();
    bytes_ -= chunks_.front().bytes();
    chunks_.pop_front();
  }
}

}  // namespace vsync::protocol
