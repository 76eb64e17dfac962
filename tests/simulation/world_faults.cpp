#include <algorithm>
#include <map>

#include "protocol/parted.hpp"
#include "protocol/primary.hpp"
#include "tests/simulation/world.hpp"

namespace vsync::simulation {

using namespace std::chrono_literals;
using protocol::Duration;

namespace {
constexpr Duration alone_for = 2500ms;  ///< longer than a node without peers could find patience to wait for them
constexpr Duration patience_of_operators = 5s;
}

/// What it remembers is asked by nobody that lost a disk.
bool World::someone_is_taken_out() const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.config().peers.size() + 1 < nodes_.size(); });
}

// A disk may be lost only where the rest can go on without what was on it: all others of its view are up, in that view and at work.
// Where a witness is only aimed seeds lose one, and only the witness's.
bool World::may_lose_disk(Host host, bool aimed) const {
  if (nodes_.size() < 3 || someone_is_taken_out()) return false;
  const bool of_witness = options_.nodes[host].witness;
  for (const NodeOptions& node : options_.nodes) {
    if (node.weight != 1 || (node.witness && !(aimed && of_witness))) return false;
  }
  std::optional<protocol::View> view;
  for (Host other = 0; other < nodes_.size(); ++other) {
    if (other == host) continue;
    if (!nodes_[other].responsive()) return false;
    const protocol::Status status = nodes_[other].engine().status();
    if (status.component != protocol::ComponentState::primary || status.node_state != protocol::NodeState::operational ||
        !status.loaded || (view && *view != *status.view)) {
      return false;
    }
    view = status.view;
  }
  if (!view || view->size() < nodes_.size() - 1 || view->size() < 3) return false;
  protocol::RankSet others = protocol::all_members(*view);
  if (const auto rank = view->rank_of_name(nodes_[host].name())) others.erase(*rank);
  return protocol::may_go_on(*view, others);
}

bool World::hits(const Fault& fault, Host host) const {
  const auto on_side = [&](Host one) { return ((fault.side >> one) & 1) != 0; };
  const auto some_other = [&](auto fits) {
    for (Host other = 0; other < nodes_.size(); ++other) {
      if (other != host && fits(other)) return true;
    }
    return false;
  };
  const Node& node = nodes_[host];
  if (!node.running()) return false;
  switch (fault.kind) {
    case FaultKind::crash:
    case FaultKind::power_off:
    case FaultKind::slow_disk:
    case FaultKind::disk_error:
    case FaultKind::hung_disk: return host == fault.a;
    case FaultKind::damaged_disk:
      return host == fault.a && !someone_is_taken_out() && (fault.killed ? another_disk_has_a_view(host) : can_do_without(host));
    case FaultKind::reinstall: return host == fault.a && may_lose_disk(host, fault.moment.has_value());
    case FaultKind::pause:
    case FaultKind::suspend: return host == fault.a && !node.paused();
    case FaultKind::starved:
    case FaultKind::slow_reader: return host == fault.a;
    case FaultKind::leave: return host == fault.a && !node.leaving();
    case FaultKind::crash_all: return true;
    case FaultKind::lose_side: return on_side(host);
    case FaultKind::reset:
      return fault.a != fault.b && (host == fault.a || host == fault.b) && network_.connected(fault.a, fault.b);
    case FaultKind::one_way:
    case FaultKind::cut_link: return fault.a != fault.b && (host == fault.a || host == fault.b);
    case FaultKind::split: return nodes_.size() > 1;
    case FaultKind::deaf:
    case FaultKind::mute: return host == fault.a && nodes_.size() > 1;
    case FaultKind::partition: return some_other([&](Host other) { return on_side(other) != on_side(host); });
    case FaultKind::full_queue: return host == fault.a && some_other(on_side);
    case FaultKind::force_primary:
    case FaultKind::discard:
    case FaultKind::count_: break;
  }
  return false;
}

