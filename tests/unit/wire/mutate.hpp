#pragma once
// Ways in which bytes go wrong.

#include <cstddef>
#include <vector>

#include "random.hpp"

namespace vsync::wire::test {

using Bytes = std::vector<std::byte>;

/// One to four random damages: flipped bits, words set to extremes, truncation, insertion, removal, a splice with `other`.
Bytes mutate(Random& random, Bytes bytes, const Bytes& other);

/// Bytes at an address that is `offset` modulo 8, on the heap without room behind, so that sanitizers see every step beyond.
class Misaligned {
 public:
  Misaligned(std::span<const std::byte> bytes, std::size_t offset);
  [[nodiscard]] std::span<const std::byte> bytes() const { return {room_.data() + offset_, room_.size() - offset_}; }

 private:
  std::size_t offset_;
  Bytes room_;
};

}  // namespace vsync::wire::test
