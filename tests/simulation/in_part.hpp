#pragma once
// A trace as operators have it: of each node a piece, of some nothing, and without a common clock.

#include "checker/trace.hpp"
#include "tests/simulation/random.hpp"

namespace vsync::simulation {

/// Of each life with even chances all, or what follows some event, or what precedes one, or both; of one in six nothing.
[[nodiscard]] checker::Trace seen_in_part(const checker::Trace& trace, Random random);

/// Node after node.
[[nodiscard]] checker::Trace by_node(const checker::Trace& trace);

}  // namespace vsync::simulation
