#pragma once
// Where a message stands in the total order.

#include <compare>
#include <cstdint>
#include <string>

#include "vsync/api.hpp"

namespace vsync {

/// Changes only when a cluster restarts without its memory, or when an operator forces a primary.
struct Epoch {
  std::uint64_t number = 0;
  std::uint64_t random = 0;  ///< tells apart epochs that two halves began under one number
  auto operator<=>(const Epoch&) const = default;
};

/// A place in the order. The same message has the same position at every subscriber. Positions compare within a lane only
/// (`lane` is 0 everywhere as long as no topic is mapped to another one). Numbers have holes for who doesn't get every topic.
struct Position {
  Epoch epoch;
  std::uint64_t view = 0;  ///< number of the nodes' view in which it was ordered
  std::uint16_t lane = 0;
  std::uint64_t seq = 0;   ///< in the lane and view, from 1
  auto operator<=>(const Position&) const = default;
};

/// "epoch/view/lane/seq" in decimal, without the epoch's random part: for people.
[[nodiscard]] VSYNC_API std::string to_string(const Position& position);

}  // namespace vsync
