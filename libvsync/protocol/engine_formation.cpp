// How a first view comes to be, and the next one where the living can't go on without the disks.

#include <algorithm>

#include "protocol/engine_parts.hpp"
#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

// ---------------------------------------------------------------- first formation

// A first view is on its minter's disk before anything happens in it: a crash in between must not lead to a second one.
void Engine::Parts::write_first_view(View view) {
  PersistentState formed = disk;
  formed.installed = view;
  formed.accepted.reset();
  formed.log_reaches = view.id;
  const WriteToken token = next_write();
  out.writes.push_back({token, std::move(formed), {}});
  first_view = FirstView{std::move(view), token};
}

void Engine::Parts::enter_first_view() {
  if (first_view->token > persisted) return;
  Decision decision;
  decision.value.next = first_view->view;
  install(decision.value.next, false, false);
  for (const Member& member : decision.value.next.members) {
    if (member.node != self) send(member.node, Decided{{decision}});
  }
}

bool Engine::Parts::hears_a_view() const {
  return std::any_of(detector.peers().begin(), detector.peers().end(), [&](const auto& entry) {
    return detector.hears(now, entry.second) && in_a_view(entry.second.heartbeat.state);
  });
}

// Who has just started doesn't hear yet who is there.
void Engine::Parts::try_bootstrap() {
  if (hears_a_view()) {
    bootstrap_wanted = false;
  } else if (now - started_at >= config.suspect_after_min * 2) {
    forming.reset();
    form_alone();
  }
}

void Engine::Parts::form_alone() {
  if (first_view) return enter_first_view();
  disk.cluster = {random.next(), random.next() | 1};
  View first{{{1, random.next()}, 1}, {{self, config.weight, config.weight, config.witness, true, config.speaks}}, Rank{0}, std::min(config.min_weight, config.weight), {}};
  first.sequencers.assign(outcomes.size(), Rank{0});
  first.version = config.speaks.newest;
  write_first_view(std::move(first));
}

/// The first view that this node has agreed to, which another began, and which may be in force for all that it knows.
const View* Engine::Parts::agreed_first_view() const { return !disk.installed && disk.accepted ? &disk.accepted->value.next : nullptr; }

void Engine::Parts::try_formation() {
  // Whoever the configuration names by now. (What is agreed to was begun by a lower name, so in an unchanged one that is the one who forms.)
  if (agreed_first_view() != nullptr) return;
  if (first_view || config.peers.empty()) return form_alone();
  if (std::any_of(config.peers.begin(), config.peers.end(), [&](const std::string& name) { return name < self.name; })) return;
  View first;
  std::size_t missing = 0;
  first.members.push_back({self, config.weight, config.weight, config.witness, true, config.speaks});
  for (const std::string& name : config.peers) {
    const FailureDetector::Peer* peer = detector.find(name);
    const bool ready = peer != nullptr && detector.hears(now, *peer) && peer->heartbeat.state == NodeState::forming &&
                       peer->heartbeat.peers_digest == peers_digest() && lists(peer->heartbeat, self);
    if (!ready) ++missing;
    else first.members.push_back({peer->node, peer->heartbeat.weight, peer->heartbeat.weight, peer->heartbeat.witness, true, peer->speaks});
  }
  first.version = first.newest_common_version();
  for (const Member& member : first.members) {
    if (!member.speaks.include(first.version)) ++missing;
    if (member.node == self) continue;
    const FailureDetector::Peer* peer = detector.find(member.node.name);
    for (const Member& other : first.members) {
      if (other.node != member.node && !lists(peer->heartbeat, other.node)) ++missing;
    }
  }
  const bool impatient = now - alone_since > config.suspect_after_min * 2;
  if (missing > 0 && !(impatient && mutant(Mutant::minority_forms))) {
    forming.reset();
    return;
  }
  std::sort(first.members.begin(), first.members.end(), [](const Member& a, const Member& b) { return a.node.name < b.node.name; });
  first.min_weight = min_weight_of(config, first);
  first.tie_breaker = tie_breaker_of(config, first);
  Rank sequencer;
  while (sequencer.value + 1u < first.size() && !first.at(sequencer).holds_payload()) ++sequencer.value;
  first.sequencers.assign(outcomes.size(), sequencer);
  if (forming && forming->view.members == first.members) {
    for (const NodeId& node : forming->waiting) send_after(next_token - 1, node, Form{forming->view});
    return;
  }
  if (disk.cluster.empty()) disk.cluster = {random.next(), random.next() | 1};
  first.id = {{1, random.next()}, 1};
  forming = Forming{first, {}};
  const WriteToken token = persist();
  for (const Member& member : first.members) {
    if (member.node == self) continue;
    forming->waiting.insert(member.node);
    send_after(token, member.node, Form{first});
  }
}

