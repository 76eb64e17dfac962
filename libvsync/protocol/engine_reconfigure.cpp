// Another configuration while the node runs. Nodes get theirs one after the other, in any order and with any time in between, so nothing
// that is decided may rest on equal ones. What a view's members must agree on stands in the view, and the coordinator proposes its own choice of it;
// each member's weight is the member's own word. A lease is told, and who acknowledges it waits for it (README, section 6).

#include <algorithm>

#include "protocol/engine_parts.hpp"

namespace vsync::protocol {

namespace {

bool names(const std::vector<std::string>& list, const std::string& name) { return std::find(list.begin(), list.end(), name) != list.end(); }

}  // namespace

bool may_reconfigure(const Config& from, const Config& to) {
  return from.witness == to.witness && from.lanes == to.lanes && from.speaks == to.speaks && from.self_audit == to.self_audit &&
         from.session_window == to.session_window && from.durable_keep_bytes == to.durable_keep_bytes;
}

void Engine::Parts::reconfigure(Config wanted) {
  if (wanted.lease > config.lease) {
    const bool still = longer_lease && now - longer_lease->at < config.lease;
    // Not from this moment on: what was sent in it told the former one.
    longer_lease = {now + std::chrono::nanoseconds(1), still ? std::min(longer_lease->before, config.lease) : config.lease};
  } else if (longer_lease) {
    longer_lease->before = std::min(longer_lease->before, wanted.lease);
  }
  // A formation under way is the former peers'.
  if (wanted.peers != config.peers) forming.reset();
  config = std::move(wanted);
  if (in_view) {
    in_view->leases = std::max(in_view->leases, config.lease);
    in_view->complete = in_view->view.has_names(config.peers);
  }
  forget_strangers();
}

TimePoint Engine::Parts::lease_proven_since() const {
  const TimePoint since = now - config.lease;
  if (!longer_lease || longer_lease->at <= since) return since;
  return std::min(longer_lease->at, now - longer_lease->before);
}

/// They have a place in the view though this node's configuration doesn't name them.
std::vector<std::string> Engine::Parts::unconfigured_members() const {
  std::vector<std::string> strangers;
  const View* view = bound_view();
  if (view == nullptr) return strangers;
  for (const Member& member : view->members) {
    if (member.node.name != self.name && !names(config.peers, member.node.name)) strangers.push_back(member.node.name);
  }
  return strangers;
}

std::vector<std::string> Engine::Parts::correspondents() const {
  std::vector<std::string> all = config.peers;
  for (std::string& name : unconfigured_members()) all.push_back(std::move(name));
  for (const auto& [name, peer] : detector.peers()) {
    // It has left, and needs to hear that the others have gone on without it.
    const bool leaves = peer.heartbeat.leaving && detector.hears(now, peer);
    if (leaves && !names(all, name)) all.push_back(name);
  }
  return all;
}

void Engine::Parts::forget_strangers() {
  const std::vector<std::string> known = correspondents();
  std::vector<std::string> strangers;
  for (const auto& [name, peer] : detector.peers()) {
    if (!names(known, name)) strangers.push_back(name);
  }
  for (const std::string& name : strangers) {
    detector.forget(name);
    mutual_since.erase(name);
    exclusions.erase(name);
    decided_sent.erase(name);
  }
}

/// The view's votes aren't what its members now say of themselves, or what its coordinator, this node, is configured to propose.
bool Engine::Parts::has_other_votes() const {
  const View& view = in_view->view;
  if (tie_breaker_of(config, view) != view.tie_breaker || min_weight_of(config, view) != view.min_weight) return true;
  for (std::uint16_t r = 0; r < view.size(); ++r) {
    const Heartbeat* told = told_by(Rank{r});
    if (Rank{r} != in_view->self && told == nullptr) continue;
    if (view.at(Rank{r}).full_weight != (told == nullptr ? config.weight : told->weight)) return true;
  }
  return false;
}

}  // namespace vsync::protocol
