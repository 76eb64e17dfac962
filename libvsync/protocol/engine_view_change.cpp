// The engine through a view change: answering ballots, gathering the cut, accepting, installing.
// The steps are those of libvsync/protocol/README.md, "View change".

#include <algorithm>

#include "protocol/engine_parts.hpp"
#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

namespace {

constexpr Duration snapshot_again_after = 500ms;
constexpr Duration backoff_min = 20ms;
constexpr Duration backoff_max = 1s;

}  // namespace

/// This name has a place in the view, and this program can take it.
bool Engine::Parts::may_return_to(const View& view) const {
  return view.rank_of_name(self.name) && config.speaks.include(view.version);
}

const View* Engine::Parts::bound_view() const {
  if (in_view) return &in_view->view;
  return returning ? &*disk.installed : nullptr;
}

// ---------------------------------------------------------------- the acceptor

void Engine::Parts::wedge() {
  if (!in_view || mutant(Mutant::no_wedge)) return;
  in_view->wedged = true;
}

Answer Engine::Parts::answer_to(const Prepare& prepare, bool acceptor) const {
  Answer answer;
  answer.view = prepare.view.id;
  answer.ballot = prepare.ballot;
  for (const Heard& one : heard()) {
    if (!one.refused) answer.hears.push_back(one.node);
  }
  answer.leaving = asks_to_leave();
  answer.witness = config.witness;
  answer.full_weight = config.weight;
  answer.leases = config.lease;
  answer.speaks = config.speaks;
  if (!acceptor) return answer;  // a joiner, which promises nothing
  answer.accepted = disk.accepted;
  answer.from_disk = !in_view;
  if (!in_view) {
    answer.logged = logged();
    return answer;
  }
  answer.loaded = in_view->loaded;
  answer.leases = std::max(in_view->leases, in_view->confirm_from - now);
  if (stores()) {
    for (const LaneReplica& lane : in_view->lanes) answer.lanes.push_back(lane.holdings());
  }
  return answer;
}

void Engine::Parts::on_frame(const Frame& frame, const Prepare& prepare) {
  if (silent_until > persisted) return;
  const View* bound = bound_view();
  const bool acceptor = bound != nullptr && bound->id == prepare.view.id && (in_view || prepare.restart);
  if (!acceptor) {
    // A member that hasn't installed the view yet would be taken at its word for a promise that it can't keep.
    const bool speaks_it = config.speaks.include(prepare.view.version) || mutant(Mutant::any_version_joins);
    if (!in_view && !prepare.view.rank_of(self) && speaks_it) send(frame.from, answer_to(prepare, false));
    return;
  }
  if (prepare.ballot < disk.promised && !mutant(Mutant::lower_ballot_answered)) {
    send(frame.from, Refused{prepare.view.id, prepare.ballot, disk.promised});
    return;
  }
  if (disk.promised != prepare.ballot) {
    disk.promised = prepare.ballot;
    persist();
  }
  wedge();
  Answer answer = answer_to(prepare, true);
  if (mutant(Mutant::restart_ignores_disk) && answer.from_disk) answer.accepted.reset();
  send_after(next_token - 1, frame.from, std::move(answer));
}

void Engine::Parts::on_frame(const Frame& frame, const Gather& gather) {
  if (!in_view && returning && disk.installed->id == gather.view) return recover(frame, gather);
  if (!stored_view_is(gather.view)) return;
  if (gather.ballot < disk.promised) {
    send(frame.from, Refused{gather.view, gather.ballot, disk.promised});
    return;
  }
  if (!in_view->gathering || in_view->gathering->ballot != gather.ballot) {
    in_view->gathering = InView::Gathering{gather.ballot, frame.from, gather.value};
    for (auto& lane : in_view->fetch) std::fill(lane.begin(), lane.end(), Fetching{});
  }
  try_gathered();
  if (in_view->gathering) fetch_missing();
}

void Engine::Parts::try_gathered() {
  const InView::Gathering& gathering = *in_view->gathering;
  const std::vector<LaneCut>& cuts = gathering.value.cut.lanes;
  for (std::size_t i = 0; i < in_view->lanes.size() && i < cuts.size(); ++i) {
    if (!in_view->lanes[i].holds(cuts[i])) return;
  }
  send_after(store_cut(gathering), gathering.coordinator, Gathered{in_view->view.id, gathering.ballot});
  in_view->gathering.reset();
}

