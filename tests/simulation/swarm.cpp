#include "tests/simulation/swarm.hpp"

#include <algorithm>
#include <array>

#include "tests/simulation/aim.hpp"
#include "tests/simulation/host_names.hpp"

namespace vsync::simulation {
namespace {

using namespace std::chrono_literals;
using protocol::Duration;

void draw_nodes(SwarmOptions& options, Random& random) {
  constexpr std::array<std::size_t, 12> sizes = {1, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 7};
  options.nodes.resize(sizes[random.below(sizes.size())]);
  const bool weighted = random.chance(150);
  const bool drifting = random.chance(500);
  const bool staggered = random.chance(300);
  for (NodeOptions& node : options.nodes) {
    if (weighted) node.weight = static_cast<std::uint32_t>(random.between(1, 3));
    if (drifting) node.drift_ppm = static_cast<std::int64_t>(random.below(1001)) - 500;
    node.starts_after = random.between(0ms, staggered ? 3s : 50ms);
  }
  if (options.nodes.size() >= 3 && random.chance(100)) options.nodes[random.below(options.nodes.size())].witness = true;
  options.bootstrap = options.nodes.size() > 1 && random.chance(200) && !options.nodes.front().witness;
}

void draw_config(SwarmOptions& options, Random& random) {
  protocol::Config& config = options.config;
  if (random.chance(400)) {  // a fast cluster: more happens in the same time
    config.heartbeat_every = 20ms;
    config.suspect_after_min = 250ms;
    config.suspect_after_max = 1200ms;
    config.lease = 120ms;
    config.admit_after = 300ms;
  }
  if (random.chance(150)) {
    config.window_messages = 16;
    config.window_bytes = 4096;
  }
  if (random.chance(100)) config.fetch_bytes_max = 4096;
  if (random.chance(150)) config.decisions_kept = 2;
  if (random.chance(150)) config.session_window = 8;
  config.session_expires_after = random.chance(500) ? Duration(3s) : Duration(60s);
}

void draw_network(SwarmOptions& options, Random& random) {
  NetworkOptions& network = options.network;
  if (random.chance(300)) network.delay_max = 20ms;
  if (random.chance(150)) network.delay_max = 60ms;
  if (random.chance(150)) network.loss_permille = static_cast<std::uint32_t>(random.between(1, 30));
  if (random.chance(150)) network.duplicate_permille = static_cast<std::uint32_t>(random.between(1, 50));
  if (random.chance(150)) network.spike_permille = static_cast<std::uint32_t>(random.between(1, 10));
  if (random.chance(200)) options.write_max = 50ms;
}

void draw_load(SwarmOptions& options, Random& random) {
  options.sessions = random.between(1, 6);
  constexpr std::array<Duration, 4> paces = {Duration(10ms), Duration(30ms), Duration(100ms), Duration(400ms)};
  options.act_every = paces[random.below(paces.size())];
  options.burst_max = static_cast<std::uint32_t>(random.between(1, 6));
  options.run_messages_max = random.chance(300) ? 1 : 8;
  options.payload_max = random.chance(100) ? 4000 : 64;
  if (random.chance(200)) options.move_permille = 60;
  if (random.chance(150)) options.end_permille = 40;
  if (random.chance(150)) options.group_permille = 400;
  if (options.nodes.size() == 1) options.act_every = 10ms;
}

/// A host; now and then the same as before, since faults hurt most where another one is not over yet.
Host pick(const SwarmOptions& options, Random& random, Host before) {
  return random.chance(300) ? before : static_cast<Host>(random.below(options.nodes.size()));
}

void draw_faults(SwarmOptions& options, Random& random) {
  // A third of the kinds in each run, each with its own weight.
  std::vector<FaultKind> kinds;
  for (std::size_t kind = 0; kind < static_cast<std::size_t>(FaultKind::full_queue); ++kind) {
    if (random.chance(350)) kinds.insert(kinds.end(), random.between(1, 3), static_cast<FaultKind>(kind));
  }
  if (random.chance(50)) kinds.clear();
  const std::uint64_t count = kinds.empty() ? 0 : random.between(2, 24);
  options.fault_phase = random.between(Duration(4s), Duration(14s));
  Host last = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    Fault fault;
    fault.at = random.between(Duration(500ms), options.fault_phase);
    fault.kind = kinds[random.below(kinds.size())];
    fault.a = last = pick(options, random, last);
    fault.b = (fault.a + 1 + random.below(std::max<std::size_t>(options.nodes.size(), 2) - 1)) % options.nodes.size();
    fault.side = random.next() & ((std::uint64_t{1} << options.nodes.size()) - 1);
    fault.lasts = random.chance(500) ? random.between(10ms, 800ms) : random.between(500ms, 5s);
    options.faults.push_back(fault);
  }
  std::sort(options.faults.begin(), options.faults.end(), [](const Fault& x, const Fault& y) { return x.at < y.at; });
  options.one_dies_at_the_end = random.chance(250);
}

/// Every other seed: what was lost stays so for a while, and racks have full uplinks, which some of them die with; other faults are
/// followed by such a loss while the survivors agree on the next view.
void draw_lossy(SwarmOptions& options, Random& random) {
  if (random.chance(400)) options.config.fetch_again_after = 200ms;
  if (random.chance(300)) options.config.lag_exclude_after = 2s;
  const Duration bulk_delay = random.chance(400) ? random.chance(500) ? 30ms : 200ms : 0ms;
  // A log that is copied in small parts takes its round trips.
  if (options.config.fetch_bytes_max != 4096) options.network.bulk_delay_max = bulk_delay;
  if (random.chance(300)) options.write_max = 200ms;
  const std::uint64_t hosts = (std::uint64_t{1} << options.nodes.size()) - 1;
  const auto lose = [&](const Fault& first, std::uint64_t side, Duration within) {
    Fault fault;
    fault.at = first.at + random.between(Duration(0), within);
    fault.kind = FaultKind::lose_side;
    fault.a = first.a;
    fault.side = side;
    fault.killed = random.chance(500);
    fault.lasts = random.between(10ms, 5s);
    options.faults.push_back(fault);
  };
  const std::uint32_t followed = random.chance(500) ? 0 : 300;
  for (std::size_t i = options.faults.size(); i > 0; --i) {
    options.faults[i - 1].killed = random.chance(500);
    const std::uint64_t side = random.chance(300) ? hosts : random.next() & random.next() & hosts;
    if (random.chance(followed)) lose(Fault(options.faults[i - 1]), side, 1500ms);
  }
  for (std::uint64_t i = options.nodes.size() > 1 ? random.below(9) : 0; i > 0; --i) {
    Fault full;
    full.at = random.between(Duration(500ms), options.fault_phase);
    full.kind = FaultKind::full_queue;
    full.a = random.below(options.nodes.size());
    const std::uint64_t rack = (random.next() & random.next() & hosts) | (std::uint64_t{1} << full.a);
    full.side = hosts & ~rack;
    full.lasts = random.between(100ms, 5s);
    options.faults.push_back(full);
    if (random.chance(400)) lose(full, rack, random.chance(500) ? std::min<Duration>(full.lasts, 400ms) : full.lasts);
  }
  std::sort(options.faults.begin(), options.faults.end(), [](const Fault& x, const Fault& y) { return x.at < y.at; });
}

// A generator of its own: what the others draw stays as it is.
void draw_upgrades(SwarmOptions& options, Random random) {
  options.upgrades = random.chance(250);
  if (options.upgrades) options.config.raise_after = random.between(Duration(200ms), Duration(3s));
}

// A generator of its own, likewise. What is chosen last names everybody.
void draw_reloads(SwarmOptions& options, Random random) {
  if (!random.chance(200)) return;
  const std::uint64_t count = random.between(1, 4);
  for (std::uint64_t i = 0; i < count; ++i) {
    Reload reload{.config = options.config};
    reload.at = random.between(Duration(500ms), options.fault_phase);
    reload.within = random.between(Duration(1ms), random.chance(300) ? options.fault_phase : Duration(3s));
    protocol::Config& config = reload.config;
    const auto take = [&](Duration every, Duration least, Duration most, Duration lease, Duration admit) {
      config.heartbeat_every = every;
      config.suspect_after_min = least;
      config.suspect_after_max = most;
      config.lease = lease;
      config.admit_after = admit;
    };
    switch (random.below(4)) {
      case 0: take(20ms, 250ms, 1200ms, 120ms, 300ms); break;
      case 1: take(50ms, 600ms, 3s, 300ms, 700ms); break;
      case 2: take(400ms, 1500ms, 4s, 1200ms, 1700ms); break;
      default: break;
    }
    if (random.chance(400)) config.tie_breaker = std::string(1, static_cast<char>('a' + random.below(options.nodes.size())));
    if (random.chance(200)) config.min_weight = 2;
    for (std::size_t host = 0; host < options.nodes.size(); ++host) {
      reload.weights.push_back(random.chance(300) ? static_cast<std::uint32_t>(random.between(1, 3)) : options.nodes[host].weight);
    }
    // Where an operator makes one host a cluster, others that don't name it would be another; and so would one of two.
    const bool may_be_missing = !options.bootstrap && options.nodes.size() > 2;
    if (i + 1 < count && may_be_missing && random.chance(400)) reload.without = random.below(options.nodes.size());
    options.reloads.push_back(reload);
  }
  std::sort(options.reloads.begin(), options.reloads.end(), [](const Reload& x, const Reload& y) { return x.at < y.at; });
  options.reloads.back().without.reset();
}

// A generator of its own, too. Who breaks a tie is configured at each node, with care or without; and a view may ask for more weight than
// the most of it, but for no more than is left at the end.
void draw_votes(SwarmOptions& options, Random random) {
  const std::size_t nodes = options.nodes.size();
  if (random.chance(300)) {
    const bool alike = random.chance(500);
    std::size_t chosen = random.below(nodes);
    for (NodeOptions& node : options.nodes) {
      node.tie_breaker = std::string(1, static_cast<char>('a' + chosen));
      if (!alike) chosen = random.below(nodes);
    }
  }
  std::uint32_t weight = 0;
  for (const NodeOptions& node : options.nodes) weight += node.weight;
  const std::uint32_t most = options.one_dies_at_the_end || options.one_disk_hangs_at_the_end ? static_cast<std::uint32_t>(nodes) - 1 : weight;
  if (random.chance(150)) options.config.min_weight = static_cast<std::uint32_t>(random.between(1, std::max(most, 1u)));
}

/// Disks that fail, hang, or give back something else than was written. Seldom, and only if `may_be_needed`, so many that the others can't do
/// without them.
void draw_disks(SwarmOptions& options, bool may_be_needed, Random random) {
  if (!random.chance(200)) return;
  constexpr std::array kinds = {FaultKind::disk_error, FaultKind::hung_disk, FaultKind::damaged_disk};
  const bool needed_or_not = random.chance(100) && may_be_needed;
  if (random.chance(300)) options.config.lag_exclude_after = 2s;
  for (std::uint64_t i = random.between(1, 5); i > 0; --i) {
    Fault fault;
    fault.at = random.between(Duration(500ms), options.fault_phase);
    fault.kind = needed_or_not && random.chance(700) ? FaultKind::damaged_disk : kinds[random.below(kinds.size())];
    fault.a = random.below(options.nodes.size());
    fault.killed = fault.kind == FaultKind::damaged_disk && needed_or_not;
    fault.lasts = random.chance(500) ? random.between(10ms, 800ms) : random.between(500ms, 8s);
    options.faults.push_back(fault);
  }
  options.one_disk_hangs_at_the_end = random.chance(150);
  if (options.one_disk_hangs_at_the_end) {  // soon more waits for that disk than a daemon takes in
    options.config.window_bytes = 4096;
    options.config.lag_exclude_after = 2s;
    options.act_every = std::min<Duration>(options.act_every, 30ms);
  }
}

/// A majority is lost, with its hosts or behind a cut, and an operator says that the others go on, whatever those do meanwhile. Histories that
/// part so are kept or given up later, as operators say.
void draw_operators(SwarmOptions& options, Random random) {
  options.operated = options.nodes.size() > 1 && random.chance(50);
  if (!options.operated) return;
  const std::uint64_t hosts = (std::uint64_t{1} << options.nodes.size()) - 1;
  for (std::uint64_t i = random.between(1, 3); i > 0; --i) {
    Fault loss;
    loss.at = random.between(Duration(1500ms), options.fault_phase);
    loss.kind = random.chance(400) ? FaultKind::lose_side : random.chance(700) ? FaultKind::partition : FaultKind::split;
    loss.a = random.below(options.nodes.size());
    const std::uint64_t left = (random.next() & random.next() & hosts) | (std::uint64_t{1} << loss.a);
    loss.side = hosts & ~left;
    loss.killed = random.chance(300);
    loss.lasts = random.between(1500ms, 6s);
    options.faults.push_back(loss);
    Fault force = loss;
    force.kind = FaultKind::force_primary;
    force.killed = false;
    force.at += random.between(Duration(300ms), Duration(3s));
    for (std::uint64_t again = random.chance(300) ? 2 : 1; again > 0; --again, force.a = random.below(options.nodes.size())) {
      options.faults.push_back(force);
    }
    if (!random.chance(500)) continue;
    force.kind = FaultKind::discard;
    force.a = random.below(options.nodes.size());
    force.at = loss.at + loss.lasts + random.between(Duration(200ms), Duration(3s));
    options.faults.push_back(force);
  }
}

// A generator of its own, too.
void draw_clocks_and_links(SwarmOptions& options, Random random) {
  options.wall_clocks_jump = random.chance(200);
  if (options.nodes.size() > 1 && random.chance(100)) options.network.late_permille = static_cast<std::uint32_t>(random.between(50, 500));
  if (random.chance(60)) {
    options.network.spike_permille = static_cast<std::uint32_t>(random.between(1, 3));
    options.network.spike_max = random.between(Duration(1s), Duration(4s));
  }
  if (options.payload_max <= 64 && random.chance(60)) {
    options.network.slow_host = random.below(options.nodes.size());
    options.network.slow_bytes_per_second = random.between(30'000, 300'000);
    options.config.window_bytes = std::min<std::uint64_t>(options.config.window_bytes, 16'384);  // what waits there is gone in seconds
  }
  if (!random.chance(200)) return;
  for (std::uint64_t i = random.between(1, 4); i > 0; --i) {
    Fault fault;
    fault.at = random.between(Duration(500ms), options.fault_phase);
    fault.kind = random.chance(500) ? FaultKind::suspend : FaultKind::slow_reader;
    fault.a = random.below(options.nodes.size());
    fault.side = random.next() & 1;
    fault.lasts = random.chance(500) ? random.between(10ms, 800ms) : random.between(500ms, 5s);
    options.faults.push_back(fault);
  }
}

// A generator of its own, too.
void draw_hardships(SwarmOptions& options, Random random) {
  if (random.chance(20)) options.network.loss_permille = static_cast<std::uint32_t>(random.between(30, 300));
  if (random.chance(20)) options.network.duplicate_permille = static_cast<std::uint32_t>(random.between(50, 500));
  if (!random.chance(100)) return;
  for (std::uint64_t i = random.between(1, 3); i > 0; --i) {
    Fault fault;
    fault.at = random.between(Duration(500ms), options.fault_phase);
    fault.kind = FaultKind::starved;
    fault.a = random.below(options.nodes.size());
    fault.side = random.next();
    fault.lasts = random.between(Duration(500ms), Duration(8s));
    options.faults.push_back(fault);
  }
}

// A generator of its own, too.
void draw_standing(SwarmOptions& options, Random random) {
  StandingFault fault;
  fault.kind = static_cast<StandingKind>(random.below(standing_kinds));
  fault.after_rest = random.chance(300);
  fault.connections_last = random.chance(300);
  fault.period = random.between(Duration(100ms), Duration(1s));
  fault.write_max = random.chance(500) ? random.between(Duration(100ms), Duration(2s)) : random.between(Duration(2s), Duration(8s));
  // Longer than the longest interval after which an admission could be tried.
  fault.watched = options.config.admit_after * 16 + options.config.suspect_after_max;
  const bool unsteady = fault.kind == StandingKind::flapping || fault.kind == StandingKind::slow_disk;
  if (random.chance(unsteady ? 250 : 50)) fault.watched = 120s;
  fault.choice = random.next();
  options.standing = fault;
}

constexpr std::array<std::size_t, 3> herd_sizes = {16, 32, 9};
constexpr std::uint32_t herds_permille = 2;

/// Many nodes, which are all started at once, several times. They cost much and do little: few seeds are so, with few sessions.
SwarmOptions draw_herd(std::size_t size, Random random) {
  SwarmOptions options;
  options.nodes.resize(size);
  const bool drifting = random.chance(500);
  for (NodeOptions& node : options.nodes) {
    if (drifting) node.drift_ppm = static_cast<std::int64_t>(random.below(1001)) - 500;
    node.starts_after = random.between(0ms, 50ms);
  }
  if (random.chance(300)) options.network.delay_max = 20ms;
  if (random.chance(200)) options.network.loss_permille = static_cast<std::uint32_t>(random.between(1, 10));
  if (random.chance(300)) options.write_max = 50ms;
  options.sessions = random.between(1, 3);
  options.act_every = 100ms;
  options.herd_starts = static_cast<std::uint32_t>(random.between(2, 3));
  return options;
}

}  // namespace

SwarmOptions draw(std::uint64_t seed) {
  Random herds(seed ^ 0x68657264'73000000);
  if (seed >= first_herd_seed) return draw_herd(herd_sizes[(seed - first_herd_seed) % herd_sizes.size()], herds);
  if (seed < first_aimed_seed && herds.chance(herds_permille)) return draw_herd(herd_sizes[herds.below(herd_sizes.size())], herds.fork());
  Random random(seed ^ 0x73776172'6d000000);
  SwarmOptions options;
  draw_nodes(options, random);
  Random standing(seed ^ 0x7374616e'64696e67);
  if (seed >= first_standing_seed && options.nodes.size() < 3) options.nodes.resize(3 + standing.below(3));
  // Who may go on under a fault that stands is told from the views in force: nobody changes the votes meanwhile, or replaces a history.
  const bool stands = options.nodes.size() >= 3 && (standing.chance(250) || seed >= first_standing_seed);
  draw_config(options, random);
  draw_network(options, random);
  draw_load(options, random);
  draw_faults(options, random);
  if (seed % 2 == 1) draw_lossy(options, random);
  draw_upgrades(options, Random(seed ^ 0x75706772'61646500));
  draw_disks(options, !stands, Random(seed ^ 0x6469736b'73000000));
  if (!stands) draw_operators(options, Random(seed ^ 0x6f706572'61746f72));
  if (!stands) draw_votes(options, Random(seed ^ 0x766f7465'73000000));
  draw_clocks_and_links(options, Random(seed ^ 0x636c6f63'6b730000));
  draw_hardships(options, Random(seed ^ 0x68617264'73686970));
  std::stable_sort(options.faults.begin(), options.faults.end(), [](const Fault& x, const Fault& y) { return x.at < y.at; });
  if (const auto aim = aim_of(seed)) take_aim(*aim, options, random);
  if (!stands) draw_reloads(options, Random(seed ^ 0x72656c6f'61640000));
  if (stands) draw_standing(options, standing.fork());
  return options;
}

std::string describe(const SwarmOptions& options) {
  std::string text = std::to_string(options.nodes.size()) + " nodes" + (options.bootstrap ? " (bootstrapped)" : "");
  for (std::size_t i = 0; i < options.nodes.size(); ++i) {
    const NodeOptions& node = options.nodes[i];
    if (node.weight != 1) text += ", " + host_name(i) + " weighs " + std::to_string(node.weight);
    if (node.witness) text += ", " + host_name(i) + " is a witness";
    if (!node.tie_breaker.empty()) text += ", " + host_name(i) + " wants ties broken by " + node.tie_breaker;
  }
  if (options.config.min_weight > 1) text += ", at least " + std::to_string(options.config.min_weight) + " of weight";
  if (options.upgrades) text += ", upgraded on the way";
  for (const Reload& reload : options.reloads) {
    text += ", configured anew from " + in_milliseconds(reload.at) + " on";
    if (reload.without) text += " without " + host_name(*reload.without);
  }
  if (options.operated) text += ", operated";
  if (options.herd_starts > 0) text += ", all started at once " + std::to_string(options.herd_starts) + " times";
  if (options.standing) text += std::string(", ") + name_of(options.standing->kind) + " for good";
  if (options.standing && options.standing->after_rest) text += " after all had come together";
  text += ", " + std::to_string(options.sessions) + " sessions acting every " + in_milliseconds(options.act_every);
  text += ", suspicion after " + in_milliseconds(options.config.suspect_after_min);
  text += ", delay up to " + in_milliseconds(options.network.delay_max);
  if (options.network.loss_permille > 0) text += ", loss " + std::to_string(options.network.loss_permille) + "/1000";
  if (options.network.duplicate_permille > 0) text += ", repetition " + std::to_string(options.network.duplicate_permille) + "/1000";
  if (options.network.late_permille > 0) text += ", late " + std::to_string(options.network.late_permille) + "/1000";
  if (options.network.slow_host) {
    text += ", " + std::to_string(options.network.slow_bytes_per_second / 1000) + " kB/s at " + host_name(*options.network.slow_host);
  }
  if (options.wall_clocks_jump) text += ", wall clocks jump";
  if (options.network.spike_permille > 0) text += ", spikes " + std::to_string(options.network.spike_permille) + "/1000";
  return text;
}

}  // namespace vsync::simulation
