#pragma once
// Hosts by name: a to z, then A to Z.

#include <string>
#include <string_view>

#include "tests/simulation/network.hpp"

namespace vsync::simulation {

inline constexpr std::size_t letters = 26;

inline char letter_of(Host host) { return static_cast<char>(host < letters ? 'a' + host : 'A' + (host - letters)); }
inline std::string host_name(Host host) { return std::string(1, letter_of(host)); }
inline Host host_named(std::string_view name) {
  const char letter = name.front();
  return static_cast<Host>(letter >= 'a' ? letter - 'a' : letter - 'A') + (letter >= 'a' ? 0 : letters);
}

}  // namespace vsync::simulation
