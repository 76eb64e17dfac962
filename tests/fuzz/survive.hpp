#pragma once
// What each fuzz target demands of a decoder.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "protocol/assert.hpp"

namespace vsync::wire::fuzz {

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

/// `decode(bytes)` refuses in words, or gives a value whose own bytes decode to the same value.
template <class Decode, class Encode>
void survive(std::span<const std::byte> bytes, const Decode& decode, const Encode& encode) {
  const auto decoded = decode(bytes);
  if (!decoded) {
    VSYNC_ASSERT(!decoded.error().what.empty());
    return;
  }
  std::vector<std::byte> once, twice;
  encode(*decoded, once);
  const auto again = decode(once);
  VSYNC_ASSERT(again);
  encode(*again, twice);
  VSYNC_ASSERT(once == twice);
}

}  // namespace vsync::wire::fuzz
