// The engine's view of who should be in the next view: suspicion, joiners, leave, rejoin.

#include <algorithm>

#include "protocol/engine_parts.hpp"
#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

namespace {

constexpr Duration decided_again_after = 100ms;
constexpr std::size_t chain_max = 8;

}  // namespace

// ---------------------------------------------------------------- evidence

void Engine::Parts::on_frame(const Frame& frame, const Heartbeat& heartbeat) {
  detector.on_heartbeat(now, self, frame, heartbeat);
  heed_lease(frame.from, heartbeat);
  if (in_view && heartbeat.view == in_view->view.id && heartbeat.state == NodeState::operational) {
    on_progress(frame.from, heartbeat.lanes, heartbeat.congested);
    on_relay(frame.from, heartbeat.relay);
    compare(frame.from, heartbeat);
  }
  show_decisions(frame, heartbeat);
  evaluate();
}

/// This node's next heartbeat echoes this one, whatever view it was sent in, and lets its sender order so long.
void Engine::Parts::heed_lease(const NodeId& from, const Heartbeat& heartbeat) {
  if (in_view && in_view->view.rank_of(from)) in_view->leases = std::max(in_view->leases, heartbeat.lease);
  heartbeat_at = std::min(heartbeat_at, now + heartbeat_interval());
}

/// As often as this node wants to be heard, and as the lease of each other needs it, which may be configured otherwise.
Duration Engine::Parts::heartbeat_interval() const {
  Duration interval = config.heartbeat_every;
  for (const auto& [name, peer] : detector.peers()) {
    if (peer.heartbeat.lease > Duration{0} && detector.hears(now, peer)) interval = std::min(interval, peer.heartbeat.lease / 2);
  }
  return interval;
}

/// Whatever incarnation has a member's name.
const FailureDetector::Peer* Engine::Parts::named_like(Rank rank) const {
  InView::Known& known = in_view->known[rank.value];
  if (known.peer == nullptr || known.forgotten != detector.forgotten()) {
    known = {detector.find(in_view->view.at(rank).node.name), detector.forgotten()};
  }
  return known.peer;
}

const FailureDetector::Peer* Engine::Parts::heard_of(Rank rank) const {
  const FailureDetector::Peer* peer = named_like(rank);
  return peer != nullptr && peer->node == in_view->view.at(rank).node ? peer : nullptr;
}

bool Engine::Parts::suspected(Rank rank) const {
  if (rank == in_view->self) return false;
  const NodeId& node = in_view->view.at(rank).node;
  const FailureDetector::Peer* peer = named_like(rank);
  if (peer == nullptr || peer->node.incarnation < node.incarnation) return now - in_view->installed_at >= config.suspect_after_min;
  if (peer->node != node) return !mutant(Mutant::successor_proves_nothing);  // a higher incarnation proves it dead
  if (now - peer->last_heard >= detector.timeout(*peer)) return true;
  if (!peer->refused) return false;
  if (in_view->view.size() < 3) return true;
  // One refusal may be a broken path of one host; a second observer settles it.
  const RankSet others = all_members(in_view->view).minus(RankSet{rank});
  return std::any_of(others.begin(), others.end(), [&](Rank one) {
    const FailureDetector::Peer* other = heard_of(one);
    return other != nullptr && detector.hears(now, *other) && !lists(other->heartbeat, node);
  });
}

RankSet Engine::Parts::unsuspected() const {
  RankSet set;
  for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
    if (!suspected(Rank{r})) set.insert(Rank{r});
  }
  // Who doesn't keep up stops the publishers, but a view that can't go on without it is better off with it.
  const RankSet late = laggards();
  if (!late.empty() && mutant(Mutant::laggard_stays)) return set;
  const RankSet in_time = set.minus(late);
  return may_go_on(in_view->view, in_time) ? in_time : set;
}

