#include "tests/simulation/run_seed.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "tests/simulation/in_part.hpp"
#include "tests/simulation/world.hpp"

namespace vsync::simulation {

using namespace std::chrono_literals;
using protocol::Duration;
using protocol::TimePoint;

namespace {

constexpr std::uint64_t inputs_min = 1200;  ///< a small cluster with little load runs longer
constexpr Duration settle_bound = 60s;
constexpr Duration herd_bound = 10s;
constexpr std::uint64_t herd_views_max = 3;
constexpr Duration idle = 5s;
constexpr Duration work_after_heal = 500ms;
constexpr Duration patience_with_a_disk = 10s;
constexpr std::uint64_t admissions_while_intervals_grow = 6;
constexpr Duration exclusions_forgotten_after = 60s;

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

/// Runs until nothing stands in the way of rest; tells what does if that doesn't end.
bool settle(World& world, const std::string& property, const std::function<std::string()>& obstacle, RunResult& result) {
  const TimePoint begin = world.schedule().now();
  const bool done = world.run_until(begin + settle_bound, [&] { return obstacle().empty(); });
  if (done) result.settling = std::max(result.settling, Duration(world.schedule().now() - begin));
  if (world.stuck()) {
    result.violations.push_back({"progress", "an engine asks for ticks at one moment without end"});
  } else if (!done && !world.may_stand_still()) {
    result.violations.push_back({property, "60 s after the last fault: " + obstacle() + " (" + world.what_each_waits_for() + ")"});
  }
  return done;
}

bool settle(World& world, RunResult& result) {
  return settle(world, "settles", [&] { return world.unsettled(); }, result);
}

std::uint64_t views_since(const World& world, TimePoint since) {
  std::set<protocol::ViewId> views;
  for (const checker::TraceEvent& event : world.trace().events) {
    const auto* installed = std::get_if<checker::ViewInstalled>(&event.body);
    if (installed != nullptr && event.time >= since) views.insert(installed->view.id);
  }
  return views.size();
}

/// All nodes are started at once, several times, and must be in one view of all soon, in few steps.
bool start_herds(World& world, std::uint32_t starts, RunResult& result) {
  for (std::uint32_t i = 0; i < starts; ++i) {
    if (i > 0) world.restart_all();
    const TimePoint begin = world.schedule().now();
    const bool done = world.run_until(begin + herd_bound, [&] { return world.scattered().empty(); });
    const std::uint64_t views = views_since(world, begin);
    if (!done) result.violations.push_back({"herd_starts", "10 s after start " + std::to_string(i + 1) + ": " + world.scattered()});
    if (views > herd_views_max) {
      result.violations.push_back({"herd_starts", std::to_string(views) + " views in start " + std::to_string(i + 1)});
    }
    result.herd_views = std::max(result.herd_views, views);
    result.herding = std::max(result.herding, Duration(world.schedule().now() - begin));
    if (!done) return false;
    world.run_for(work_after_heal);
  }
  return !world.stuck();
}

/// Some work, and then rest: of all. What was late when the network was healed has come by then.
bool work_and_settle(World& world, const SwarmOptions& options, RunResult& result) {
  world.publish_again();
  world.run_for(std::max(work_after_heal, options.network.spike_max));
  world.stop_publishing();
  return !world.stuck() && settle(world, result);
}

/// View changes that a member of changing fortune may cost in that time: it is admitted, gets its weight and is excluded again, each time
/// that the growing interval of its admission is over; and the intervals begin anew when an exclusion is forgotten.
std::uint64_t churn_bound(const protocol::Config& config, Duration time) {
  const auto times = [&](Duration interval) { return static_cast<std::uint64_t>(time / interval); };
  return 3 * (admissions_while_intervals_grow + times(exclusions_forgotten_after) + times(config.admit_after * 16));
}

/// All is healed but one fault: those that it leaves connected come to rest in one view, and stay so. False: not live.
bool stand(World& world, const SwarmOptions& options, RunResult& result) {
  if (options.standing->after_rest) {
    world.heal();
    if (!work_and_settle(world, options, result)) return false;
    world.publish_again();
    world.run_for(work_after_heal);
  }
  if (!world.stand(*options.standing)) return true;
  ++result.stood[static_cast<std::size_t>(options.standing->kind)];
  const std::string what = world.standing()->text() + " for good: ";
  const auto rests = [&] {
    return settle(world, "settles_in_part", [&] {
      const std::string obstacle = world.unsettled_apart();
      return obstacle.empty() ? obstacle : what + obstacle;
    }, result);
  };
  world.publish_again();
  world.run_for(std::max(work_after_heal, options.network.spike_max));
  world.stop_publishing();
  if (world.stuck()) return false;
  if (!rests()) {
    if (world.stuck() || !world.blocked_for_good()) return false;
    result.violations.clear();
    ++result.blocked;
    world.fall();
    return true;
  }
  // A newer version is spoken once who is missing is waited for no longer, and isn't heard either.
  const Duration unheard = options.network.break_after_max + options.config.suspect_after_max;
  if (options.upgrades) world.run_for(options.config.raise_after + unheard + work_after_heal);
  if (options.upgrades && !rests()) return false;
  world.run_for(work_after_heal);  // what was noticed last is told
  if (!rests()) return false;
  const TimePoint quiet_from = world.schedule().now();
  world.run_for(options.standing->watched);
  const std::uint64_t views = views_since(world, quiet_from);
  result.churn = std::max(result.churn, views);
  if (const std::uint64_t most = churn_bound(options.config, options.standing->watched); views > most) {
    result.violations.push_back({"no_churn", what + std::to_string(views) + " view changes, more than " + std::to_string(most)});
  }
  if (!rests()) return false;  // an application may have found another home meanwhile
  for (Node& node : world.nodes()) node.note_log();
  for (const checker::Violation& violation :
       checker::check(world.trace(), {.lease = options.config.lease, .liveness = world.liveness_apart(quiet_from)})) {
    result.violations.push_back({violation.property, what + violation.text});
  }
  world.fall();
  return !world.stuck() && result.violations.empty();
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
  world.publish_again();
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
  bool live = true;
  if (options.herd_starts > 0) {
    live = start_herds(world, options.herd_starts, result);
  } else {
    world.run_for(options.fault_phase);
    while (world.inputs() < inputs_min && !world.stuck()) world.run_for(1s);
  }
  live = live && !world.stuck() && (!options.standing || stand(world, options, result));
  world.heal();
  live = live && work_and_settle(world, options, result);

  Duration lease = options.config.lease;
  for (const Reload& reload : options.reloads) lease = std::max(lease, reload.config.lease);
  checker::Options checks{.lease = lease, .liveness = std::nullopt};
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
  if (world.asked_unpromised()) {
    result.violations.push_back({"promises_before_it_asks", "a coordinator asked for answers to a ballot that its disk didn't know yet"});
  }
  if (world.ordered_alone()) result.violations.push_back({"orders_under_a_lease", "a node that had heard nobody for longer than its lease handed something out"});
  if (world.window_exceeded()) result.violations.push_back({"window_is_kept", "a publish was taken though the window was full"});
  for (Node& node : world.nodes()) node.note_log();
  std::vector<checker::Violation> violations;
  if (judging != Judging::nothing) violations = checker::check(world.trace(), checks);
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