/// Whether those of a view that are at work there could go on if this host never came back. Not those of a history that is parted from what its
/// disk holds: an operator may keep that one.
bool World::can_do_without(Host host) const {
  const auto& disk = nodes_[host].disk().stored;
  const auto of_another_history = [&](const protocol::View& view) {
    return disk && disk->installed && protocol::parted_at({disk->installed->id, disk->installed->forced}, {view.id, view.forced}).has_value();
  };
  std::map<protocol::ViewId, std::pair<protocol::View, protocol::RankSet>> at_work;
  for (Host other = 0; other < nodes_.size(); ++other) {
    if (other == host || !nodes_[other].responsive()) continue;
    const protocol::Status status = nodes_[other].engine().status();
    if (status.component != protocol::ComponentState::primary || status.node_state != protocol::NodeState::operational) continue;
    const auto rank = status.view->rank_of(status.self);
    if (!rank || of_another_history(*status.view) || (!status.loaded && !nodes_[other].config().witness)) continue;
    const auto found = at_work.try_emplace(status.view->id, *status.view, protocol::RankSet{}).first;
    found->second.second.insert(*rank);
  }
  return std::any_of(at_work.begin(), at_work.end(),
                     [](const auto& one) { return protocol::may_go_on(one.second.first, one.second.second); });
}

/// Where nobody remembers a view a new cluster begins, and that is no fault.
bool World::another_disk_has_a_view(Host host) const {
  for (Host other = 0; other < nodes_.size(); ++other) {
    if (other == host || damaged_.contains(other) || being_installed_.contains(other) || nodes_[other].config().witness) continue;
    const auto& stored = nodes_[other].disk().stored;
    if (stored && stored->installed) return true;
  }
  return false;
}

void World::note_steps(const Fault& fault) {
  for (Host host = 0; host < nodes_.size(); ++host) {
    if (!hits(fault, host)) continue;
    const Step step = step_of(nodes_[host].engine().status());
    ++strikes_[static_cast<std::size_t>(step)][static_cast<std::size_t>(fault.kind)];
  }
}

// What waits for a moment is looked at after each input of a node. It doesn't strike inside that input: a daemon's turn is whole.
void World::arm(const Fault& fault) {
  armed_.push_back({fault});
  steps_.resize(nodes_.size());
  around_.looks = [this](Host host) { look_for_moments(host); };
  for (Host host = 0; host < nodes_.size(); ++host) look_for_moments(host);
}

void World::look_for_moments(Host changed) {
  steps_[changed].reset();
  if (nodes_[changed].running()) steps_[changed] = step_of(nodes_[changed].engine().status());
  for (Armed& armed : armed_) {
    if (armed.seen || armed.done || faults_over_ || !at_its_moment(armed.fault)) continue;
    armed.seen = true;
    schedule_.after(armed.fault.moment->after, [this, &armed] {
      armed.seen = false;
      const auto fault = at_its_moment(armed.fault);
      if (!fault || faults_over_) return;
      armed.done = true;
      strike(*fault);
    });
  }
}

std::optional<Fault> World::at_its_moment(const Fault& fault) const {
  for (Host host = 0; host < nodes_.size(); ++host) {
    if (!nodes_[host].running() || steps_[host] != fault.moment->step) continue;
    if (!fault.moment->turned) return fault;
    const Fault turned = turned_to(fault, host, nodes_.size());
    if (hits(turned, host)) return turned;
  }
  return std::nullopt;
}

std::uint64_t World::waited_in_vain() const {
  return static_cast<std::uint64_t>(
      std::count_if(armed_.begin(), armed_.end(), [](const Armed& armed) { return !armed.done && !armed.fault.moment->turned; }));
}

void World::strike(const Fault& fault) {
  ++faults_done_[static_cast<std::size_t>(fault.kind)];
  note_steps(fault);
  switch (fault.kind) {
    case FaultKind::crash:
    case FaultKind::power_off:
    case FaultKind::reinstall:
    case FaultKind::pause:
    case FaultKind::suspend:
    case FaultKind::leave:
    case FaultKind::slow_disk:
    case FaultKind::slow_reader:
    case FaultKind::starved:
    case FaultKind::crash_all:
    case FaultKind::lose_side: return strike_process(fault);
    case FaultKind::disk_error:
    case FaultKind::hung_disk:
    case FaultKind::damaged_disk: return strike_disk(fault);
    case FaultKind::force_primary:
    case FaultKind::discard: return strike_operator(fault);
    default: return strike_network(fault);
  }
}