// A member that hears and is heard, and still doesn't hold in `lag_exclude_after` what a uniform set held before, is as good as dead: all
// publishers' windows wait for it. What it is measured by is what the majority has, so that one that doesn't receive accuses nobody. A
// wedged member holds nothing more until a ballot ends that, which needs it.
void Engine::Parts::watch_lag() {
  InView& v = *in_view;
  const bool judges = !v.wedged && !doubt_since && !coordinator;
  for (std::size_t i = 0; i < v.lanes.size(); ++i) {
    const Stability& stability = v.lanes[i].stability();
    for (std::uint16_t r = 0; r < v.view.size(); ++r) {
      InView::Lag& lag = v.lag[i][r];
      const bool keeps_up = stability.held_by(Rank{r}) >= lag.target || !v.view.at(Rank{r}).holds_payload();
      if (!judges || keeps_up || tells_wedged(Rank{r}) || Rank{r} == v.self) lag = {stability.uniform(), now};
    }
  }
}

bool Engine::Parts::tells_wedged(Rank rank) const {
  const Heartbeat* told = told_by(rank);
  return told != nullptr && told->state == NodeState::wedged;
}

/// Members that the view is better off without.
RankSet Engine::Parts::laggards() const {
  RankSet late = in_view->unlike;
  for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
    const Heartbeat* told = told_by(Rank{r});
    if (Rank{r} == in_view->self ? disk_hangs() : told != nullptr && told->disk_hangs) late.insert(Rank{r});
  }
  for (std::size_t i = 0; i < in_view->lag.size(); ++i) {
    const auto& lane = in_view->lag[i];
    for (std::uint16_t r = 0; r < lane.size(); ++r) {
      if (now - lane[r].since >= config.lag_exclude_after) late.insert(Rank{r});
    }
    // A sequencer that orders nothing for so long doesn't get what it should order, and may be the coordinator that should see to it.
    const Rank sequencer = in_view->lanes[i].order().sequencer();
    if (sequencer != in_view->self && now - in_view->order_progress[i] >= config.lag_exclude_after) late.insert(sequencer);
  }
  return late;
}

/// Whom this node hears, as it tells others: a laggard falls out of everybody's connected set like one whose link is cut.
std::vector<Heard> Engine::Parts::heard() const {
  std::vector<Heard> report = detector.report(now);
  if (!in_view) return report;
  const RankSet late = laggards();
  if (late.empty() || mutant(Mutant::laggard_stays)) return report;
  const RankSet left_out = late.minus(unsuspected());  // the others that live may need it
  std::erase_if(report, [&](const Heard& one) {
    const auto rank = in_view->view.rank_of(one.node);
    return rank && left_out.contains(*rank) && !one.refused;
  });
  return report;
}

/// Looked at after each heartbeat of anybody, and read from each once: names are many in large views.
RankSet Engine::Parts::told_to_hear(Rank rank, const FailureDetector::Peer& peer) const {
  InView::Hears& known = in_view->hears[rank.value];
  if (known.nonce == peer.nonce) return known.whom;
  known = {peer.nonce, {}};
  for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
    if (lists(peer.heartbeat, in_view->view.members[r].node) || mutant(Mutant::members_need_not_hear)) known.whom.insert(Rank{r});
  }
  return known.whom;
}

std::optional<RankSet> Engine::Parts::clique(RankSet candidates) const {
  const View& view = in_view->view;
  std::vector<RankSet> hears(view.size(), candidates);
  for (const Rank i : candidates) {
    const FailureDetector::Peer* peer = i == in_view->self ? nullptr : heard_of(i);
    // A member that hasn't told yet whom it hears was connected when the view was formed.
    if (peer != nullptr && peer->nonce != 0) hears[i.value] = told_to_hear(i, *peer);
  }
  return largest_connected(view, hears, candidates);
}

/// A set that may go on is heard, and doesn't say in this view or a later one that it doesn't hear this node.
bool Engine::Parts::is_heard(RankSet by) const {
  RankSet hearing;
  for (const Rank rank : by) {
    const FailureDetector::Peer* peer = rank == in_view->self ? nullptr : heard_of(rank);
    const bool tells = peer != nullptr && peer->heartbeat.view >= in_view->view.id;
    if (!tells || lists(peer->heartbeat, self)) hearing.insert(rank);
  }
  return may_go_on(in_view->view, hearing);
}

bool Engine::Parts::heard_from_primary(TimePoint since) const {
  RankSet heard{in_view->self};
  for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
    if (told_by(Rank{r}) != nullptr && detector.heard_us_since(in_view->view.members[r].node, since)) heard.insert(Rank{r});
  }
  return may_go_on(in_view->view, heard);
}

