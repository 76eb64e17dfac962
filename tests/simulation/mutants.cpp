// Broken engines: for each rule that protocol/mutant.hpp can switch off, ordinary seeds run in turn until one fails that passes with the
// rule. A rule whose fault nobody notices is a rule that the tests don't test. A seed whose engines never ask for the rule passes without
// it as it does with it, and is not run again. `mutants NAME` hunts for one, `mutants --table` tells of all as a table; with arguments
// behind the name it is the simulation's command with this rule switched off.

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "protocol/mutant.hpp"
#include "tests/simulation/command.hpp"
#include "tests/simulation/run_seed.hpp"
#include "tests/simulation/workers.hpp"

namespace {

using namespace vsync::simulation;
using vsync::protocol::Mutant;
using vsync::protocol::mutant_count;

struct Rule {
  const char* name = "none";
  const char* section = "";
  const char* text = "";
};
constexpr Rule rules[] = {
    {},
#define VSYNC_RULE(name, section, text) {#name, section, text},
    VSYNC_RULES(VSYNC_RULE)
#undef VSYNC_RULE
};
static_assert(std::size(rules) == mutant_count);

constexpr unsigned seconds_per_seed = 30;
constexpr std::uint64_t block = 32;  ///< seeds that run with all rules before the hunt goes on in them
using Asked = std::bitset<mutant_count>;

/// Which rules the seeds of a block ask for, while all of them are kept.
struct Block {
  std::uint64_t first = 0;
  std::array<Asked, block> asked;
};

struct Hunted {
  Mutant rule = Mutant::none;
  std::uint64_t asked = 0;  ///< seeds that asked for it so far
  std::uint64_t seed = 0;   ///< that was caught; 0: none yet
  std::string failure;
};

const Rule& rule_of(const Hunted& hunted) { return rules[static_cast<std::size_t>(hunted.rule)]; }

RunResult run_with(Mutant broken, std::uint64_t seed, Judging judging = Judging::whole) {
  vsync::protocol::active_mutant = broken;
  return run_seed(draw(seed), seed, judging);
}

/// A seed that fails with all rules proves nothing.
bool fails_anyway(std::uint64_t seed) {
  return !run_apart(seed, seconds_per_seed, [](std::uint64_t s) { return run_with(Mutant::none, s); }).failure.empty();
}

/// Memory that children share with their parent.
Asked* shared_with_children() {
  void* memory = mmap(nullptr, sizeof(Asked) * block, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? std::exit(2), nullptr : static_cast<Asked*>(memory);
}

Block run_with_all_rules(std::uint64_t first, std::uint64_t count, unsigned jobs) {
  static Asked* const asked = shared_with_children();
  std::fill_n(asked, block, Asked());
  Block found{.first = first, .asked = {}};
  const auto run = [&](std::uint64_t seed) {
    vsync::protocol::rules_asked.reset();
    RunResult result = run_with(Mutant::none, seed, Judging::nothing);
    asked[seed - first] = vsync::protocol::rules_asked;
    return result;
  };
  run_seeds(first, count, jobs, seconds_per_seed, run, [](const SeedReport&) { return true; });
  std::copy_n(asked, block, found.asked.begin());
  return found;
}

/// The first seed of the block that fails without the rule, however many run at once.
void hunt_in(const Block& seeds, Hunted& hunted, unsigned jobs) {
  std::vector<std::uint64_t> worth_it;
  for (std::uint64_t i = 0; i < block; ++i) {
    if (seeds.asked[i].test(static_cast<std::size_t>(hunted.rule))) worth_it.push_back(seeds.first + i);
  }
  std::optional<std::uint64_t> caught;
  std::vector<bool> ran(worth_it.size());
  run_seeds(
      0, worth_it.size(), jobs, seconds_per_seed, [&](std::uint64_t i) { return run_with(hunted.rule, worth_it[i]); },
      [&](const SeedReport& report) {
        const std::uint64_t i = report.seed;
        ran[i] = true;
        if (!report.failure.empty() && i < caught.value_or(worth_it.size()) && !fails_anyway(worth_it[i])) {
          caught = i;
          hunted.failure = report.failure;
        }
        // An earlier one may still be under way.
        return !caught || !std::all_of(ran.begin(), ran.begin() + static_cast<std::ptrdiff_t>(*caught), [](bool one) { return one; });
      });
  hunted.asked += caught ? *caught + 1 : worth_it.size();
  if (caught) hunted.seed = worth_it[*caught];
}

std::vector<Hunted> hunt(std::vector<Hunted> all, std::uint64_t budget, unsigned jobs) {
  const auto open = [](const Hunted& hunted) { return hunted.seed == 0; };
  for (std::uint64_t first = 1; first <= budget && std::any_of(all.begin(), all.end(), open); first += block) {
    const Block seeds = run_with_all_rules(first, std::min(block, budget - first + 1), jobs);
    for (Hunted& hunted : all) {
      if (!open(hunted)) continue;
      hunt_in(seeds, hunted, jobs);
      if (open(hunted)) continue;
      std::printf("%-30s caught by seed %s, the %s. that asks for the rule: %.120s\n", rule_of(hunted).name,
                  std::to_string(hunted.seed).c_str(), std::to_string(hunted.asked).c_str(), hunted.failure.c_str());
      std::fflush(stdout);
    }
  }
  return all;
}

std::size_t rule_named(const char* name) {
  for (std::size_t i = 0; i < mutant_count; ++i) {
    if (std::strcmp(name, rules[i].name) == 0) return i;
  }
  std::fprintf(stderr, "no rule has this name: %s\n", name);
  std::exit(2);
}

void print_table(const std::vector<Hunted>& all) {
  std::printf("| Without | Rule | Seeds (asking for it) | Caught by |\n|---|---|---|---|\n");
  for (const Hunted& hunted : all) {
    const Rule& rule = rule_of(hunted);
    std::printf("| `%s` | %s: %s | %s (%s) | `%s` |\n", rule.name, rule.section, rule.text, std::to_string(hunted.seed).c_str(),
                std::to_string(hunted.asked).c_str(), hunted.failure.substr(0, hunted.failure.find(':')).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool table = argc == 2 && std::strcmp(argv[1], "--table") == 0;
  if (argc > 2) {
    vsync::protocol::active_mutant = static_cast<Mutant>(rule_named(argv[1]));
    return run_command(argc - 1, argv + 1);
  }
  std::uint64_t budget = 5000;
  if (const char* seeds = std::getenv("VSYNC_MUTANT_SEEDS")) budget = std::strtoull(seeds, nullptr, 10);
  std::vector<Hunted> all;
  const std::size_t only = argc == 2 && !table ? rule_named(argv[1]) : 0;
  for (std::size_t i = 1; i < mutant_count; ++i) {
    if (only == 0 || only == i) all.push_back({.rule = static_cast<Mutant>(i), .failure = {}});
  }
  if (std::freopen("/dev/null", "w", stderr) == nullptr) return 2;  // where broken engines tell of their broken invariants
  all = hunt(std::move(all), budget, jobs_of_this_machine());
  std::size_t missed = 0;
  for (const Hunted& hunted : all) {
    if (hunted.seed != 0) continue;
    ++missed;
    std::printf("%-30s NOT CAUGHT in %s seeds, %s of which ask for the rule\n", rule_of(hunted).name, std::to_string(budget).c_str(),
                std::to_string(hunted.asked).c_str());
  }
  if (table) print_table(all);
  std::printf("%zu of %zu broken rules not caught\n", missed, all.size());
  return missed == 0 ? 0 : 1;
}