void Engine::Parts::on_frame(const Frame& frame, const Accept& accept) {
  const View* bound = bound_view();
  if (bound == nullptr || bound->id != accept.view) return;
  // A name that answers from its disk is bound to what it promised for that ballot; a living member may accept above its promise.
  if (!in_view && accept.ballot != disk.promised) return;
  if (accept.ballot < disk.promised && !mutant(Mutant::promise_not_kept)) {
    send(frame.from, Refused{accept.view, accept.ballot, disk.promised});
    return;
  }
  wedge();
  if (!disk.accepted || disk.accepted->ballot != accept.ballot) {
    disk.promised = accept.ballot;
    disk.accepted = Accepted{accept.ballot, accept.value};
    persist();
  }
  send_after(next_token - 1, frame.from, AcceptedBallot{accept.view, accept.ballot});
}

// ---------------------------------------------------------------- the coordinator

void Engine::Parts::start_ballot(std::vector<NodeId> acceptors, bool restart, bool stuck, std::optional<Forced> forced) {
  const View& view = *bound_view();
  Coordinator::Plan plan;
  plan.view = view;
  const Rank own = *acceptor_rank(view, self, restart);
  std::uint64_t round = std::max(disk.promised.round, seen_round);
  plan.patience = config.suspect_after_min;
  for (const auto& [name, peer] : detector.peers()) {
    if (peer.heartbeat.view == view.id) round = std::max(round, peer.heartbeat.promised.round);
    if (detector.hears(now, peer)) plan.patience = std::max(plan.patience, detector.timeout(peer));
  }
  // Disks may be slower than T: more is granted where somebody is back that was left out, and twice as much each time a ballot has failed
  // for want of an answer (Dwork, Lynch, Stockmeyer 1988: an unknown bound is found by raising the guess), up to where a disk is taken for hung.
  std::uint32_t returns = 0;
  for (const NodeId& node : acceptors) returns = std::max(returns, recent_exclusions(node.name));
  const Duration raised = std::min<Duration>(plan.patience * (1 << std::min(late_ballots, 10u)), config.lag_exclude_after);
  plan.patience = std::max(plan.patience * (1 + std::min(returns, 4u)), raised) + backoff;
  // Without a bound for what nobody may go on without: such a disk may take longer than one that is taken for hung.
  plan.patience_with_needed = config.lag_exclude_after * (1 << std::min(late_ballots, 10u));
  plan.ballot = {mutant(Mutant::round_used_again) ? std::max<std::uint64_t>(disk.promised.round, 1) : round + 1, own};
  plan.restart = restart;
  plan.acceptors = std::move(acceptors);
  if (in_view && !restart) {
    if (const auto members = clique(unsuspected())) plan.joiners = eligible_joiners(*members);
  }
  if (in_view) {
    for (const LaneReplica& lane : in_view->lanes) plan.sequencers.push_back(lane.order().sequencer());
  } else {
    plan.sequencers = view.sequencers;
  }
  plan.sequencer_stuck = stuck;
  plan.random = random.next();
  plan.raise = may_raise_without_the_missing(view);
  plan.forced = std::move(forced);
  if (plan.forced) plan.until = *force_until;
  disk.promised = plan.ballot;
  wedge();
  own_promise = persist();
  coordinator.emplace(config, std::move(plan), now);
  if (is_written(own_promise)) coordinator->on_promised(now);
}

void Engine::Parts::drive_coordinator() {
  if (!coordinator) return;
  for (Coordinator::Send& send_it : coordinator->take()) send(send_it.to, std::move(send_it.body));
  if (coordinator->step() == Coordinator::Step::failed) {
    if (in_view && mutant(Mutant::wedge_ends_with_the_ballot)) in_view->wedged = false;
    late_ballots += coordinator->ran_out_of_patience() ? 1 : 0;
    backoff = std::clamp<Duration>(backoff * 2, backoff_min, backoff_max);
    retry_at = now + backoff / 2 + random.up_to(backoff);
    coordinator.reset();
  } else if (coordinator->step() == Coordinator::Step::chosen) {
    const Decision decision{coordinator->view().id, coordinator->value()};
    const View view = coordinator->view();
    const bool restart = decision.value.restart;
    std::vector<NodeId> receivers = coordinator->everyone();
    for (const Member& member : decision.value.next.members) {
      if (std::find(receivers.begin(), receivers.end(), member.node) == receivers.end()) receivers.push_back(member.node);
    }
    coordinator.reset();
    for (const NodeId& node : receivers) {
      if (node != self) send(node, Decided{{decision}});
      // A joiner that was asked and couldn't be admitted is watched anew, and for longer like one that was excluded: each such attempt has
      // cost a view change.
      if (decision.value.next.rank_of(node)) continue;
      mutual_since.erase(node.name);
      if (!acceptor_rank(view, node, restart)) note_exclusion(node.name);
    }
    apply(decision);
  }
}