void World::strike_process(const Fault& fault) {
  Node& node = nodes_[fault.a];
  switch (fault.kind) {
    case FaultKind::crash:
    case FaultKind::power_off:
      if (!node.running()) return;
      kill(fault.a, fault.kind == FaultKind::crash);
      return come_back(fault.a, fault.lasts, true);
    case FaultKind::reinstall:
      if (!node.running() || !may_lose_disk(fault.a, fault.moment.has_value())) return;
      kill(fault.a);
      being_installed_.insert(fault.a);
      come_back(fault.a, fault.lasts, false);
      if ((fault.side & 1) != 0) {  // and finds itself alone
        for (Host other = 0; other < nodes_.size(); ++other) {
          cut_for(fault.a, other, fault.lasts + alone_for);
          cut_for(other, fault.a, fault.lasts + alone_for);
        }
      }
      return;
    case FaultKind::pause:
      node.pause();
      schedule_.after(fault.lasts, [this, host = fault.a] { wake(host); });
      return;
    case FaultKind::suspend: return suspend(fault);
    case FaultKind::starved: return starve(fault, schedule_.now() + fault.lasts);
    case FaultKind::slow_reader:
      node.hold_back(true);
      schedule_.after(fault.lasts, [this, host = fault.a] { nodes_[host].hold_back(false); });
      return;
    case FaultKind::leave:
      if (!node.running() || node.leaving()) return;
      node.leave();
      return watch_leaver(fault.a, fault.lasts);
    case FaultKind::slow_disk:
      node.disk().write_max = fault.lasts / 4;
      schedule_.after(fault.lasts, [this, host = fault.a] { set_disk_speed(host); });
      return;
    case FaultKind::crash_all:
    case FaultKind::lose_side: {
      const bool all = fault.kind == FaultKind::crash_all;
      const bool powered = all || fault.killed;
      for (Host host = 0; host < nodes_.size(); ++host) {
        if (!all && ((fault.side >> host) & 1) == 0) continue;
        kill(host, powered);
        come_back(host, random_.between(Duration(10ms), std::max(fault.lasts, Duration(10ms))), true);
      }
      return;
    }
    default: return;
  }
}

void World::strike_disk(const Fault& fault) {
  if (fault.kind == FaultKind::damaged_disk) {
    if (!hits(fault, fault.a)) return;
    disks_were_needed_ = disks_were_needed_ || !can_do_without(fault.a);
    kill(fault.a);
    damaged_.insert(fault.a);
    return come_back(fault.a, fault.lasts, true);
  }
  const auto reasons = fault.kind == FaultKind::disk_error ? &Disk::fails : &Disk::hangs;
  ++(nodes_[fault.a].disk().*reasons);
  schedule_.after(fault.lasts, [this, host = fault.a, reasons] {
    if (faults_over_) return;  // all disks work
    --(nodes_[host].disk().*reasons);
    nodes_[host].disk_works_again();
  });
}

void World::hang_disk(Host host, bool on) {
  nodes_[host].disk().hangs = on ? 1 : 0;
  nodes_[host].disk_works_again();
}

// ---------------------------------------------------------------- operators

void World::strike_operator(const Fault& fault) {
  if (fault.kind == FaultKind::force_primary) {
    for (Host i = 0; i < nodes_.size(); ++i) {
      if (nodes_[(fault.a + i) % nodes_.size()].force_primary()) return;
    }
    return;
  }
  // All of one side: to give up what each side hears of another would leave none.
  const auto parted_view = [&](Host host) -> std::optional<protocol::View> {
    if (!nodes_[host].responsive()) return std::nullopt;
    const protocol::Status status = nodes_[host].engine().status();
    return status.parted.empty() ? std::nullopt : status.view;
  };
  const auto given_up = parted_view(fault.a);
  if (!given_up) return;
  for (Host host = 0; host < nodes_.size(); ++host) {
    const auto view = parted_view(host);
    if (view && !protocol::parted_at({view->id, view->forced}, {given_up->id, given_up->forced})) discard(host);
  }
}

void World::operate() {
  if (options_.operated || disks_were_needed_) give_up_parted_histories();
  if (disks_were_needed_ || gave_up_) force_who_is_left();
}

void World::discard(Host host) {
  gave_up_ = true;
  if (host == 0) bootstraps_ = false;
  nodes_[host].discard();
}

