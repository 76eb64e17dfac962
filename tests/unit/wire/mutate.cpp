#include "mutate.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace vsync::wire::test {
namespace {

using Difference = Bytes::difference_type;

std::size_t place(Random& random, const Bytes& bytes) { return random.number(0, bytes.size()); }

/// Half of the damages keep to whole words, or nothing but the check of the size would ever be met.
std::size_t rough(Random& random, std::size_t at) { return random.coin() ? at / 8 * 8 : at; }

void flip_bits(Random& random, Bytes& bytes) {
  if (bytes.empty()) return;
  for (std::uint64_t flips = random.number(1, 8); flips > 0; --flips) {
    bytes[random.bits() % bytes.size()] ^= static_cast<std::byte>(1u << (random.bits() % 8));
  }
}

void set_word(Random& random, Bytes& bytes) {
  constexpr std::array<std::uint64_t, 8> extremes{0, 1, 0xff, 0xffff, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull};
  const std::size_t width = std::size_t{1} << random.number(0, 3);
  if (bytes.size() < width) return;
  const std::uint64_t value = random.coin() ? extremes[random.bits() % extremes.size()] : random.bits();
  const std::size_t at = random.number(0, (bytes.size() - width) / width) * width;
  std::memcpy(bytes.data() + at, &value, width);
}

void truncate(Random& random, Bytes& bytes) { bytes.resize(rough(random, place(random, bytes))); }

void insert(Random& random, Bytes& bytes) {
  const Bytes more = random.bytes(rough(random, random.number(1, 64)));
  const std::size_t at = rough(random, place(random, bytes));
  bytes.insert(bytes.begin() + static_cast<Difference>(at), more.begin(), more.end());
}

void remove(Random& random, Bytes& bytes) {
  const std::size_t at = rough(random, place(random, bytes));
  const std::size_t count = std::min<std::size_t>(rough(random, random.number(1, 64)), bytes.size() - at);
  bytes.erase(bytes.begin() + static_cast<Difference>(at), bytes.begin() + static_cast<Difference>(at + count));
}

void splice(Random& random, Bytes& bytes, const Bytes& other) {
  bytes.resize(rough(random, place(random, bytes)));
  const std::size_t from = rough(random, place(random, other));
  bytes.insert(bytes.end(), other.begin() + static_cast<Difference>(from), other.end());
}

}  // namespace

Bytes mutate(Random& random, Bytes bytes, const Bytes& other) {
  for (std::uint64_t damages = random.number(1, 4); damages > 0; --damages) {
    switch (random.number(0, 6)) {
      case 0: truncate(random, bytes); break;
      case 1: insert(random, bytes); break;
      case 2: remove(random, bytes); break;
      case 3: splice(random, bytes, other); break;
      case 4: set_word(random, bytes); break;
      default: flip_bits(random, bytes); break;
    }
  }
  return bytes;
}

Misaligned::Misaligned(std::span<const std::byte> bytes, std::size_t offset) : offset_(offset), room_(offset + bytes.size()) {
  if (!bytes.empty()) std::memcpy(room_.data() + offset, bytes.data(), bytes.size());
}

}  // namespace vsync::wire::test
