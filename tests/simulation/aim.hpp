#pragma once
// Aim: a seed that is about one kind of fault in one step of the protocol. Chance alone seldom strikes where a node is for a few
// milliseconds; these seeds bring nodes into the step, wait until one is there, and strike it.

#include <cstdint>
#include <optional>

#include "tests/simulation/random.hpp"
#include "tests/simulation/swarm.hpp"

namespace vsync::simulation {

struct Aim {
  Step step;
  FaultKind kind;
};

/// Seeds from here on are aimed, two in a row at one pair, round after round at every pair within reach.
inline constexpr std::uint64_t first_aimed_seed = 1'000'000'000;
[[nodiscard]] std::optional<Aim> aim_of(std::uint64_t seed);

/// Adds to an ordinary draw what leads to the step, and the faults that wait for it.
void take_aim(const Aim& aim, SwarmOptions& options, Random& random);

/// Makes it a cluster in which the step and the fault can meet.
void suit(const Aim& aim, SwarmOptions& options, Random& random);

/// What brings some node into the step, begun at `at`: faults, which may wait for moments themselves.
void lead_to(Step step, protocol::Duration at, SwarmOptions& options, Random& random);

}  // namespace vsync::simulation