/// A view that is installed from what waited while this node slept may have been followed by others without it, even if the view before
/// went on with this node alone.
void Engine::Parts::doubt_what_was_told_before_waking() {
  if (!woke_at) return;
  RankSet heard{in_view->self};
  for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
    if (detector.heard_us_since(in_view->view.members[r].node, *woke_at)) heard.insert(Rank{r});
  }
  if (!may_go_on(in_view->view, heard)) doubt_since = woke_at;
}

void Engine::Parts::note_exclusion(const std::string& name) {
  Exclusions& record = exclusions[name];
  record = {recent_exclusions(name) + 1, now};
}

std::uint32_t Engine::Parts::recent_exclusions(const std::string& name) const {
  const auto record = exclusions.find(name);
  return record == exclusions.end() || now - record->second.last > exclusions_forgotten_after ? 0 : record->second.count;
}

// Hosts that come back together (the side of a partition that blocked) are heard by all one after the other, within a few heartbeats. They
// are admitted in one view: whoever is ripe waits for those that will be a moment later.
std::vector<NodeId> Engine::Parts::eligible_joiners(RankSet members) {
  std::vector<NodeId> joiners;
  std::optional<TimePoint> first_ripe, next_ripe;
  for (const auto& [name, peer] : detector.peers()) {
    const NodeId& node = peer.node;
    if (in_view->view.rank_of(node)) continue;
    if (std::find(config.peers.begin(), config.peers.end(), name) == config.peers.end()) continue;
    const bool speaks_it = peer.speaks.include(in_view->view.version) || mutant(Mutant::any_version_joins);
    const bool asks = detector.hears(now, node) && !in_a_view(peer.heartbeat.state) && peer.nonce != 0 && lists(peer.heartbeat, self);
    bool mutual = asks && speaks_it && !parted_from(peer);
    for (const Rank rank : members) {
      if (!mutual || rank == in_view->self) continue;
      const FailureDetector::Peer* other = heard_of(rank);
      mutual = other != nullptr && lists(other->heartbeat, node) && lists(peer.heartbeat, other->node);
      mutual = mutual || mutant(Mutant::joiner_need_not_hear);
    }
    if (!mutual) {
      mutual_since.erase(name);
      continue;
    }
    const TimePoint since = mutual_since.try_emplace(name, now).first->second;
    const std::uint32_t repeats = std::min(recent_exclusions(name), 5u);
    const TimePoint ripe = since + config.admit_after * (repeats > 1 && !mutant(Mutant::admitted_at_once_again) ? 1 << (repeats - 1) : 1);
    if (now >= ripe) joiners.push_back(node);
    std::optional<TimePoint>& earliest = now >= ripe ? first_ripe : next_ripe;
    earliest = std::min(earliest.value_or(ripe), ripe);
  }
  if (first_ripe && next_ripe && *next_ripe <= *first_ripe + config.suspect_after_min / 2) joiners.clear();
  return joiners;
}

bool Engine::Parts::sequencer_stuck() const {
  for (std::size_t i = 0; i < in_view->lanes.size(); ++i) {
    const Rank sequencer = in_view->lanes[i].order().sequencer();
    if (sequencer != in_view->self && now - in_view->order_progress[i] >= config.suspect_after_min) return true;
  }
  return false;
}

// ---------------------------------------------------------------- evaluation

void Engine::Parts::evaluate() {
  if (!started || left) return;
  if (in_view) evaluate_in_view();
  else evaluate_outside();
}

