#pragma once
// Shrinking: drops faults from a failing run while it still fails, so that what is left tells the story.

#include <cstdint>
#include <set>
#include <string>

#include "tests/simulation/swarm.hpp"

namespace vsync::simulation {

[[nodiscard]] std::set<std::size_t> all_faults(const SwarmOptions& options);
[[nodiscard]] SwarmOptions with_faults(SwarmOptions options, const std::set<std::size_t>& kept);

/// The smallest set of the seed's faults found with which the run still breaks the property that `failure` names. (Delta debugging,
/// Zeller and Hildebrandt 2002, with a bound on the number of runs.)
[[nodiscard]] std::set<std::size_t> shrink(std::uint64_t seed, std::set<std::size_t> faults, unsigned seconds, const std::string& failure);

}  // namespace vsync::simulation
