#include "protocol/fifo_numbers.hpp"

#include <algorithm>

namespace vsync::protocol {

std::uint64_t FifoNumbers::last_n(SessionId session, std::uint64_t ordered) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? ordered : std::max(ordered, found->second.last_n);
}

bool FifoNumbers::follows(const Chunk& chunk, std::uint64_t ordered) const { return chunk.first_n <= last_n(chunk.session, ordered) + 1; }

std::uint32_t FifoNumbers::handed_out(const Chunk& chunk, std::uint64_t ordered) const {
  const std::uint64_t last = last_n(chunk.session, ordered);
  if (last < chunk.first_n) return 0;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(last - chunk.first_n + 1, chunk.count));
}

void FifoNumbers::hand_out(const Chunk& chunk) {
  std::uint64_t& last_n = sessions_[chunk.session].last_n;
  last_n = std::max(last_n, chunk.first_n + (chunk.count - 1));
}

void FifoNumbers::delivered(SessionId session, std::uint64_t last_n) {
  const auto found = sessions_.find(session);
  if (found != sessions_.end() && !found->second.moved && found->second.last_n <= last_n) sessions_.erase(found);
}

void FifoNumbers::moved(SessionId session) { sessions_[session].moved = true; }

void FifoNumbers::ended(SessionId session, std::uint64_t last_n) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  if (!found->second.moved) {
    sessions_.erase(found);
    return;
  }
  found->second.last_n = std::max(found->second.last_n, last_n);
  found->second.ended = true;
  ended_.push_back(session);
  if (ended_.size() <= ended_max) return;
  if (ended_after_a_move(ended_.front())) sessions_.erase(ended_.front());
  ended_.pop_front();
}

bool FifoNumbers::ended_after_a_move(SessionId session) const {
  const auto found = sessions_.find(session);
  return found != sessions_.end() && found->second.ended;
}

}  // namespace vsync::protocol