void Engine::Parts::evaluate_in_view() {
  InView& v = *in_view;
  if (doubt_since && heard_from_primary(*doubt_since)) {
    doubt_since.reset();
    if (std::exchange(writable_wanted, false)) emit(Writable{});
  }
  if (leaving && v.view.size() == 1) {
    left = true;
    return;
  }
  if (farewell) return part();
  const RankSet there = unsuspected();
  const bool go_on = may_go_on(v.view, there);
  if (!go_on && mutant(Mutant::blocked_gives_up)) return rejoin(kept_in(v.view));
  if (v.loaded) become(go_on && is_heard(there) ? ComponentState::primary : ComponentState::blocked);
  release_held_back();
  // After a block the members come back one by one: nobody is excluded for being the last of them.
  if (go_on && was_blocked) reunion_until = now + config.suspect_after_min / 2;
  was_blocked = !go_on;
  for (std::size_t i = 0; i < v.lanes.size(); ++i) {
    // A witness receives neither messages nor order; it judges by what the others tell of themselves.
    const LaneReplica& lane = v.lanes[i];
    const bool waits = stores() ? !lane.unordered().empty() : lane.order_owed() && lane.order_known() == v.order_seen[i];
    v.order_seen[i] = lane.order_known();
    if (v.wedged || !go_on || !waits || tells_wedged(lane.order().sequencer())) v.order_progress[i] = now;
  }
  give_snapshot();
  if (coordinator) return tell_coordinator_who_is_lost();
  const auto connected = clique(there);
  // A restart formation takes nobody's word but its own ballot's: a node that doubts itself may be the one it needs. Those that are heard may be
  // enough and yet not hear each other.
  if (!go_on || !connected) {
    mutual_since.clear();
    return force_until ? try_force() : try_restart();
  }
  force_until.reset();
  alone_since = now;
  if (v.complete) complete_at = now;
  if (doubt_since) return;
  if (!connected->contains(v.self) || connected->front() != v.self) {
    mutual_since.clear();  // only the coordinator's own watch counts
    return;
  }
  // Watched all the time, so that a joiner's waiting time is known when it has passed.
  const bool joiners = !eligible_joiners(*connected).empty();
  if (now < retry_at || (now < reunion_until && *connected != all_members(v.view))) return;
  const bool stuck = sequencer_stuck();
  if (!joiners && !stuck && !change_needed(*connected)) return;
  std::vector<NodeId> acceptors;
  for (const Rank rank : there) acceptors.push_back(v.view.at(rank).node);
  start_ballot(std::move(acceptors), false, stuck);
}

void Engine::Parts::tell_coordinator_who_is_lost() {
  for (const NodeId& node : coordinator->everyone()) {
    const auto rank = in_view ? in_view->view.rank_of(node) : std::nullopt;
    const bool lost = rank ? suspected(*rank) : node != self && !detector.hears(now, node);
    const FailureDetector::Peer* peer = coordinator->asks_on() ? detector.find(node.name) : nullptr;
    const bool deaf = peer != nullptr && peer->node == node && !lists(peer->heartbeat, self);
    if (lost || deaf) coordinator->on_lost(now, node);
  }
  if (!coordinator->asks_on()) return;
  if (in_view && !coordinator->restart()) return coordinator->on_present(now, unsuspected());
  if (const auto there = present()) coordinator->on_present(now, there->ranks);
}

/// Something of the view isn't as its members are now, and a ballot can change that.
bool Engine::Parts::change_needed(RankSet connected) const {
  const InView& v = *in_view;
  if ((v.wedged && !mutant(Mutant::wedge_is_no_reason)) || connected != all_members(v.view) || has_other_votes()) return true;
  const bool newer = v.view.newest_common_version() > v.view.version;
  if (newer && (v.complete || may_raise_without_the_missing(v.view))) return true;
  const auto is_loaded = [&](Rank rank) {
    if (rank == v.self) return v.loaded;
    const Heartbeat* told = told_by(rank);
    return told != nullptr && told->loaded;
  };
  RankSet holders;
  for (const Rank rank : connected) {
    if (v.view.at(rank).holds_payload() && is_loaded(rank)) holders.insert(rank);
  }
  return std::any_of(connected.begin(), connected.end(), [&](Rank rank) {
    const Member& member = v.view.at(rank);
    const Heartbeat* told = told_by(rank);
    if (rank != v.self && told == nullptr) return false;
    const bool loaded = is_loaded(rank) || member.witness;
    const bool grown_up = loaded && (!member.loaded || (member.weight == 0 && member.full_weight > 0));
    // The only holder of the state waits for another: who is left without one couldn't go on.
    const bool asks = rank == v.self ? asks_to_leave() : told->leaving;
    const bool goes = asks && !holders.minus(RankSet{rank}).empty();
    const bool wedged = rank != v.self && tells_wedged(rank);
    return (grown_up && !mutant(Mutant::learner_stays_one)) || goes || (wedged && !mutant(Mutant::wedge_is_no_reason));
  });
}

