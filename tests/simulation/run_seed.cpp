#include "tests/simulation/run_seed.hpp"

#include <algorithm>
#include <set>

#include "tests/simulation/in_part.hpp"
#include "tests/simulation/world.hpp"

namespace vsync::simulation {

using namespace std::chrono_literals;
using protocol::Duration;
using protocol::TimePoint;

namespace {

constexpr std::uint64_t inputs_min = 1200;  ///< a small cluster with little load runs longer
constexpr Duration settle_bound = 60s;
constexpr Duration idle = 5s;
constexpr Duration work_after_heal = 500ms;
constexpr Duration patience_with_a_disk = 10s;

void count(const World& world, const checker::Trace& trace, RunResult& result) {
  result.inputs = world.inputs();
  result.faults = world.faults_done();
  result.strikes = world.strikes();
  result.in_vain = world.waited_in_vain();
  std::set<protocol::ViewId> views;
  for (const checker::TraceEvent& event : trace.events) {
    if (const auto* installed = std::get_if<checker::ViewInstalled>(&event.body)) {
      ++result.views;
      views.insert(installed->view.id);
    }
    result.delivered += std::holds_alternative<checker::Delivered>(event.body);
    result.resyncs += std::holds_alternative<checker::Resynced>(event.body);
  }
  result.view_changes = views.size();
}

/// Runs until the world has settled; tells what stands in the way if it doesn't.
bool settle(World& world, RunResult& result) {
  const TimePoint begin = world.schedule().now();
  const bool done = world.run_until(begin + settle_bound, [&] { return world.settled(); });
  result.settling = std::max(result.settling, Duration(world.schedule().now() - begin));
  if (world.stuck()) {
    result.violations.push_back({"progress", "an engine asks for ticks at one moment without end"});
  } else if (!done && !world.may_stand_still()) {
    result.violations.push_back({"settles", "60 s after the last fault: " + world.unsettled() + " (" + world.what_each_waits_for() + ")"});
  }
  return done;
}

/// After everything has settled: one node dies for good, and the rest, which may go on without it, must settle once more.
bool one_dies(World& world, RunResult& result) {
  if (world.nodes().size() < 3) return true;
  for (const Node& node : world.nodes()) {
    if (node.config().witness || node.config().weight != 1) return true;
  }
  world.let_die(world.nodes().size() / 2);
  world.kill(world.nodes().size() / 2, result.inputs % 2 == 0);
  return settle(world, result);
}

/// After everything has settled: a disk stops to answer, and nobody but its daemon's applications may wait for it for long.
bool one_disk_hangs(World& world, const SwarmOptions& options, RunResult& result) {
  if (world.nodes().size() < 3) return true;
  for (const Node& node : world.nodes()) {
    if (node.config().witness || node.config().weight != 1) return true;
  }
  const auto ok = [&] {
    std::uint64_t count = 0;
    for (const Session& session : world.sessions()) count += session.counts().ok;
    return count;
  };
  const Host host = world.inputs() % world.nodes().size();
  world.hang_disk(host, true);
  world.go_on_publishing();
  world.run_for(options.config.lag_exclude_after + patience_with_a_disk);
  const std::uint64_t before = ok();
  world.run_for(patience_with_a_disk);
  if (ok() == before) {
    result.violations.push_back({"a_hung_disk_stops_nobody", "nothing is confirmed any more while the disk of " + world.nodes()[host].name() +
                                                                 " hangs (" + world.what_each_waits_for() + ")"});
  }
  world.hang_disk(host, false);
  world.run_for(work_after_heal);
  world.stop_publishing();
  return settle(world, result);
}

/// What nobody who sees only a part of the run may call a violation. Each seed is seen in one of three ways: the next ones in the others.
void judge_in_part(const checker::Trace& trace, std::uint64_t seed, RunResult& result) {
  const auto judge = [&](const char* how, const checker::Trace& seen, const checker::Options& options) {
    for (const checker::Violation& violation : checker::check(seen, options)) {
      result.violations.push_back({violation.property + " (a false alarm " + how + ")", violation.text});
    }
  };
  if (seed % 3 == 0) return judge("without a common clock", by_node(trace), {.one_clock = false});
  const checker::Trace seen = seen_in_part(trace, Random(seed));
  if (seed % 3 == 1) return judge("of a partial trace", seen, {.partial = true});
  judge("of a partial trace without a common clock", by_node(seen), {.partial = true, .one_clock = false});
}

}  // namespace

RunResult run_seed(const SwarmOptions& options, std::uint64_t seed, Judging judging) {
  RunResult result;
  World world(options, seed);
  const TimePoint begin = world.schedule().now();
  world.begin();
  world.run_for(options.fault_phase);
  while (world.inputs() < inputs_min && !world.stuck()) world.run_for(1s);
  world.heal();
  world.run_for(work_after_heal);
  world.stop_publishing();

  Duration lease = options.config.lease;
  for (const Reload& reload : options.reloads) lease = std::max(lease, reload.config.lease);
  checker::Options checks{.lease = lease, .liveness = std::nullopt};
  bool live = !world.stuck() && settle(world, result);
  if (live && options.one_disk_hangs_at_the_end) live = one_disk_hangs(world, options, result);
  if (live && options.one_dies_at_the_end) live = one_dies(world, result);
  if (live) {
    world.rest();
    world.run_for(300ms);  // the last acknowledgements and marks
    checks.liveness = checker::Liveness{.connected = world.running_nodes(), .quiet_from = world.schedule().now()};
    world.run_for(idle);
    if (const std::string gone = world.homes_gone(); !gone.empty()) result.violations.push_back({"departures_are_told", gone});
    if (!world.directories_equal()) result.violations.push_back({"directories_identical", "the nodes' directories differ at the end"});
  }
  if (world.stuck() && result.violations.empty()) {
    result.violations.push_back({"progress", "an engine asks for ticks at one moment without end"});
  }
  if (world.window_exceeded()) result.violations.push_back({"window_is_kept", "a publish was taken though the window was full"});
  for (Node& node : world.nodes()) node.note_log();
  auto violations = checker::check(world.trace(), checks);
  // Safety first: what isn't live is often a consequence.
  result.violations.insert(result.violations.begin(), violations.begin(), violations.end());
  if (violations.empty() && judging == Judging::whole_and_in_part) judge_in_part(world.trace(), seed, result);
  count(world, world.trace(), result);
  result.node_time = (world.schedule().now() - begin) * static_cast<std::int64_t>(options.nodes.size());
  for (const Session& session : world.sessions()) {
    result.published += session.counts().published;
    result.ok += session.counts().ok;
    result.resent += session.counts().resent;
  }
  result.trace = world.trace();
  return result;
}

}  // namespace vsync::simulation
