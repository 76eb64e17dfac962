#pragma once
// Reports for programs: one JSON object a line.

#include <cstdio>

#include "tests/simulation/workers.hpp"

namespace vsync::simulation {

/// What a seed did and how it ended.
void print_seed(const SeedReport& report, std::FILE* out);
/// The steps, the kinds of faults, the pairs of them that are out of reach, with the reason, and the first aimed seed.
void print_pairs(std::FILE* out);

}  // namespace vsync::simulation