void Engine::Parts::evaluate_outside() {
  become(ComponentState::joining);
  if (coordinator) return tell_coordinator_who_is_lost();
  if (silent_until > persisted) return;
  if (bootstrap_wanted && disk.installed && mutant(Mutant::bootstraps_again)) try_bootstrap();
  else if (returning && force_until) try_force();
  else if (returning) try_restart();
  else if (disk.installed) return;
  else if (bootstrap_wanted) try_bootstrap();
  else try_formation();
}

void Engine::Parts::become(ComponentState state) {
  if (component == state) return;
  component = state;
  emit(StateChanged{state});
}

// ---------------------------------------------------------------- who missed a decision, and who is out

void Engine::Parts::show_decisions(const Frame& frame, const Heartbeat& heartbeat) {
  // A restarted node shows what its disk holds, whether it has a place in that or not: it may be the only one that knows that the former
  // view has ended.
  const View* own = in_view ? &in_view->view : disk.installed ? &*disk.installed : nullptr;
  if (own == nullptr || silent_until > persisted || parted_from({heartbeat.view, heartbeat.forced})) return;
  const bool bound = in_a_view(heartbeat.state) || heartbeat.state == NodeState::returning;
  const bool behind = bound && heartbeat.view < own->id && !mutant(Mutant::decision_not_shown);
  const std::optional<Decision>& without_us = farewell ? farewell : exclusion;
  const bool missed_parting = without_us && bound && heartbeat.view == without_us->from;
  // It has put the cluster id of the first formation on its disk and lost the view behind it.
  const bool missed_formation = !heartbeat.former.empty() && heartbeat.former == disk.cluster && own->rank_of_name(frame.from.name);
  const bool missed_entry = in_view && !in_a_view(heartbeat.state) && own->rank_of(frame.from).has_value();
  if (!behind && !missed_entry && !missed_parting && !missed_formation) return;
  TimePoint& sent = decided_sent[frame.from.name];
  if (sent != TimePoint{} && now - sent < decided_again_after) return;
  sent = now;
  Decided decided;
  if (missed_parting) {
    decided.chain.push_back(*without_us);
  } else if (missed_entry || missed_formation) {
    Decision entry;
    entry.value.next = *own;
    decided.chain.push_back(std::move(entry));
  } else {
    auto next = std::find_if(decisions.begin(), decisions.end(), [&](const Decision& d) { return d.from == heartbeat.view; });
    const std::size_t left_out = decisions.end() - next > static_cast<std::ptrdiff_t>(chain_max) ? chain_max : decisions.size();
    for (std::size_t i = 0; next != decisions.end() && i < left_out; ++next, ++i) decided.chain.push_back(*next);
    if (decided.chain.empty()) {
      Decision entry;
      entry.value.next = *own;
      decided.chain.push_back(std::move(entry));
    }
  }
  send(frame.from, std::move(decided));
}

/// How much of lane 0 of this view is sure to be in the order that goes on in `newest`. `end`: how this view was ended, where that is known.
Seq Engine::Parts::kept_in(const View& newest, const Decision* end) const {
  const bool cut_counts = end != nullptr && end->value.stored.empty() && end->value.next.id.epoch == newest.id.epoch;
  if (cut_counts && !end->value.cut.lanes.empty()) return end->value.cut.lanes.front().end();
  // What is uniform outlives any change of view, but not of epoch: memories were lost with all that wasn't durable, or an operator went on
  // without who held it.
  return newest.id.epoch == in_view->view.id.epoch ? in_view->lanes.front().stability().uniform() : Seq{};
}