void Engine::Parts::on_frame(const Frame& frame, const Answer& answer) {
  if (coordinator && coordinator->view().id == answer.view) coordinator->on_answer(now, frame.from, answer);
}

void Engine::Parts::on_frame(const Frame&, const Refused& refused) {
  const View* bound = bound_view();
  if (bound == nullptr || bound->id != refused.view) return;
  seen_round = std::max(seen_round, refused.promised.round);
  if (coordinator && coordinator->ballot() == refused.ballot) coordinator->on_refused();
}

void Engine::Parts::on_frame(const Frame& frame, const Gathered& gathered) {
  if (coordinator && coordinator->view().id == gathered.view && coordinator->ballot() == gathered.ballot) {
    coordinator->on_gathered(now, frame.from);
  }
}

void Engine::Parts::on_frame(const Frame& frame, const AcceptedBallot& accepted) {
  if (coordinator && coordinator->view().id == accepted.view && coordinator->ballot() == accepted.ballot) {
    coordinator->on_accepted(frame.from);
  }
}

// ---------------------------------------------------------------- the decision

void Engine::Parts::on_frame(const Frame& frame, const Decided& decided) {
  if (decided.chain.empty() || silent_until > persisted) return;
  if (parted_from({decided.chain.back().value.next.id, decided.chain.back().value.next.forced})) return;
  // After a pause only what was said since counts: links keep order, so an echo of a newer heartbeat came before this.
  if (in_view && doubt_since && !detector.heard_us_since(frame.from, *doubt_since)) return;
  const View& newest = decided.chain.back().value.next;
  if (!disk.installed) {
    const bool admitted = std::any_of(decided.chain.begin(), decided.chain.end(),
                                      [&](const Decision& decision) { return decision.value.next.rank_of(self).has_value(); });
    // A disk with the cluster id of the formation and without a view never held a promise: its name's place in the view is this node's.
    // That id comes from a formation only; one that a disk could not tell of would give a vote to a host that lost its promises.
    const bool formed = !disk.cluster.empty() && disk.cluster == frame.cluster;
    if (!admitted && formed && newest.rank_of_name(self.name)) return bind(newest);
    if (!admitted) return;
    disk.cluster = frame.cluster;
  }
  if (in_view && !newest.rank_of(self) && newest.id > in_view->view.id) {
    // Out of the newest view: what lies between has no meaning for this node any more.
    const auto own = std::find_if(decided.chain.begin(), decided.chain.end(),
                                  [&](const Decision& decision) { return decision.from == in_view->view.id; });
    if (leaving) {
      if (!farewell) farewell = own == decided.chain.end() ? decided.chain.back() : *own;
      return;
    }
    const bool known = own != decided.chain.end();
    rejoin(kept_in(newest, known ? &*own : nullptr));
    if (known) exclusion = *own;
    return;
  }
  for (const Decision& decision : decided.chain) apply(decision);
  if (!in_view || in_view->view.id >= newest.id) return;
  // Told without the steps between. What this node accepted itself may be the missing one; else it has no history to go on with, but
  // its name has a place in that view, like that of a restarted node.
  if (disk.accepted && disk.accepted->value.next == newest) {
    apply(Decision{in_view->view.id, Value(disk.accepted->value)});
  } else {
    rejoin(kept_in(newest));
    bind(newest);
  }
}

/// What waits for the disk of what this node has said in ballots of a view that is over. Where an operator has ended it, others may still run
/// them, and would take this node for one that goes with them.
void Engine::Parts::withdraw_answers() {
  std::erase_if(held, [](const Held& waiting) {
    return std::holds_alternative<Answer>(waiting.body) || std::holds_alternative<Gathered>(waiting.body) ||
           std::holds_alternative<AcceptedBallot>(waiting.body);
  });
}

void Engine::Parts::bind(const View& later) {
  withdraw_answers();
  coordinator.reset();  // the view that it would end has ended
  if (log_has_cut_before(later)) {
    if (disk.installed) settle_log(disk.installed->id, later.formed_in);
    disk.log_reaches = later.id;
  }
  log_copy.reset();
  recovering.reset();
  exclusion.reset();
  returning = may_return_to(later);
  disk.installed = later;
  disk.promised = {};
  disk.accepted.reset();
  alone_since = now;
  silent_until = persist();
}

