#include "tests/simulation/shrink.hpp"

#include <algorithm>
#include <vector>

#include "tests/simulation/workers.hpp"

namespace vsync::simulation {
namespace {

constexpr int runs_max = 150;

std::string property_of(const std::string& failure) { return failure.substr(0, failure.find(':')); }

}  // namespace

std::set<std::size_t> all_faults(const SwarmOptions& options) {
  std::set<std::size_t> found;
  for (std::size_t i = 0; i < options.faults.size(); ++i) found.insert(found.end(), i);
  return found;
}

SwarmOptions with_faults(SwarmOptions options, const std::set<std::size_t>& kept) {
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < options.faults.size(); ++i) {
    if (kept.contains(i)) faults.push_back(options.faults[i]);
  }
  options.faults = std::move(faults);
  return options;
}

std::set<std::size_t> shrink(std::uint64_t seed, std::set<std::size_t> faults, unsigned seconds, const std::string& failure) {
  const SwarmOptions options = draw(seed);
  int runs = 0;
  const auto still_fails = [&](const std::set<std::size_t>& kept) {
    ++runs;
    const SeedReport report = run_apart(seed, seconds, [&](std::uint64_t s) { return run_seed(with_faults(options, kept), s); });
    return property_of(report.failure) == property_of(failure);
  };
  for (std::size_t size = std::max<std::size_t>(faults.size() / 2, 1);; size /= 2) {
    for (auto from = faults.begin(); from != faults.end() && runs < runs_max;) {
      std::set<std::size_t> fewer(faults.begin(), from);
      auto to = from;
      for (std::size_t i = 0; i < size && to != faults.end(); ++i) ++to;
      fewer.insert(to, faults.end());
      const bool at_end = to == faults.end();
      const std::size_t next = at_end ? 0 : *to;
      if (still_fails(fewer)) faults = std::move(fewer);
      from = at_end ? faults.end() : faults.find(next);
    }
    if (size <= 1 || runs >= runs_max) return faults;
  }
}

}  // namespace vsync::simulation
