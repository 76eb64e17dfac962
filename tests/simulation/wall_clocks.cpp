// Wall clocks stand in what people are told, and no rule reads them: a seed is the same run whether they jump or not.

#include <algorithm>
#include <cstdio>
#include <string>

#include "checker/trace_text.hpp"
#include "tests/simulation/run_seed.hpp"

namespace {

constexpr std::uint64_t seeds = 60;

/// All that happened, but for the time at which a sequencer's wall clock stood.
std::string story_of(std::uint64_t seed, bool wall_clocks_jump) {
  vsync::simulation::SwarmOptions options = vsync::simulation::draw(seed);
  options.wall_clocks_jump = wall_clocks_jump;
  std::string story;
  for (const auto& event : vsync::simulation::run_seed(options, seed).trace.events) story += vsync::checker::to_line(event) + "\n";
  return story;
}

}  // namespace

int main() {
  int different = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::string jumping = story_of(seed, true);
    const std::string steady = story_of(seed, false);
    if (jumping == steady) continue;
    ++different;
    const auto one = std::mismatch(jumping.begin(), jumping.end(), steady.begin(), steady.end()).first;
    const std::string line(one, std::find(one, jumping.end(), '\n'));
    std::printf("seed %llu: not the same from here on: %s\n", static_cast<unsigned long long>(seed), line.c_str());
  }
  std::printf("%llu seeds, %d differ\n", static_cast<unsigned long long>(seeds), different);
  return different == 0 ? 0 : 1;
}