void Engine::Parts::apply(const Decision& decision) {
  const View& next = decision.value.next;
  const auto rank = next.rank_of(self);
  if (in_view) {
    if (decision.from != in_view->view.id) return;
    if (!rank) {
      if (leaving) {
        farewell = decision;
      } else {
        rejoin(kept_in(next, &decision));
        exclusion = decision;
      }
      return;
    }
    const bool keeps = next.at(*rank).loaded && in_view->loaded;
    if (keeps && !finish_view(decision.value.cut)) {
      rejoin(kept_in(next, &decision));
      return bind(next);
    }
    remember(decision);
    return install(next, decision.value.restart, keeps);
  }
  if (rank) {
    remember(decision);
    return install(next, decision.value.restart, false);
  }
  // A later view of the chain: it is settled now by its own ballot, if this name is in it. Nothing was promised in it: a promise is
  // on disk behind the view.
  if (returning && next.id > disk.installed->id) bind(next);
}

void Engine::Parts::remember(const Decision& decision) {
  decisions.push_back(decision);
  if (decisions.size() > config.decisions_kept) decisions.pop_front();
}

void Engine::Parts::install(const View& next, bool restart, bool state_kept) {
  tell_of_the_gone(next);
  withdraw_answers();
  const Rank own = *next.rank_of(self);
  const bool forced = restart && !next.forced.empty() && next.forced.back().epoch == next.id.epoch;
  ViewInstalled event{next, {}, {}, restart, forced};
  bool lease_may_last = !in_view && !restart && next.id.number > 1;  // a joiner can't know who is out
  if (in_view) {
    for (const Member& member : in_view->view.members) {
      if (next.rank_of(member.node)) continue;
      event.left.push_back(member.node);
      const FailureDetector::Peer* peer = detector.find(member.node.name);
      const bool leaves = peer != nullptr && peer->node == member.node && peer->heartbeat.leaving;
      if (leaves) continue;
      lease_may_last = lease_may_last || !detector.gone(member.node);
      note_exclusion(member.node.name);
    }
  }
  for (const Member& member : next.members) {
    if (!in_view || !in_view->view.rank_of(member.node)) event.joined.push_back(member.node);
    mutual_since.erase(member.node.name);
  }
  if (!state_kept) {
    for (Outcomes& lane : outcomes) lane.abandon(out.events);
    directory = Directory(config);
    std::fill(cut_end.begin(), cut_end.end(), std::nullopt);
  }
  for (std::size_t i = 0; i < audited.size(); ++i) audited[i] = state_kept && in_view ? in_view->audits[i].digest() : 0;
  settle_log(in_view ? in_view->view.id : ViewId{}, std::nullopt);
  if (next.at(own).loaded) disk.log_reaches = next.id;
  log_copy.reset();
  recovering.reset();
  disk.installed = next;
  disk.promised = {};
  disk.accepted.reset();
  persist();
  if (!in_view) complete_at = now;
  returning = false;
  force_until.reset();
  exclusion.reset();
  forming.reset();
  first_view.reset();
  coordinator.reset();
  seen_round = 0;
  backoff = Duration{0};
  late_ballots = 0;
  retry_at = now;
  was_blocked = false;
  reunion_until = now;
  ++view_changes;

  View counted = next;
  const Rank configured = tie_breaker_of(config, next);
  if (configured != next.tie_breaker && mutant(Mutant::tie_breaker_of_configuration)) counted.tie_breaker = configured;
  auto fresh = std::make_unique<InView>(std::move(counted), own);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    fresh->lanes.emplace_back(fresh->view, next.sequencers[i]);
    fresh->fifo.emplace_back();
    fresh->audits.emplace_back(next.id, audited[i]);
    fresh->fetch.emplace_back(next.size() + 1);
    fresh->load.emplace_back(next.size());
  }
  fresh->to_send.resize(outcomes.size());
  fresh->unstored.resize(outcomes.size());
  fresh->lag.assign(outcomes.size(), std::vector<InView::Lag>(next.size(), InView::Lag{Seq{}, now}));
  fresh->hears.resize(next.size());
  fresh->known.resize(next.size());
  fresh->order_progress.assign(outcomes.size(), now);
  fresh->order_seen.resize(outcomes.size());
  fresh->busier.resize(outcomes.size());
  fresh->load_looked = now;
  fresh->loaded = next.at(own).loaded;
  fresh->complete = next.has_names(config.peers);
  fresh->installed_by.insert(own);
  fresh->installed_at = now;
  fresh->leases = config.lease;
  for (const Member& member : next.members) {
    const FailureDetector::Peer* peer = detector.find(member.node.name);
    if (peer != nullptr && peer->node == member.node) fresh->leases = std::max(fresh->leases, peer->heartbeat.lease);
  }
  fresh->confirm_from = lease_may_last ? now + next.leases_end_after : now;
  // Nor has the former view seen the last of those that were left out before.
  if (in_view) fresh->confirm_from = std::max(fresh->confirm_from, in_view->confirm_from);
  fresh->member_lost = (!event.left.empty() || (in_view && in_view->member_lost)) && !mutant(Mutant::lost_member_not_told);
  in_view = std::move(fresh);
  doubt_what_was_told_before_waking();
  forget_strangers();

  const std::vector<NodeId> gone = event.left;
  emit(std::move(event));
  const bool told = state_kept && !mutant(Mutant::failure_not_in_groups);
  if (told) directory.nodes_left(gone, {next.id.epoch, next.id.number, Lane{}, Seq{}}, out.events);
  const bool somebody_needs_state = std::any_of(next.members.begin(), next.members.end(), [](const Member& m) { return !m.loaded; });
  if (in_view->loaded && stores() && somebody_needs_state) in_view->snapshot = std::make_shared<const DirectoryState>(directory.snapshot());
  if (in_view->loaded) loaded_now();
  else become(ComponentState::joining);
  take_early();
  heartbeat();
  give_snapshot();
}

