#pragma once
// Versions of the protocol. Each program speaks a range of them; a view is spoken in one, which stands in it, so that everybody goes
// over to the next one at one point of the order and with nothing of the former in flight.

#include <cstdint>

namespace vsync::protocol {

struct Versions {
  std::uint16_t oldest = 0;
  std::uint16_t newest = 0;
  bool operator==(const Versions&) const = default;
  [[nodiscard]] constexpr bool include(std::uint16_t version) const { return oldest <= version && version <= newest; }
  [[nodiscard]] constexpr bool meet(const Versions& other) const { return oldest <= other.newest && other.oldest <= newest; }
};

/// What this program speaks. Whoever changes what is said or what it means raises `newest` and lets the version of the view decide
/// between old and new; what is said outside of a view only grows. `oldest` follows when nobody upgrades from it any more.
[[nodiscard]] Versions program_versions();

}  // namespace vsync::protocol
