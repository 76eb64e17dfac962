#pragma once
// Workers: runs seeds in several processes, so that a broken assertion or an endless loop is one failed seed and not the end.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/run_seed.hpp"

namespace vsync::simulation {

struct SeedReport {
  std::uint64_t seed = 0;
  std::string failure;  ///< property and text, or how the process ended; empty: passed
  RunResult counts;     ///< without trace and violations
};

[[nodiscard]] unsigned jobs_of_this_machine();

/// Runs one seed in a child process. `seconds` of processor time at most.
[[nodiscard]] SeedReport run_apart(std::uint64_t seed, unsigned seconds, const std::function<RunResult(std::uint64_t)>& run);

/// Runs seeds first .. first + count - 1 in `jobs` processes. `each` is called for every seed and says whether to go on.
void run_seeds(std::uint64_t first, std::uint64_t count, unsigned jobs, unsigned seconds,
               const std::function<RunResult(std::uint64_t)>& run, const std::function<bool(const SeedReport&)>& each);

}  // namespace vsync::simulation