void Engine::Parts::on_frame(const Frame& frame, const Form& form) {
  const bool lowest = std::none_of(config.peers.begin(), config.peers.end(), [&](const std::string& name) { return name < frame.from.name; });
  // Nor does it take part in another's formation whose own may be on its disk: the lowest name may have changed in between.
  if (in_view || disk.installed || first_view || bootstrap_wanted || !lowest || frame.from.name > self.name || !form.view.rank_of(self)) return;
  // Two first views of which one needs the word of the other's minter are never both in force: it has given the one up that it minted.
  const View* agreed = agreed_first_view();
  if (agreed != nullptr && !form.view.rank_of_name(agreed->members.front().node.name)) return;
  forming.reset();
  if (agreed == nullptr) disk.accepted = Accepted{{}, {.next = form.view}};
  disk.cluster = frame.cluster;
  send_after(persist(), frame.from, Formed{form.view.id});
}

void Engine::Parts::on_frame(const Frame& frame, const Formed& formed) {
  if (!forming || forming->view.id != formed.view) return;
  forming->waiting.erase(frame.from);
  if (forming->waiting.empty() && !first_view) write_first_view(forming->view);
}

// ---------------------------------------------------------------- restart formation

/// Who of the view that this node is bound to is there: members that live, and names that answer from their disks. Nothing where a later
/// view goes on, which this node joins.
std::optional<Engine::Parts::Present> Engine::Parts::present() const {
  const View& view = *bound_view();
  const Rank own = *view.rank_of_name(self.name);
  Present found{{own}, {}, {self}};
  if (in_view) found.living.insert(own);
  for (const auto& [name, peer] : detector.peers()) {
    if (!detector.hears(now, peer) || parted_from(peer)) continue;
    const Heartbeat& beat = peer.heartbeat;
    if (in_a_view(beat.state) && beat.view > view.id) return std::nullopt;
    const auto rank = view.rank_of_name(name);
    if (!rank || beat.view != view.id) continue;
    const bool lives = in_a_view(beat.state) && view.at(*rank).node == peer.node;
    if (!lives && (beat.state != NodeState::returning || beat.disk_hangs)) continue;
    found.ranks.insert(*rank);
    found.acceptors.push_back(peer.node);
    if (lives) found.living.insert(*rank);
  }
  return found;
}

/// The largest set of these that hear each other, by their reports and this node's own, and may go on.
std::optional<RankSet> Engine::Parts::connected_of(const View& view, const std::vector<NodeId>& nodes) const {
  std::vector<RankSet> hears(view.size());
  RankSet candidates;
  std::vector<Rank> ranks;
  for (const NodeId& node : nodes) {
    ranks.push_back(*view.rank_of_name(node.name));
    candidates.insert(ranks.back());
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    RankSet& whom = hears[ranks[i].value];
    if (nodes[i] == self) {
      whom = candidates;
      continue;
    }
    const Heartbeat& beat = detector.find(nodes[i].name)->heartbeat;
    for (std::size_t j = 0; j < nodes.size(); ++j) {
      if (lists(beat, nodes[j])) whom.insert(ranks[j]);
    }
  }
  return largest_connected(view, hears, candidates);
}

void Engine::Parts::try_restart() {
  const View& view = *bound_view();
  auto there = present();
  if (!there) return;
  std::vector<NodeId> living;
  for (const NodeId& node : there->acceptors) {
    if (there->living.contains(*view.rank_of_name(node.name))) living.push_back(node);
  }
  // What the living can do without the disks is theirs to do.
  const auto connected = connected_of(view, there->acceptors);
  if (!connected || connected_of(view, living)) {
    alone_since = now;
    return;
  }
  // Who comes up a little later may have the longer history, and who isn't heard by all yet would have to be admitted afterwards.
  if (*connected != all_members(view) && now - alone_since < config.suspect_after_min * 2) return;
  if (view.at(connected->front()).node.name != self.name || now < retry_at) return;
  start_ballot(std::move(there->acceptors), true, false);
}

}  // namespace vsync::protocol
