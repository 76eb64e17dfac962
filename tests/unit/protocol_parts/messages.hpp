#pragma once
// Chunks, runs and cuts for tests, as short as a test wants to write them.

#include <cstdint>
#include <vector>

#include "protocol/chunk.hpp"
#include "protocol/frames.hpp"

namespace vsync::protocol::test {

/// Messages `first` .. `first + count - 1` of a stream, published after `after` was delivered, with `bytes` of payload.
inline Chunk chunk(std::uint64_t first, std::uint32_t count = 1, std::uint64_t after = 0, std::size_t bytes = 0) {
  Chunk made;
  made.first = Seqno{first};
  made.count = count;
  made.after = Seq{after};
  made.first_n = first;
  made.payload = Payload(std::vector<std::byte>(bytes));
  return made;
}

inline OrderedRun run(std::uint64_t first, std::uint16_t publisher, std::uint64_t first_seqno, std::uint32_t count) {
  return {Seq{first}, Rank{publisher}, Seqno{first_seqno}, count};
}

inline std::vector<Seqno> seqnos(std::initializer_list<std::uint64_t> values) {
  std::vector<Seqno> out;
  for (std::uint64_t value : values) out.push_back(Seqno{value});
  return out;
}

}  // namespace vsync::protocol::test
