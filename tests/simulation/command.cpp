#include "tests/simulation/command.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string_view>

#include "checker/trace_text.hpp"
#include "tests/simulation/aim.hpp"
#include "tests/simulation/readable.hpp"
#include "tests/simulation/report.hpp"
#include "tests/simulation/run_seed.hpp"
#include "tests/simulation/shrink.hpp"
#include "tests/simulation/workers.hpp"

namespace vsync::simulation {
namespace {

struct Arguments {
  std::uint64_t seeds = 2000;
  std::uint64_t first = 1;
  bool fresh = false;
  unsigned jobs = jobs_of_this_machine();
  unsigned seconds_per_seed = 60;
  bool verbose = false;
  bool keep_going = false;
  bool shrink = true;
  bool json = false;
  std::size_t tail = 60;
  std::string trace_file;
  std::optional<std::set<std::size_t>> only_faults;  ///< indices; for shrunk seeds
};

constexpr const char* usage =
    "usage: run [--seeds N] [--first F | --seed S | --aimed | --standing | --herds] [--fresh] [--jobs J] [--verbose] [--keep-going]\n"
    "           [--no-shrink] [--seconds S] [--tail LINES] [--trace FILE] [--faults I,J,...|none] [--json | --pairs]\n"
    "  --seeds N       how many seeds, from --first on (default 2000; or VSYNC_SIMULATION_SEEDS)\n"
    "  --seed S        exactly this one\n"
    "  --aimed         from the first aimed one on: their faults strike at chosen steps of the protocol\n"
    "  --standing      from the first one on in each of which a fault stands where all others have ended\n"
    "  --herds         from the first one on in each of which many nodes are started at once\n"
    "  --fresh         from there a random number on, that is told\n"
    "  --jobs J        processes (default: one per processor)\n"
    "  --keep-going    don't stop at the first failure\n"
    "  --seconds S     a seed that takes more processor time is a failure (default 60)\n"
    "  --tail LINES    of a failing seed's trace (default 60)\n"
    "  --trace FILE    write the whole trace of --seed S, readable, and FILE.raw for the checker\n"
    "  --faults I,...  only these of the seed's faults\n"
    "  --json          tell of each seed in a line of JSON, failed or not, and nothing else\n"
    "  --pairs         only tell, in JSON, in which steps of the protocol which faults are counted\n";

[[noreturn]] void wrong(const std::string& what) {
  std::fprintf(stderr, "%s\n%s", what.c_str(), usage);
  std::exit(2);
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) wrong("not a number: " + std::string(text));
  return value;
}

std::set<std::size_t> numbers(std::string_view text) {
  std::set<std::size_t> found;
  if (text == "none") return found;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    found.insert(number(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return found;
}

/// Beyond the seeds of `tests/run` and of most campaigns, and before those of another kind.
std::uint64_t fresh_offset() {
  std::random_device device;
  return std::uniform_int_distribution<std::uint64_t>{100'000'000, 900'000'000}(device);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  if (const char* seeds = std::getenv("VSYNC_SIMULATION_SEEDS")) arguments.seeds = number(seeds);
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    const auto value = [&]() -> std::string_view {
      if (++i >= argc) wrong("nothing after " + std::string(option));
      return argv[i];
    };
    if (option == "--seeds") arguments.seeds = number(value());
    else if (option == "--first") arguments.first = number(value());
    else if (option == "--seed") arguments.first = number(value()), arguments.seeds = 1;
    else if (option == "--aimed") arguments.first = first_aimed_seed;
    else if (option == "--herds") arguments.first = first_herd_seed;
    else if (option == "--standing") arguments.first = first_standing_seed;
    else if (option == "--fresh") arguments.fresh = true;
    else if (option == "--jobs") arguments.jobs = static_cast<unsigned>(std::clamp<std::uint64_t>(number(value()), 1, 64));
    else if (option == "--seconds") arguments.seconds_per_seed = static_cast<unsigned>(number(value()));
    else if (option == "--tail") arguments.tail = number(value());
    else if (option == "--trace") arguments.trace_file = value();
    else if (option == "--faults") arguments.only_faults = numbers(value());
    else if (option == "--verbose") arguments.verbose = true;
    else if (option == "--keep-going") arguments.keep_going = true;
    else if (option == "--no-shrink") arguments.shrink = false;
    else if (option == "--json") arguments.json = true;
    else if (option == "--pairs") print_pairs(stdout), std::exit(0);
    else if (option == "--help") std::fputs(usage, stdout), std::exit(0);
    else wrong("unknown option: " + std::string(option));
  }
  if (arguments.fresh && arguments.seeds == 1) wrong("--fresh is for several seeds");
  if (arguments.fresh) arguments.first += fresh_offset();
  return arguments;
}

SwarmOptions options_of(const Arguments& arguments, std::uint64_t seed) {
  SwarmOptions options = draw(seed);
  return arguments.only_faults ? with_faults(options, *arguments.only_faults) : options;
}

/// Sums over all seeds.
struct Totals {
  std::uint64_t seeds = 0, failed = 0, fewest_inputs = ~std::uint64_t{0};
  RunResult sum;
  void add(const SeedReport& report) {
    ++seeds;
    failed += !report.failure.empty();
    const RunResult& one = report.counts;
    if (one.inputs > 0) fewest_inputs = std::min(fewest_inputs, one.inputs);
    sum.inputs += one.inputs, sum.views += one.views, sum.delivered += one.delivered, sum.published += one.published;
    sum.ok += one.ok, sum.resent += one.resent, sum.resyncs += one.resyncs;
    sum.settling = std::max(sum.settling, one.settling);
    for (std::size_t kind = 0; kind < fault_kinds; ++kind) sum.faults[kind] += one.faults[kind];
    for (std::size_t kind = 0; kind < standing_kinds; ++kind) sum.stood[kind] += one.stood[kind];
    sum.blocked += one.blocked;
    sum.churn = std::max(sum.churn, one.churn);
    sum.herd_views = std::max(sum.herd_views, one.herd_views);
    sum.herding = std::max(sum.herding, one.herding);
  }
  void print(double seconds) const {
    std::printf("%llu seeds, %llu failed, %.1f seeds/s\n", static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(failed),
                static_cast<double>(seeds) / std::max(seconds, 0.001));
    std::printf("%llu protocol events (fewest in a seed: %llu), %llu views installed, %llu runs delivered, %llu resyncs\n",
                static_cast<unsigned long long>(sum.inputs), static_cast<unsigned long long>(fewest_inputs),
                static_cast<unsigned long long>(sum.views), static_cast<unsigned long long>(sum.delivered),
                static_cast<unsigned long long>(sum.resyncs));
    std::printf("%llu runs published, %llu ok, %llu resent; longest settling %.1f s of simulated time\n",
                static_cast<unsigned long long>(sum.published), static_cast<unsigned long long>(sum.ok),
                static_cast<unsigned long long>(sum.resent), std::chrono::duration<double>(sum.settling).count());
    std::printf("faults:");
    for (std::size_t kind = 0; kind < fault_kinds; ++kind) {
      std::printf(" %s %llu", name_of(static_cast<FaultKind>(kind)), static_cast<unsigned long long>(sum.faults[kind]));
    }
    std::printf("\nstood:");
    for (std::size_t kind = 0; kind < standing_kinds; ++kind) {
      std::printf(" %s %llu", name_of(static_cast<StandingKind>(kind)), static_cast<unsigned long long>(sum.stood[kind]));
    }
    std::printf("; blocked for good %llu; most view changes at rest meanwhile %llu\n", static_cast<unsigned long long>(sum.blocked),
                static_cast<unsigned long long>(sum.churn));
    if (sum.herd_views == 0) return;
    std::printf("herds: one view of all after %.1f s of simulated time and %llu views at most\n",
                std::chrono::duration<double>(sum.herding).count(), static_cast<unsigned long long>(sum.herd_views));
  }
};

void print_run(const SwarmOptions& options, const std::set<std::size_t>& faults, const RunResult& result, std::size_t tail) {
  std::printf("  %s\n", describe(options).c_str());
  for (const std::size_t i : faults) std::printf("  fault %zu: %s\n", i, to_string(options.faults[i]).c_str());
  for (const auto& violation : result.violations) std::printf("  %s: %s\n", violation.property.c_str(), violation.text.c_str());
  std::printf("  the last %zu events:\n", tail);
  print_tail(result.trace, tail, stdout);
}

void write_trace(const RunResult& result, const std::string& file) {
  std::FILE* words = std::fopen(file.c_str(), "w");
  std::FILE* raw = std::fopen((file + ".raw").c_str(), "w");
  if (words == nullptr || raw == nullptr) wrong("can't write " + file);
  for (const auto& event : result.trace.events) {
    std::fprintf(words, "%s\n", readable(event).c_str());
    std::fprintf(raw, "%s\n", vsync::checker::to_line(event).c_str());
  }
  std::fclose(words);
  std::fclose(raw);
}

/// A failing seed is shrunk and run again for its trace; one that crashes the process tells no more than its replay.
void tell_failure(const Arguments& arguments, const SeedReport& report) {
  std::printf("seed %llu failed: %s\n", static_cast<unsigned long long>(report.seed), report.failure.c_str());
  std::set<std::size_t> faults = arguments.only_faults.value_or(all_faults(options_of(arguments, report.seed)));
  if (arguments.shrink) faults = shrink(report.seed, faults, arguments.seconds_per_seed, report.failure);
  std::string list;
  for (const std::size_t fault : faults) list += (list.empty() ? "" : ",") + std::to_string(fault);
  std::printf("replay: tests/simulation/run --seed %llu\n", static_cast<unsigned long long>(report.seed));
  std::printf("shrunk: tests/simulation/run --seed %llu --faults %s\n", static_cast<unsigned long long>(report.seed),
              list.empty() ? "none" : list.c_str());
  std::fflush(stdout);
  const SwarmOptions options = draw(report.seed);
  (void)run_apart(report.seed, arguments.seconds_per_seed, [&](std::uint64_t seed) {
    const RunResult result = run_seed(with_faults(options, faults), seed);
    print_run(options, faults, result, arguments.tail);
    std::fflush(stdout);
    return RunResult{};
  });
}

/// For programs, which judge failures themselves.
int run_for_program(const Arguments& arguments) {
  const auto run = [&](std::uint64_t seed) { return run_seed(options_of(arguments, seed), seed); };
  bool passed = true;
  run_seeds(arguments.first, arguments.seeds, arguments.jobs, arguments.seconds_per_seed, run, [&](const SeedReport& report) {
    passed = passed && report.failure.empty();
    print_seed(report, stdout);
    return true;
  });
  return passed ? 0 : 1;
}

}  // namespace

int run_command(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (arguments.json) return run_for_program(arguments);
  const auto run = [&](std::uint64_t seed) {
    RunResult result = run_seed(options_of(arguments, seed), seed);
    if (!arguments.trace_file.empty()) write_trace(result, arguments.trace_file);
    return result;
  };
  if (arguments.fresh) std::printf("seeds from %llu on\n", static_cast<unsigned long long>(arguments.first)), std::fflush(stdout);
  Totals totals;
  std::vector<SeedReport> failures;
  const auto begin = std::chrono::steady_clock::now();
  run_seeds(arguments.first, arguments.seeds, arguments.jobs, arguments.seconds_per_seed, run, [&](const SeedReport& report) {
    totals.add(report);
    if (arguments.verbose || !report.failure.empty()) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(report.seed), report.failure.empty() ? "passed" : report.failure.c_str());
      std::fflush(stdout);
    }
    if (!report.failure.empty()) failures.push_back(report);
    return report.failure.empty() || arguments.keep_going;
  });
  totals.print(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  if (failures.empty()) return 0;
  tell_failure(arguments, failures.front());
  return 1;
}

}  // namespace vsync::simulation