void World::give_up_parted_histories() {
  std::vector<Host> parted;
  for (Host host = 0; host < nodes_.size(); ++host) {
    if (nodes_[host].responsive() && !nodes_[host].engine().status().parted.empty()) parted.push_back(host);
  }
  if (parted.empty()) return;
  const auto is_parted_from = [&](const std::string& name) {
    return [&](Host host) {
      const auto from = nodes_[host].engine().status().parted;
      return std::find(from.begin(), from.end(), name) != from.end();
    };
  };
  // What was kept stays so, though no others were parted from it while they were down. Who waits for others may wait for ever: what somebody
  // works with is kept, if there is such a one.
  if (std::ranges::none_of(parted, is_parted_from(kept_))) {
    std::vector<Host> best;
    std::ranges::copy_if(parted, std::back_inserter(best),
                         [&](Host host) { return nodes_[host].engine().status().component == protocol::ComponentState::primary; });
    if (best.empty()) best = parted;
    kept_ = nodes_[best[operator_.below(best.size())]].name();
  }
  for (const Host host : parted) {
    if (is_parted_from(kept_)(host)) discard(host);
  }
}

bool World::someone_works() const {
  return std::any_of(nodes_.begin(), nodes_.end(), [](const Node& node) {
    return node.running() && node.engine().status().component == protocol::ComponentState::primary;
  });
}

/// Those that are left of a history may be too few, and know it: an operator who is sure that nobody has more lets them go on.
void World::force_who_is_left() {
  const bool works = someone_works();
  if (works || force_at_ == protocol::TimePoint{}) force_at_ = schedule_.now() + patience_of_operators;
  if (works || schedule_.now() < force_at_) return;
  force_at_ = schedule_.now() + patience_of_operators;
  for (Node& node : nodes_) {
    if (!node.force_primary()) continue;
    forced_in_the_end_ = true;
    return;
  }
}

// Its kernel says nothing meanwhile. What its clock takes for the time that it slept may be too much, not too little, and a lease is over
// in any case: README.md says why.
void World::suspend(const Fault& fault) {
  Node& node = nodes_[fault.a];
  if (!node.running() || node.paused()) return;
  node.pause();
  node.powered = false;
  const Duration lasts = std::max(fault.lasts, 2 * options_.config.lease);
  const Duration ahead = (fault.side & 1) != 0 ? lasts / 2 : Duration{};
  schedule_.after(lasts, [this, host = fault.a, ahead, process = node.process()] {
    if (nodes_[host].process() == process) wake(host, ahead);
  });
}

void World::starve(const Fault& fault, protocol::TimePoint until) {
  Node& node = nodes_[fault.a];
  if (faults_over_ || schedule_.now() >= until) return;
  const Duration stopped = 20ms * (1 << (fault.side % 4));
  if (node.running() && !node.paused()) {
    node.pause();
    // Unless it was started anew or stopped by something else meanwhile, which lasts.
    schedule_.after(stopped, [this, host = fault.a, pause = node.pauses()] {
      if (nodes_[host].pauses() == pause) wake(host);
    });
  }
  schedule_.after(stopped + stopped / 9, [this, fault, until] { starve(fault, until); });
}

void World::wake(Host host, Duration ahead) {
  if (!nodes_[host].paused()) return;
  nodes_[host].powered = true;
  network_.woke(host);
  nodes_[host].resume(ahead);
}

void World::cut_for(Host from, Host to, Duration lasts) {
  if (from == to) return;
  network_.cut(from, to);
  schedule_.after(lasts, [this, from, to] { network_.mend(from, to); });
}

void World::strike_network(const Fault& fault) {
  for (Host x = 0; x < nodes_.size(); ++x) {
    for (Host y = 0; y < nodes_.size(); ++y) {
      const bool apart = ((fault.side >> x) & 1) != ((fault.side >> y) & 1);
      const bool pair = (x == fault.a && y == fault.b) || (x == fault.b && y == fault.a);
      const bool cut = (fault.kind == FaultKind::partition && apart) || fault.kind == FaultKind::split ||
                       (fault.kind == FaultKind::one_way && x == fault.a && y == fault.b) ||
                       (fault.kind == FaultKind::deaf && y == fault.a) || (fault.kind == FaultKind::mute && x == fault.a) ||
                       (fault.kind == FaultKind::cut_link && pair);
      if (cut) cut_for(x, y, fault.lasts);
    }
  }
  if (fault.kind == FaultKind::reset && fault.a != fault.b) network_.reset(fault.a, fault.b);
  if (fault.kind == FaultKind::full_queue) {
    for (Host to = 0; to < nodes_.size(); ++to) {
      if (((fault.side >> to) & 1) == 0 || to == fault.a) continue;
      network_.fill_queue(fault.a, to);
      schedule_.after(fault.lasts, [this, from = fault.a, to] { network_.empty_queue(from, to); });
    }
  }
}

}  // namespace vsync::simulation