void Engine::Parts::rejoin(Seq common, std::optional<Position> parted) {
  // Who is sure to be right keeps what it has.
  auto unlike = difference();
  if (unlike && !unlike->wrong.empty() && !unlike->wrong.contains(in_view->self)) unlike.reset();
  const bool in_lane_0 = unlike && *in_view->audit.found() == Lane{};
  if (unlike) {
    tell(*unlike);
    distrust_log(*unlike);
  }
  const View& view = in_view->view;
  const LaneReplica& lane = in_view->lanes.front();
  const auto at = [&](Seq seq) { return Position{view.id.epoch, view.id.number, Lane{}, seq}; };
  const Seq kept = std::min({lane.delivered(), common, in_lane_0 ? unlike->agreed.value_or(Seq{}) : common});
  Resynced resynced{parted.value_or(at(kept)), std::nullopt, std::nullopt};
  if ((lane.delivered() > kept || parted) && !mutant(Mutant::orphans_not_named)) {
    resynced.orphaned_from = resynced.last_common;
    ++resynced.orphaned_from->seq.value;
    resynced.orphaned_to = at(lane.delivered());
  }
  for (Outcomes& pending : outcomes) pending.abandon(out.events);
  if (in_view->loaded && !mutant(Mutant::resync_not_told)) emit(resynced);
  in_view.reset();
  std::fill(cut_end.begin(), cut_end.end(), std::nullopt);
  doubt_since.reset();
  directory = Directory(config);
  become_a_new_node();
}

/// Nothing that was promised, accepted or decided is about this node any more.
void Engine::Parts::become_a_new_node() {
  coordinator.reset();
  log_copy.reset();
  recovering.reset();
  decisions.clear();
  waiting_ops.clear();
  held.clear();  // what the former incarnation had to say
  seen_round = 0;
  mutual_since.clear();
  if (!mutant(Mutant::excluded_keeps_identity)) self.incarnation = {self.incarnation.counter + 1, random.next()};
  disk.incarnation_counter = self.incarnation.counter;
  returning = false;
  silent_until = persist();
  become(ComponentState::joining);
}

// ---------------------------------------------------------------- an orderly leave

/// What this node published is where the others want it, or they don't come to it.
bool Engine::Parts::asks_to_leave() const {
  if (!leaving || !in_view) return false;
  if (now - leaving_since >= config.suspect_after_max) return true;
  const bool told = std::all_of(outcomes.begin(), outcomes.end(), [](const Outcomes& lane) { return lane.empty(); });
  const bool stable = std::all_of(in_view->lanes.begin(), in_view->lanes.end(),
                                  [&](const LaneReplica& lane) { return lane.stream(in_view->self).messages() == 0; });
  return told && stable && waiting_ops.empty();
}

/// The next view is decided without this node, whose vote those that stay may still need to learn it: it goes once enough of them have
/// installed it. Each tells what it knows of all: those that this node can't hear have nothing to learn from it.
void Engine::Parts::part() {
  const View& next = farewell->value.next;
  RankSet installed;
  bool enough = false;
  for (const auto& [name, peer] : detector.peers()) {
    if (!in_a_view(peer.heartbeat.state) || peer.heartbeat.view < next.id) continue;
    // Who installs a later one has it from a set of `next` that may go on.
    enough = enough || peer.heartbeat.view > next.id || peer.heartbeat.view_is_uniform;
    if (const auto rank = next.rank_of(peer.node)) installed.insert(*rank);
  }
  left = enough || is_uniform_set(next, installed);
}

void Engine::Parts::expire_sessions() {
  if (!operational() || !in_view->loaded || component != ComponentState::primary || leaving) return;
  const RankSet holders = payload_holders(in_view->view) & unsuspected();
  if (holders.empty() || holders.front() != in_view->self) {
    homeless_since.clear();
    return;
  }
  const std::vector<SessionId> homeless = directory.homeless();
  std::map<SessionId, TimePoint> still;
  DirectoryOps ops;
  for (const SessionId& session : homeless) {
    const auto known = homeless_since.find(session);
    const TimePoint since = known == homeless_since.end() ? now : known->second;
    if (now - since >= config.session_expires_after) ops.push_back(CloseSession{session, LeaveReason::expired});
    else still.emplace(session, since);
  }
  homeless_since = std::move(still);
  if (ops.empty()) return;
  if (mutant(Mutant::expires_without_a_record)) {
    for (const DirectoryOp& op : ops) directory.apply(op, self, Position{}, out.events);
    return;
  }
  Chunk chunk;
  chunk.count = static_cast<std::uint32_t>(ops.size());
  chunk.ops = std::make_shared<const DirectoryOps>(std::move(ops));
  (void)publish(std::move(chunk));
}

