#include "tests/simulation/world.hpp"

#include <algorithm>

#include "protocol/directory.hpp"
#include "protocol/next_view.hpp"
#include "tests/simulation/host_names.hpp"

namespace vsync::simulation {

using namespace std::chrono_literals;
using protocol::Duration;
using protocol::TimePoint;

namespace {
constexpr Duration look_every = 100ms;
constexpr Duration start_again_after = 300ms;  ///< as a supervisor does with a daemon that stopped, or didn't start
}

World::World(const SwarmOptions& options, std::uint64_t seed)
    : options_(options),
      bootstraps_(options.bootstrap),
      random_(seed),
      upgrades_(seed ^ 0x72656c65'61736500),
      reloads_(seed ^ 0x616e6577'00000000),
      wall_clocks_(seed ^ 0x77616c6c'00000000),
      around_{.schedule = schedule_,
              .trace = trace_,
              .send = [this](Host from, const protocol::Outgoing& outgoing) {
                network_.send(from, host_of(outgoing.to), outgoing.frame, outgoing.bulk);
              },
              .event = [this](Host from, const protocol::Event& event) { on_event(from, event); },
              .disk_failed =
                  [this](Host host) {
                    kill(host);
                    come_back(host, start_again_after, true);
                  }},
      network_(options.nodes.size(), options.network, random_.fork(), schedule_, *this),
      operator_(seed ^ 0x6f706572'61746f72) {
  for (Host host = 0; host < options_.nodes.size(); ++host) {
    protocol::Config config = options_.config;
    config.weight = options_.nodes[host].weight;
    config.witness = options_.nodes[host].witness;
    config.tie_breaker = options_.nodes[host].tie_breaker;
    for (Host peer = 0; peer < options_.nodes.size(); ++peer) {
      if (peer != host) config.peers.push_back(host_name(peer));
    }
    nodes_.emplace_back(host, host_name(host), options_.nodes[host], config, random_.fork(), around_);
    set_disk_speed(host);
  }
}

Host World::host_of(const std::string& name) const { return host_named(name); }

Session& World::add_session() { return sessions_.emplace_back(sessions_.size(), options_, random_.fork()); }

void World::begin() {
  for (Host host = 0; host < nodes_.size(); ++host) {
    // Who is bootstrapped is told so by an operator before the others are there.
    const Duration after = options_.nodes[host].starts_after + (options_.bootstrap && host > 0 ? Duration(500ms) : Duration{});
    schedule_.after(after, [this, host] { start(host, true); });
  }
  for (std::size_t i = 0; i < options_.sessions; ++i) {
    add_session();
    schedule_.after(random_.between(Duration{}, 500ms), [this, i] { act(i); });
  }
  for (const Reload& chosen : options_.reloads) {
    for (Host host = 0; host < nodes_.size(); ++host) {
      schedule_.after(chosen.at + reloads_.between(Duration{}, chosen.within), [this, host, &chosen] {
        if (!faults_over_) reload(host, chosen);
      });
    }
  }
  if (options_.wall_clocks_jump) set_wall_clocks();
  for (const Fault& fault : options_.faults) {
    schedule_.after(fault.at, [this, fault] {
      if (!faults_over_) fault.moment ? arm(fault) : strike(fault);
    });
  }
}

/// An operator sets one, forwards or back. No decision may follow from that, only what is told to people.
void World::set_wall_clocks() {
  const Host host = wall_clocks_.below(nodes_.size());
  nodes_[host].set_wall_clock(wall_clocks_.between(Duration{}, Duration(std::chrono::hours(24 * 365 * 100))));
  schedule_.after(wall_clocks_.between(Duration(100ms), Duration(3s)), [this] { set_wall_clocks(); });
}

void World::act(std::size_t session) {
  if (resting_) return;
  sessions_[session].act(nodes_, publishing_);
  schedule_.after(random_.between(options_.act_every / 4, options_.act_every * 2), [this, session] { act(session); });
}

// The sessions hear of it after the input that caused it: one that publishes doesn't learn the outcome inside its call.
void World::on_event(Host host, const protocol::Event& event) {
  if (std::holds_alternative<protocol::Delivered>(event) || std::holds_alternative<protocol::Marked>(event)) return;
  schedule_.after(Duration{}, [this, host, event, self = nodes_[host].id(), process = nodes_[host].process()] {
    if (nodes_[host].process() != process) return;
    for (Session& session : sessions_) session.on_event(host, event, self);
  });
}

bool World::run_until(TimePoint deadline, const std::function<bool()>& done) {
  while (schedule_.now() < deadline) {
    const TimePoint next = std::min(deadline, schedule_.now() + look_every);
    while (schedule_.step(next)) {
      if (around_.drain_stuck) return false;
    }
    if (faults_over_ && options_.upgrades) upgrade_who_is_refused();
    if (faults_over_) operate();
    if (done && done()) return true;
  }
  return false;
}

void World::reload(Host host, const Reload& chosen) {
  protocol::Config config = nodes_[host].config();
  config.heartbeat_every = chosen.config.heartbeat_every;
  config.suspect_after_min = chosen.config.suspect_after_min;
  config.suspect_after_max = chosen.config.suspect_after_max;
  config.lease = chosen.config.lease;
  config.admit_after = chosen.config.admit_after;
  config.tie_breaker = chosen.config.tie_breaker;
  config.min_weight = chosen.config.min_weight;
  config.weight = chosen.weights[host];
  config.peers.clear();
  // An operator takes a host out of a cluster that works without it: else those that are left would be another one.
  const bool without = chosen.without && host != chosen.without && can_do_without(*chosen.without);
  for (Host peer = 0; peer < nodes_.size(); ++peer) {
    if (peer != host && !(without && peer == chosen.without)) config.peers.push_back(nodes_[peer].name());
  }
  nodes_[host].reconfigure(std::move(config));
}

void World::start(Host host, bool with_disk) {
  if (nodes_[host].running()) return;
  // A daemon that can't write, or finds something else than it wrote, says so and ends.
  const bool can_do = disks_were_needed_ || gave_up_ || can_do_without(host) || (faults_over_ && someone_works());
  const bool moved_away = damaged_.contains(host) && can_do;
  if (!nodes_[host].disk().works() || (damaged_.contains(host) && !moved_away)) return come_back(host, start_again_after, with_disk);
  if (moved_away) with_disk = false;
  damaged_.erase(host);
  being_installed_.erase(host);
  if (options_.upgrades) nodes_[host].install(next_program(host));
  nodes_[host].start(with_disk);
  network_.started(host);
  // A careless operator leaves the command in a script: each start gives it, until the host is installed anew or gives its history up.
  if (host == 0) bootstraps_ = bootstraps_ && with_disk;
  if (host == 0 && bootstraps_) nodes_[0].bootstrap();
}

protocol::Versions World::next_program(Host host) {
  const protocol::Versions former = protocol::program_versions();
  const protocol::Versions next{former.oldest, static_cast<std::uint16_t>(former.newest + 1)};
  const bool upgraded = nodes_[host].config().speaks == next;
  if (faults_over_) return next;
  return upgrades_.chance(upgraded ? 900 : 500) && nodes_[host].process() > 0 ? next : former;
}

// As an operator does who reads what the daemon waits for.
void World::upgrade_who_is_refused() {
  for (Host host = 0; host < nodes_.size(); ++host) {
    if (!nodes_[host].responsive() || !nodes_[host].engine().status().foreign_version) continue;
    kill(host);
    start(host);
  }
}

void World::kill(Host host, bool powered) {
  if (!nodes_[host].running()) return;
  nodes_[host].kill();
  nodes_[host].powered = powered;
  network_.ended(host, powered);
  for (Session& session : sessions_) session.on_daemon_gone(host);
}

void World::restart_all() {
  const bool powered = random_.chance(500);
  for (Host host = 0; host < nodes_.size(); ++host) {
    kill(host, powered);
    come_back(host, random_.between(Duration(0), Duration(50ms)), true);
  }
}

void World::leave(Host host) {
  nodes_[host].leave();
  watch_leaver(host, Duration{});
}

void World::watch_leaver(Host host, Duration back_after) {
  schedule_.after(20ms, [this, host, back_after, process = nodes_[host].process()] {
    if (nodes_[host].process() != process) return;
    if (!nodes_[host].left()) return watch_leaver(host, back_after);
    kill(host);
    if (back_after > Duration{}) come_back(host, back_after, true);
  });
}

void World::come_back(Host host, Duration after, bool with_disk) {
  schedule_.after(after, [this, host, with_disk, process = nodes_[host].process()] {
    if (nodes_[host].process() == process && !dies(host)) start(host, with_disk);
  });
}

bool World::only_keeper(Host host) const {
  return std::count_if(nodes_.begin(), nodes_.end(), [](const Node& node) { return !node.config().witness; }) == 1 && !nodes_[host].config().witness;
}

bool World::dies(Host host) const {
  return std::find(dead_for_good_.begin(), dead_for_good_.end(), host) != dead_for_good_.end();
}

void World::heal() {
  faults_over_ = true;
  network_.mend_all();
  network_.options().loss_permille = 0;
  network_.options().spike_permille = 0;
  network_.options().late_permille = 0;
  network_.options().slow_host.reset();
  for (Host host = 0; host < nodes_.size(); ++host) {
    wake(host);
    nodes_[host].hold_back(false);
    if (!options_.reloads.empty()) reload(host, options_.reloads.back());
    set_disk_speed(host);
    nodes_[host].disk().fails = nodes_[host].disk().hangs = 0;
    nodes_[host].disk_works_again();
    if (dies(host)) continue;
    if (nodes_[host].leaving()) {
      if (only_keeper(host)) kill(host);  // it would wait for ever for another: whoever asked it loses patience
      else watch_leaver(host, 100ms);
    }
    start(host, true);
  }
}

std::vector<protocol::NodeId> World::running_nodes() const {
  std::vector<protocol::NodeId> found;
  for (const Node& node : nodes_) {
    if (node.running()) found.push_back(node.id());
  }
  return found;
}

bool World::settled() const { return unsettled().empty(); }

namespace {

/// Nobody else in its view has the state.
bool only_holder(const protocol::Status& status) {
  if (!status.view) return false;
  const std::vector<protocol::Member>& members = status.view->members;
  return std::none_of(members.begin(), members.end(), [&](const protocol::Member& member) {
    return member.node != status.self && member.loaded && member.holds_payload();
  });
}

}  // namespace

std::string World::unsettled(Host host, const protocol::View& view) const {
  const Node& node = nodes_[host];
  const protocol::Status status = node.engine().status();
  // Who has the only copy of the state stays until somebody else has it; and a standing fault may keep everybody else away.
  if (node.leaving() && !(standing_ && only_holder(status))) return node.name() + " is leaving";
  if (status.component != protocol::ComponentState::primary || !status.view) return node.name() + " is not primary: " + status.waits_for;
  if (status.node_state != protocol::NodeState::operational) return node.name() + " is wedged: " + status.waits_for;
  if (view != *status.view) return node.name() + " is in another view";
  const auto rank = view.rank_of(node.id());
  if (!rank) return node.name() + " is in a view without itself";
  if (!status.loaded && !node.config().witness) return node.name() + " isn't loaded";
  if (!view.at(*rank).loaded && !node.config().witness) return node.name() + " is a learner";
  if (view.at(*rank).weight != node.config().weight) return node.name() + " votes with less than its weight";
  return {};
}

std::string World::scattered() const {
  std::optional<protocol::View> view;
  std::size_t running = 0;
  for (Host host = 0; host < nodes_.size(); ++host) {
    const Node& node = nodes_[host];
    if (!node.running()) {
      if (!dies(host)) return node.name() + " isn't running";
      continue;
    }
    ++running;
    const std::optional<protocol::View> here = node.engine().status().view;
    if (!view) view = here;
    std::string obstacle = unsettled(host, view.value_or(protocol::View{}));
    if (!obstacle.empty()) return obstacle;
    if (!options_.reloads.empty() && node.name() == view->members.front().node.name) {
      if (protocol::tie_breaker_of(node.config(), *view) != view->tie_breaker) return "the view has another tie-breaker than is configured";
      if (protocol::min_weight_of(node.config(), *view) != view->min_weight) return "the view has another min_weight than is configured";
    }
  }
  if (running == 0 || !view) return "nobody runs";
  if (view->version != view->newest_common_version()) return "an old version is spoken in the view";
  if (view->size() != running) return "the view has " + std::to_string(view->size()) + " members, " + std::to_string(running) + " run";
  return {};
}

std::string World::unsettled() const {
  if (std::string obstacle = scattered(); !obstacle.empty()) return obstacle;
  for (const Session& session : sessions_) {
    if (!session.settled()) return session.waits_for();
  }
  for (const Node& node : nodes_) {
    if (!node.running()) continue;
    const protocol::Status status = node.engine().status();
    if (status.unstable_bytes > 0) return node.name() + " keeps " + std::to_string(status.unstable_bytes) + " unstable bytes";
  }
  return {};
}

std::string World::what_each_waits_for() const {
  std::string text;
  for (const Node& node : nodes_) {
    if (!node.running()) continue;
    const protocol::Status status = node.engine().status();
    if (!text.empty()) text += "; ";
    text += node.name() + " hears";
    for (const std::string& name : status.heard) text += " " + name;
    if (!status.waits_for.empty()) text += " and waits for " + status.waits_for;
  }
  return text;
}

std::string World::homes_gone() const {
  for (const Node& node : nodes_) {
    if (!node.running()) continue;
    const auto view = node.engine().status().view;
    for (const protocol::SessionState& session : node.engine().directory().snapshot().sessions) {
      if (session.homeless || (view && view->rank_of(session.node))) continue;
      return "in " + node.name() + "'s directory " + session.application + " is at a former " + session.node.name;
    }
  }
  return {};
}

bool World::directories_equal() const {
  std::optional<std::uint64_t> digest;
  for (const Node& node : nodes_) {
    if (!node.running() || node.config().witness) continue;
    const std::uint64_t here = node.engine().directory().digest();
    if (digest && *digest != here) return false;
    digest = here;
  }
  return true;
}

}  // namespace vsync::simulation
