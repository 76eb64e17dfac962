#pragma once
// Digest: 64 bits that tell equal states from unequal ones, alike on every host. Against accidents, not against attackers.
// Bytes are taken by FNV-1a (Fowler, Noll, Vo), numbers mixed by the finalizer of SplitMix64 (Steele, Lea, Flood, 2014).

#include <cstdint>
#include <string_view>

#include "protocol/ids.hpp"

namespace vsync::protocol {

/// Depends on the order of what is added. Values of unordered things may be summed.
class Digest {
 public:
  constexpr Digest& add(std::uint64_t number) {
    state_ = mix(state_ + 0x9e3779b97f4a7c15u + mix(number));
    return *this;
  }
  constexpr Digest& add(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return add(hash).add(text.size());
  }
  constexpr Digest& add(const SessionId& session) { return add(session.high).add(session.low); }
  constexpr Digest& add(const NodeId& node) {
    return add(std::string_view(node.name)).add(node.incarnation.counter).add(node.incarnation.random);
  }
  [[nodiscard]] constexpr std::uint64_t value() const { return state_; }

 private:
  static constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  std::uint64_t state_ = 0;
};

}  // namespace vsync::protocol
