// Wall clocks stand in what people are told, and no rule reads them: a seed is the same run whether they jump or not.

#include <algorithm>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "checker/trace_text.hpp"
#include "tests/simulation/run_seed.hpp"

namespace {

constexpr std::uint64_t seeds = 60;

/// People are told when an operator forced a primary, by the clock of the host where he did.
void forget_when(std::vector<vsync::protocol::Forced>& forced) {
  for (auto& each : forced) each.at = {};
}

/// All that happened, but for where anybody's wall clock stood.
std::string story_of(std::uint64_t seed, bool wall_clocks_jump) {
  vsync::simulation::SwarmOptions options = vsync::simulation::draw(seed);
  options.wall_clocks_jump = wall_clocks_jump;
  std::string story;
  auto events = vsync::simulation::run_seed(options, seed).trace.events;
  for (auto& event : events) {
    if (auto* installed = std::get_if<vsync::checker::ViewInstalled>(&event.body)) forget_when(installed->view.forced);
    if (auto* value = std::get_if<vsync::checker::BallotValue>(&event.body)) forget_when(value->next.forced);
    story += vsync::checker::to_line(event) + "\n";
  }
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
