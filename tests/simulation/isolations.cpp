// Isolations: what chance may leave out. Each node, each link and each direction of a link of 2 to 5 nodes is cut off at each step of
// the protocol, for less and for more than a suspicion takes, and the run is judged like every other.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/simulation/aim.hpp"
#include "tests/simulation/readable.hpp"
#include "tests/simulation/run_seed.hpp"
#include "tests/simulation/workers.hpp"

namespace {

using namespace std::chrono_literals;
using namespace vsync::simulation;
using vsync::protocol::Duration;

constexpr std::size_t nodes_min = 2;
constexpr std::size_t nodes_max = 5;
constexpr std::array<Duration, 2> durations = {200ms, 2s};
constexpr std::uint64_t attempts_max = 40;
constexpr unsigned seconds_per_case = 120;

struct Case {
  std::size_t nodes;
  Step step;
  Fault isolation;
};

std::vector<Fault> isolations(std::size_t nodes) {
  std::vector<Fault> found;
  for (Host a = 0; a < nodes; ++a) {
    found.push_back({.kind = FaultKind::partition, .a = a, .side = std::uint64_t{1} << a});
    for (Host b = 0; b < nodes; ++b) {
      if (b > a) found.push_back({.kind = FaultKind::cut_link, .a = a, .b = b});
      if (b != a) found.push_back({.kind = FaultKind::one_way, .a = a, .b = b});
    }
  }
  return found;
}

std::vector<Case> all_cases() {
  std::vector<Case> found;
  for (std::size_t nodes = nodes_min; nodes <= nodes_max; ++nodes) {
    for (std::size_t step = 0; step < step_count; ++step) {
      for (const Duration lasts : durations) {
        for (Fault isolation : isolations(nodes)) {
          isolation.lasts = lasts;
          isolation.at = static_cast<Step>(step) == Step::forming ? 0ms : 1s;
          isolation.moment = Moment{.step = static_cast<Step>(step), .turned = false};
          found.push_back({nodes, static_cast<Step>(step), isolation});
        }
      }
    }
  }
  return found;
}

/// The same up to the moment for all isolations of a step: only that differs.
SwarmOptions options_of(const Case& one, std::uint64_t seed) {
  Random random(seed);
  SwarmOptions options;
  options.nodes.resize(one.nodes);
  for (NodeOptions& node : options.nodes) node.starts_after = random.between(0ms, 50ms);
  options.config.heartbeat_every = 20ms;
  options.config.suspect_after_min = 250ms;
  options.config.suspect_after_max = 1200ms;
  options.config.lease = 120ms;
  options.config.admit_after = 300ms;
  options.act_every = 30ms;
  options.fault_phase = 6s;
  suit({one.step, FaultKind::partition}, options, random);
  options.faults.push_back(one.isolation);
  for (const Duration at : {1200ms, 3500ms}) lead_to(one.step, at, options, random);
  return options;
}

/// The first attempt in which the moment comes.
RunResult run(const Case& one, bool tells) {
  const std::uint64_t schedule = one.nodes * step_count + static_cast<std::uint64_t>(one.step);
  for (std::uint64_t attempt = 0; attempt < attempts_max; ++attempt) {
    const std::uint64_t seed = schedule * attempts_max + attempt;
    const SwarmOptions options = options_of(one, seed);
    RunResult result = run_seed(options, seed);
    if (result.in_vain > 0 && result.violations.empty()) continue;
    if (tells) {
      std::printf("  %s\n", describe(options).c_str());
      for (const Fault& fault : options.faults) std::printf("  %s\n", to_string(fault).c_str());
    }
    return result;
  }
  RunResult never;
  never.violations.push_back({"moment", std::string("no node came into the step ") + name_of(one.step)});
  return never;
}

std::string to_string(const Case& one) {
  return std::to_string(one.nodes) + " nodes, " + vsync::simulation::to_string(one.isolation);
}

int show(const Case& one, const char* file) {
  const RunResult result = run(one, true);
  for (const auto& violation : result.violations) std::printf("  %s: %s\n", violation.property.c_str(), violation.text.c_str());
  if (std::FILE* words = std::fopen(file, "w")) {
    for (const auto& event : result.trace.events) std::fprintf(words, "%s\n", readable(event).c_str());
    std::fclose(words);
  }
  return result.violations.empty() ? 0 : 1;
}

constexpr const char* usage =
    "usage: isolations [--every K] [--jobs J]      each K-th case (default: all)\n"
    "       isolations --case N --trace FILE       one case, and its whole trace\n";

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t every = 1;
  unsigned jobs = jobs_of_this_machine();
  const char* only = nullptr;
  const char* trace = "/dev/null";
  for (int i = 1; i < argc; i += 2) {
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (value != nullptr && std::strcmp(argv[i], "--every") == 0) every = std::max(1ull, std::strtoull(value, nullptr, 10));
    else if (value != nullptr && std::strcmp(argv[i], "--jobs") == 0) jobs = std::max(1u, static_cast<unsigned>(std::atoi(value)));
    else if (value != nullptr && std::strcmp(argv[i], "--case") == 0) only = value;
    else if (value != nullptr && std::strcmp(argv[i], "--trace") == 0) trace = value;
    else return std::fputs(usage, stderr), 2;
  }
  const std::vector<Case> cases = all_cases();
  if (only != nullptr) {
    const std::uint64_t number = std::strtoull(only, nullptr, 10);
    if (number >= cases.size()) return std::fputs(usage, stderr), 2;
    return show(cases[number], trace);
  }
  std::uint64_t passed = 0, failed = 0, view_changes = 0;
  const std::uint64_t count = (cases.size() + every - 1) / every;
  run_seeds(
      0, count, jobs, seconds_per_case, [&](std::uint64_t i) { return run(cases[i * every], false); },
      [&](const SeedReport& report) {
        view_changes += report.counts.view_changes;
        ++(report.failure.empty() ? passed : failed);
        if (report.failure.empty()) return true;
        const std::uint64_t number = report.seed * every;
        std::printf("case %llu failed: %s: %s\n  replay: tests/simulation/isolations --case %llu --trace FILE\n",
                    static_cast<unsigned long long>(number), to_string(cases[number]).c_str(), report.failure.c_str(),
                    static_cast<unsigned long long>(number));
        std::fflush(stdout);
        return true;
      });
  std::printf("of %zu isolations of nodes, links and directions, %llu view changes\n", cases.size(),
              static_cast<unsigned long long>(view_changes));
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(passed), static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}