// ---------------------------------------------------------------- for people

/// Who is missing may come back with its old program, for a while; who is heard and has one would be locked out.
bool Engine::Parts::may_raise_without_the_missing(const View& view) const {
  const bool awaited = std::any_of(detector.peers().begin(), detector.peers().end(), [&](const auto& entry) {
    const FailureDetector::Peer& peer = entry.second;
    return detector.hears(now, peer) && !view.rank_of(peer.node) && peer.speaks.newest < view.newest_common_version();
  });
  return !awaited && now - complete_at >= config.raise_after;
}

std::optional<std::uint16_t> Engine::Parts::foreign_version() const {
  if (in_view) return std::nullopt;
  const FailureDetector::Peer* newest = nullptr;
  for (const auto& [name, peer] : detector.peers()) {
    if (!detector.hears(now, peer) || !in_a_view(peer.heartbeat.state)) continue;
    if (newest == nullptr || peer.heartbeat.view > newest->heartbeat.view) newest = &peer;
  }
  if (newest != nullptr && !config.speaks.include(newest->heartbeat.version)) return newest->heartbeat.version;
  if (disk.installed && !config.speaks.include(disk.installed->version)) return disk.installed->version;
  return std::nullopt;
}

/// Names that are heard, and have a place in the view that they can't take.
std::vector<std::string> Engine::Parts::too_old_for(const View& view) const {
  std::vector<std::string> names;
  for (const auto& [name, peer] : detector.peers()) {
    if (detector.hears(now, peer) && view.rank_of_name(name) && peer.speaks.newest < view.version) names.push_back(name);
  }
  return names;
}

std::string Engine::Parts::waits_for() const {
  const auto names = [](const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& name : list) text += (text.empty() ? "" : ", ") + name;
    return text;
  };
  std::vector<std::string> silent;
  for (const std::string& name : correspondents()) {
    const FailureDetector::Peer* peer = detector.find(name);
    if (peer == nullptr || !detector.hears(now, *peer)) silent.push_back(name);
  }
  if (in_view) {
    if (farewell) return "those that stay to install the view without this daemon";
    if (doubt_since) return "this daemon was paused: waiting for proof that its view still goes on";
    if (component == ComponentState::blocked) {
      std::string text = may_go_on(in_view->view, unsuspected()) ? "no set that may go on hears this daemon" : "no set that may go on is heard";
      if (!silent.empty()) text += ": waiting for " + names(silent) + ", which may have gone on";
      if (const auto old = too_old_for(in_view->view); !old.empty()) text += ": a newer vsyncd is needed at " + names(old);
      return text;
    }
    if (!in_view->loaded) return "a snapshot of the directory";
    return in_view->wedged ? "the decision of a view change" : "";
  }
  if (const auto foreign = foreign_version()) {
    const auto text = [](unsigned version) { return std::to_string(version); };
    return "a vsyncd that speaks version " + text(*foreign) + " of the protocol, as this cluster does: this one speaks " +
           text(config.speaks.oldest) + " to " + text(config.speaks.newest);
  }
  if (disk.installed && returning) {
    if (const auto old = too_old_for(*disk.installed); !old.empty()) {
      return "a restart formation needs enough of the last view; a newer vsyncd is needed at " + names(old);
    }
    return silent.empty() ? "a restart formation or admission to the running view"
                          : "a restart formation needs enough of the last view; not heard: " + names(silent);
  }
  if (disk.installed) return "admission to the running view";
  if (const View* agreed = agreed_first_view()) {
    const std::string& minter = agreed->members.front().node.name;
    return minter + " to say whether the first view that it began is in force" +
           (std::find(config.peers.begin(), config.peers.end(), minter) != config.peers.end()
                ? std::string()
                : ", which this daemon's configuration doesn't name: name it, or begin without it by 'vsync bootstrap' at one daemon");
  }
  return silent.empty() ? "first formation" : "first formation needs all configured peers; not heard: " + names(silent);
}

}  // namespace vsync::protocol
