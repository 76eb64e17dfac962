// The engine compares its replica with those of the other members, and leaves with its own if that is the wrong one.

#include <algorithm>

#include "protocol/engine_parts.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

namespace {

/// Heartbeats that everybody's trail has to arrive with, once a difference is known.
constexpr int trail_heartbeats = 4;
/// And after which it is told that nobody can be named yet.
constexpr int undecided_heartbeats = 40;

}  // namespace

std::vector<std::vector<AuditPlace>> Engine::Parts::audit_told() const {
  std::vector<std::vector<AuditPlace>> lanes;
  if (!operational() || !in_view->loaded || !stores()) return lanes;
  for (const LaneAudit& lane : in_view->audits) lanes.push_back(in_view->audit.found() ? lane.trail() : lane.latest());
  return lanes;
}

void Engine::Parts::compare(const NodeId& from, const Heartbeat& heartbeat) {
  InView& v = *in_view;
  const auto rank = v.view.rank_of(from);
  if (!rank || !operational() || !v.loaded || !stores() || !config.self_audit) return;
  for (std::size_t i = 0; i < v.audits.size() && i < heartbeat.audit.size(); ++i) {
    v.audit.heard(*rank, Lane{static_cast<std::uint16_t>(i)}, v.audits[i], heartbeat.audit[i]);
  }
  if (!v.audit_alarm && difference()) v.audit_alarm = now;
}

/// Among those that have a say: whoever was named and is needed all the same has none any more.
std::optional<Divergence> Engine::Parts::difference() const {
  const InView& v = *in_view;
  if (!v.audit.found() || v.wrong.contains(v.self)) return std::nullopt;
  return divergence(v.view, v.audit.told(v.self, v.audits[v.audit.found()->value]), payload_holders(v.view).minus(v.wrong));
}

void Engine::Parts::tell(const Divergence& found) {
  const InView& v = *in_view;
  const auto at = [&](Seq seq) { return Position{v.view.id.epoch, v.view.id.number, *v.audit.found(), seq}; };
  Diverged event{at(found.agreed.value_or(Seq{})), at(found.differs), {}};
  for (const Rank rank : found.wrong) event.wrong.push_back(v.view.at(rank).node);
  emit(std::move(event));
}

// Whoever finds itself wrong waits longer, so that the others have judged before it is gone. A minority judges nobody: it may be the one
// that is wrong, and its members are needed as they are when the others come back.
void Engine::Parts::judge() {
  InView& v = *in_view;
  if (!v.audit_alarm || v.wedged || doubt_since || !may_go_on(v.view, unsuspected())) return;
  const Duration age = now - *v.audit_alarm;
  if (age < config.heartbeat_every * trail_heartbeats) return;
  const auto found = difference();
  if (!found) {
    v.audit_alarm.reset();
    return;
  }
  if (found->wrong.empty()) {
    if (age >= config.heartbeat_every * undecided_heartbeats && !std::exchange(v.told_undecided, true)) tell(*found);
    return;
  }
  // A view that can't go on without them keeps them: then it is for the operator to say.
  const bool go = may_go_on(v.view, unsuspected().minus(found->wrong));
  if (found->wrong.contains(v.self) && go) {
    if (age >= config.heartbeat_every * (2 * trail_heartbeats)) rejoin(kept_in(in_view->view));
    return;
  }
  tell(*found);
  v.wrong |= found->wrong;
  if (go) v.unlike |= found->wrong;
  v.audit_alarm.reset();
}

/// (going on to `next`) Others were quicker to judge, and the view goes on without the wrong ones before this node has waited as long: it
/// tells of them now or never. Those that go along are found in `next` again.
void Engine::Parts::tell_of_the_gone(const View& next) {
  if (!in_view || !in_view->audit_alarm) return;
  const auto found = difference();
  const auto is_gone = [&](Rank rank) { return !next.rank_of(in_view->view.at(rank).node); };
  if (found && std::any_of(found->wrong.begin(), found->wrong.end(), is_gone)) tell(*found);
}

/// (leaving the view) What the log has behind the last position at which this replica was like the others may not be what was ordered, all
/// of it if there is none in this view. With such a log a vote could make a history that lacks what was durable: this node comes back as
/// one with a new disk. That is on disk before the log is cut, which must not pass for whole.
void Engine::Parts::distrust_log(const Divergence& found) {
  LogCutBack cut{*in_view->audit.found(), std::nullopt};
  if (found.agreed) cut.keep = Position{in_view->view.id.epoch, in_view->view.id.number, cut.lane, *found.agreed};
  disk.installed.reset();
  disk.promised = {};
  disk.accepted.reset();
  disk.cluster = {};
  disk.log_reaches = {};
  persist();
  log(cut);
}

void Engine::Parts::flip_once(Seq first, Chunk& chunk) {
  if (flipped || self.name != "c" || first < Seq{200} || chunk.payload.size() == 0) return;
  flipped = true;
  const auto bytes = chunk.payload.bytes();
  std::vector<std::byte> other(bytes.begin(), bytes.end());
  other.back() ^= std::byte{0x40};  // of a digit this makes a letter
  chunk.payload = Payload(std::move(other));
}

}  // namespace vsync::protocol
