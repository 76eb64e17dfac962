// The second kind of liveness: all is healed but one fault that stands. See README.md for what must hold then.

#include <algorithm>

#include "protocol/primary.hpp"
#include "tests/simulation/world.hpp"

namespace vsync::simulation {

using namespace std::chrono_literals;
using protocol::Duration;
using protocol::NodeState;
using protocol::View;

namespace {
constexpr int choices_max = 20;
constexpr Duration lasting = std::chrono::hours(1);
}  // namespace

/// The newest view that somebody is in or bound to, and the views that may follow it: somebody has accepted them. Whose votes are there:
/// of the hosts that are in the newest, or bound to it. Whose disk is damaged has none.
std::vector<Votes> World::views_in_force() {
  std::vector<protocol::PersistentState> disks;
  for (Host host = 0; host < nodes_.size(); ++host) {
    Node& node = nodes_[host];
    if (damaged_.contains(host)) continue;
    if (node.disk().stored) disks.push_back(*node.disk().stored);
    for (const protocol::Write& write : node.disk().under_way) {
      if (write.state) disks.push_back(*write.state);
    }
  }
  std::optional<View> newest;
  for (const protocol::PersistentState& disk : disks) {
    if (disk.installed && (!newest || disk.installed->id > newest->id)) newest = disk.installed;
  }
  if (!newest) return {};
  std::vector<Votes> found{{*newest, {}}};
  for (const protocol::PersistentState& disk : disks) {
    if (disk.installed && disk.installed->id == newest->id && disk.accepted) found.push_back({disk.accepted->value.next, {}});
  }
  for (Votes& votes : found) {
    for (Host host = 0; host < nodes_.size(); ++host) {
      Node& node = nodes_[host];
      const auto& disk = node.disk().stored;
      const bool bound = !damaged_.contains(host) && disk && disk->installed && disk->installed->id == newest->id;
      votes.ranks.push_back(bound ? votes.view.rank_of_name(node.name()) : std::nullopt);
    }
  }
  return found;
}

bool World::stand(const StandingFault& fault) {
  Random random(fault.choice);
  const std::vector<Votes> views = views_in_force();
  for (int i = 0; i < choices_max && !views.empty() && !standing_; ++i) {
    const Standing standing(fault, nodes_.size(), random);
    if (leaves_a_primary(standing, views)) standing_ = standing;
  }
  if (!standing_) return false;
  const bool known = fault.after_rest && standing_->strikes_whole_hosts();
  least_weight_ = known ? largest_weight(*standing_, views) : 0;
  const Host host = standing_->host();
  if (standing_->down(host)) {
    let_die(host);
    kill(host, random.chance(500));
  }
  heal();
  if (fault.connections_last) network_.options().break_after_min = network_.options().break_after_max = lasting;
  for (Host from = 0; from < nodes_.size(); ++from) {
    for (Host to = 0; to < nodes_.size(); ++to) {
      if (standing_->cut(from, to)) network_.bar(from, to);
    }
  }
  if (fault.kind == StandingKind::flapping) flap();
  set_disk_speed(host);
  return true;
}

void World::set_disk_speed(Host host) {
  Disk& disk = nodes_[host].disk();
  const bool slow = standing_ && standing_->slow(host);
  disk.write_min = slow ? standing_->fault().write_max * 9 / 10 : options_.write_min;
  disk.write_max = slow ? standing_->fault().write_max : options_.write_max;
}

void World::flap() {
  if (!standing_) return;
  const Duration half = standing_->fault().period / 2;
  cut_for(standing_->host(), standing_->other(), half);
  cut_for(standing_->other(), standing_->host(), half);
  schedule_.after(2 * half, [this] { flap(); });
}

void World::fall() {
  network_.options().break_after_min = options_.network.break_after_min;
  network_.options().break_after_max = options_.network.break_after_max;
  if (standing_->down(standing_->host())) dead_for_good_.clear();
  standing_.reset();
  heal();
}

std::vector<Host> World::in_primary() const {
  std::vector<Host> found;
  for (Host host = 0; host < nodes_.size(); ++host) {
    if (nodes_[host].running() && nodes_[host].engine().status().component == protocol::ComponentState::primary) found.push_back(host);
  }
  return found;
}

/// Who hasn't noticed yet whom it doesn't hear any more may admit it in vain.
std::string World::hears_what_is_cut() const {
  for (Host to = 0; to < nodes_.size(); ++to) {
    if (!nodes_[to].running()) continue;
    for (const std::string& name : nodes_[to].engine().status().heard) {
      const auto from = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.name() == name; });
      const Host other = static_cast<Host>(from - nodes_.begin());
      if (standing_->cut(other, to) || standing_->down(other)) return nodes_[to].name() + " still hears " + name;
    }
  }
  return {};
}

std::string World::unsettled_apart() const {
  if (std::string obstacle = hears_what_is_cut(); !obstacle.empty()) return obstacle;
  const std::vector<Host> members = in_primary();
  if (members.empty()) return "nobody is primary";
  const auto in_view = [&](Host host) { return std::find(members.begin(), members.end(), host) != members.end(); };
  const std::optional<View> view = nodes_[members.front()].engine().status().view;
  for (const Host host : members) {
    const std::string obstacle = unsettled(host, *view);
    if (!obstacle.empty()) return obstacle;
    for (const Host other : members) {
      if (other != host && !standing_->may_meet(host, other)) return nodes_[host].name() + " is in a view with " + nodes_[other].name();
    }
    const protocol::Status status = nodes_[host].engine().status();
    if (status.unstable_bytes > 0) return nodes_[host].name() + " keeps " + std::to_string(status.unstable_bytes) + " unstable bytes";
  }
  if (view->size() != members.size()) {
    return "the view has " + std::to_string(view->size()) + " members, " + std::to_string(members.size()) + " are primary";
  }
  if (weight_of(*view, all_members(*view)) < least_weight_) return "a heavier set than that of the view could go on";
  for (Host host = 0; host < nodes_.size(); ++host) {
    if (in_view(host) || standing_->down(host)) continue;
    if (!nodes_[host].running()) return nodes_[host].name() + " isn't running";
    if (std::all_of(members.begin(), members.end(), [&](Host member) { return standing_->must_meet(host, member); }) &&
        !standing_->slow(host)) {
      return nodes_[host].name() + " meets all members and isn't in the view";
    }
    if (nodes_[host].engine().status().waits_for.empty()) return nodes_[host].name() + " is left out and doesn't say so";
  }
  for (const Session& session : sessions_) {
    if (session.home() && in_view(*session.home()) && !session.settled()) return session.waits_for();
  }
  return {};
}

checker::Liveness World::liveness_apart(protocol::TimePoint quiet_from) const {
  checker::Liveness expected;
  const std::vector<Host> members = in_primary();
  for (Host host = 0; host < nodes_.size(); ++host) {
    if (!nodes_[host].running()) continue;
    const bool member = std::find(members.begin(), members.end(), host) != members.end();
    (member ? expected.connected : expected.left_out).push_back(nodes_[host].id());
  }
  if (!standing_->unsteady()) expected.quiet_from = quiet_from;
  return expected;
}

}  // namespace vsync::simulation
