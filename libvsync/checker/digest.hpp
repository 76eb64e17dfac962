#pragma once
// A running 64-bit digest (FNV-1a). The checker compares contents of honest nodes by it; it resists accidents, not attackers.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/frames.hpp"
#include "protocol/view.hpp"

namespace vsync::checker {

class Digest {
 public:
  Digest& add(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) value_ = (value_ ^ std::to_integer<std::uint64_t>(byte)) * prime;
    return add(bytes.size());
  }
  Digest& add(std::string_view text) { return add(std::as_bytes(std::span(text.data(), text.size()))); }
  Digest& add(std::uint64_t number) {
    value_ = (value_ ^ number) * prime;
    value_ ^= value_ >> 29;  // FNV alone leaves the high bits of a word out of the low bits of the digest
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  static constexpr std::uint64_t prime = 0x100000001b3;
  std::uint64_t value_ = 0xcbf29ce484222325;
};

[[nodiscard]] std::uint64_t digest_of(const protocol::View& view);
[[nodiscard]] std::uint64_t digest_of(const protocol::Value& value);

}  // namespace vsync::checker