/// Frames that came before their view.
void Engine::Parts::take_early() {
  early_bytes.clear();
  for (Frame& frame : std::exchange(early, {})) loopback.push_back(std::move(frame));
}

void Engine::Parts::loaded_now() {
  in_view->loaded = true;
  become(ComponentState::primary);
  release_held_back();
  if (std::exchange(writable_wanted, false)) emit(Writable{});
}

void Engine::Parts::release_held_back() {
  if (waiting_ops.empty() || !operational() || component != ComponentState::primary) return;
  for (DirectoryOps& ops : std::exchange(waiting_ops, {})) {
    Chunk chunk;
    chunk.count = static_cast<std::uint32_t>(ops.size());
    chunk.ops = std::make_shared<const DirectoryOps>(std::move(ops));
    (void)publish(std::move(chunk));
  }
}

// ---------------------------------------------------------------- state transfer

void Engine::Parts::give_snapshot() {
  InView& v = *in_view;
  if (!v.snapshot || v.wedged) return;
  // The most senior loaded holder gives; each next one only when those before it had their time.
  std::uint32_t before = 0;
  for (const Rank rank : payload_holders(v.view)) before += rank < v.self ? 1u : 0u;
  if (now - v.installed_at < config.suspect_after_min * before) return;
  bool lacking = false;
  const bool again = v.snapshot_sent == TimePoint{} || now - v.snapshot_sent >= snapshot_again_after;
  for (const Member& member : v.view.members) {
    if (member.loaded || member.witness) continue;
    const FailureDetector::Peer* peer = detector.find(member.node.name);
    if (peer != nullptr && peer->node == member.node && peer->heartbeat.view == v.view.id && peer->heartbeat.loaded) continue;
    lacking = true;
    if (!again) continue;
    const DirectoryState& state = *v.snapshot;
    send(member.node, Snapshot{v.view.id, mutant(Mutant::snapshot_late) ? directory.snapshot() : state, ends.all(), !durable_log.empty(), audited}, true);
  }
  if (again) v.snapshot_sent = now;
  if (!lacking) v.snapshot.reset();
}

void Engine::Parts::on_frame(const Frame& frame, const Snapshot& snapshot) {
  if (in_view->loaded || in_view->wedged || in_view->state_given || !stores()) return;
  in_view->state_given = snapshot;
  // What was durable is part of the state: who is loaded may be one of those that a promise stands on.
  const bool copies = (snapshot.logged || !durable_log.empty()) && !mutant(Mutant::state_without_the_log);
  copy_log(in_view->view.id, std::vector<NodeId>(copies ? outcomes.size() : 0, frame.from));
  if (!log_copy) load();
}

// The disk needs no waiting for: this node has a vote in the next view only, which it promises behind these writes.
void Engine::Parts::load() {
  directory = Directory::from(in_view->state_given->directory, config);
  ends.learn(in_view->state_given->ends);
  for (std::size_t i = 0; i < audited.size() && i < in_view->state_given->audited.size(); ++i) {
    if (mutant(Mutant::joiner_audits_from_nothing)) break;
    audited[i] = in_view->state_given->audited[i];
    in_view->audits[i] = LaneAudit(in_view->view.id, audited[i]);
  }
  in_view->state_given.reset();
  disk.log_reaches = in_view->view.id;
  persist();
  loaded_now();
  heartbeat();
}

}  // namespace vsync::protocol
