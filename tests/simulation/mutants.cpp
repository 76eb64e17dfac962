// Broken engines: for each rule that protocol/mutant.hpp can switch off, ordinary seeds run until one is caught. A rule whose fault
// nobody notices is a rule that the tests don't test. `mutants NAME` hunts for one; with arguments behind the name it is the simulation's
// command with this rule switched off.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "protocol/mutant.hpp"
#include "tests/simulation/command.hpp"
#include "tests/simulation/run_seed.hpp"
#include "tests/simulation/workers.hpp"

namespace {

using namespace vsync::simulation;
using vsync::protocol::Mutant;
using vsync::protocol::mutant_count;

constexpr const char* names[] = {"none",
                                 "majority_of_members_only",
                                 "ignore_accepted_value",
                                 "promise_not_kept",
                                 "promise_not_persisted",
                                 "no_wedge",
                                 "no_fetch_before_accept",
                                 "cut_ignores_holdings",
                                 "cut_without_tail",
                                 "tail_keeps_orphan_causes",
                                 "half_without_tie_breaker",
                                 "deliver_without_payload_gap",
                                 "order_gap_ignored",
                                 "stale_view_accepted",
                                 "ack_of_other_view",
                                 "uniform_at_one",
                                 "safe_at_uniform",
                                 "stable_too_early",
                                 "no_lease",
                                 "two_sequencers",
                                 "duplicate_session_numbers",
                                 "learner_delivers_unloaded",
                                 "snapshot_late",
                                 "excluded_keeps_identity",
                                 "minority_forms",
                                 "restart_ignores_disk",
                                 "no_self_doubt",
                                 "outcome_before_uniform",
                                 "leave_without_cut",
                                 "durable_before_disk",
                                 "cut_not_stored",
                                 "disks_not_compared",
                                 "fifo_overtakes",
                                 "fifo_again_at_its_place",
                                 "fifo_forgotten_at_the_cut",
                                 "flips_a_payload",
                                 "raised_too_early",
                                 "any_version_joins",
                                 "version_lowered",
                                 "own_lease_only"};
static_assert(std::size(names) == mutant_count, "every broken rule has a name here");

constexpr unsigned seconds_per_seed = 30;

struct Catch {
  std::uint64_t seeds = 0;
  SeedReport report;
};

RunResult run_with(Mutant broken, std::uint64_t seed) {
  vsync::protocol::active_mutant = broken;
  return run_seed(draw(seed), seed);
}

/// A seed that fails with nothing switched off proves nothing.
bool fails_anyway(std::uint64_t seed) {
  return !run_apart(seed, seconds_per_seed, [](std::uint64_t s) { return run_with(Mutant::none, s); }).failure.empty();
}

Catch hunt(Mutant broken, std::uint64_t budget, unsigned jobs) {
  Catch found;
  run_seeds(
      1, budget, jobs, seconds_per_seed, [=](std::uint64_t seed) { return run_with(broken, seed); },
      [&](const SeedReport& report) {
        ++found.seeds;
        if (report.failure.empty() || fails_anyway(report.seed)) return true;
        found.report = report;
        return false;
      });
  return found;
}

Mutant named(const char* name) {
  for (std::size_t i = 0; i < mutant_count; ++i) {
    if (std::strcmp(name, names[i]) == 0) return static_cast<Mutant>(i);
  }
  std::fprintf(stderr, "no rule has this name: %s\n", name);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) {
    vsync::protocol::active_mutant = named(argv[1]);
    return run_command(argc - 1, argv + 1);
  }
  std::uint64_t budget = 5000;
  if (const char* seeds = std::getenv("VSYNC_MUTANT_SEEDS")) budget = std::strtoull(seeds, nullptr, 10);
  const char* only = argc > 1 ? argv[1] : nullptr;
  const unsigned jobs = jobs_of_this_machine();
  if (std::freopen("/dev/null", "w", stderr) == nullptr) return 2;  // where broken engines tell of their broken invariants
  std::size_t missed = 0;
  for (std::size_t i = 1; i < mutant_count; ++i) {
    if (only != nullptr && std::strcmp(only, names[i]) != 0) continue;
    const Catch found = hunt(static_cast<Mutant>(i), budget, jobs);
    if (found.report.failure.empty()) {
      ++missed;
      std::printf("%-28s NOT CAUGHT in %llu seeds\n", names[i], static_cast<unsigned long long>(found.seeds));
    } else {
      std::printf("%-28s caught after %llu seeds, seed %llu: %.110s\n", names[i], static_cast<unsigned long long>(found.seeds),
                  static_cast<unsigned long long>(found.report.seed), found.report.failure.c_str());
    }
    std::fflush(stdout);
  }
  std::printf("%zu broken rules not caught\n", missed);
  return missed == 0 ? 0 : 1;
}
