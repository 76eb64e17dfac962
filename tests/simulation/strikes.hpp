#pragma once
// Strikes: how often each kind of fault has struck a node in each step of the protocol. A campaign that never killed a coordinator
// between two phases of its ballot has shown nothing about that.

#include <array>
#include <cstdint>

#include "tests/simulation/fault.hpp"
#include "tests/simulation/step.hpp"

namespace vsync::simulation {

using Strikes = std::array<std::array<std::uint64_t, fault_kinds>, step_count>;

/// Why there is no fault of this kind in this step; null where there can be one.
[[nodiscard]] const char* why_out_of_reach(Step step, FaultKind kind);

}  // namespace vsync::simulation
