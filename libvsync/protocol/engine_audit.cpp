// The engine compares its replica with those of the other members, and leaves with its own if that is the wrong one.

#include "protocol/engine_parts.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

namespace {

/// Heartbeats that everybody's trail has to arrive with, once a difference is known.
constexpr int trail_heartbeats = 4;

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
  if (!rank || !operational() || !v.loaded || !stores() || !config.self_audit || v.wrong.contains(*rank)) return;
  for (std::size_t i = 0; i < v.audits.size() && i < heartbeat.audit.size(); ++i) {
    v.audit.heard(*rank, Lane{static_cast<std::uint16_t>(i)}, v.audits[i], heartbeat.audit[i]);
  }
  if (v.audit.found() && !v.audit_alarm) v.audit_alarm = now;
}

RankSet Engine::Parts::wrong_now() const {
  const InView& v = *in_view;
  return wrong_ones(v.view, v.audit.told(v.self, v.audits[v.audit.found()->lane.value]), payload_holders(v.view) & unsuspected());
}

/// Tells of the difference that was found, and who is wrong.
RankSet Engine::Parts::tell_divergence() {
  const InView& v = *in_view;
  const Divergence& found = *v.audit.found();
  const RankSet wrong = wrong_now();
  const auto at = [&](Seq seq) { return Position{v.view.id.epoch, v.view.id.number, found.lane, seq}; };
  Diverged event{at(found.agreed.value_or(Seq{})), at(found.differs), {}};
  for (const Rank rank : wrong) event.wrong.push_back(v.view.at(rank).node);
  if (!wrong.empty()) emit(std::move(event));
  return wrong;
}

// Whoever finds itself wrong waits longer, so that the others have judged before it is gone.
void Engine::Parts::judge() {
  InView& v = *in_view;
  if (!v.audit_alarm || v.wedged) return;
  const Duration age = now - *v.audit_alarm;
  if (age < config.heartbeat_every * trail_heartbeats) return;
  const RankSet wrong = wrong_now();
  // A view that can't go on without them keeps them: then it is for the operator to say.
  const bool go = may_go_on(v.view, all_members(v.view).minus(wrong));
  if (wrong.contains(v.self) && go) {
    if (age >= config.heartbeat_every * (2 * trail_heartbeats)) rejoin(nullptr);
    return;
  }
  v.wrong |= tell_divergence();
  if (go) v.unlike |= wrong;
  v.audit.judged();
  v.audit_alarm.reset();
}

/// (leaving the view, with a difference unsettled) What the log has behind the last position at which this replica was like the others may
/// not be what was ordered; all of it, if none is known in this view. It comes back with theirs.
void Engine::Parts::distrust_log() {
  const Divergence& found = *in_view->audit.found();
  const ViewId& of = in_view->view.id;
  LogCutBack cut{found.lane, std::nullopt};
  if (found.agreed) cut.keep = Position{of.epoch, of.number, found.lane, *found.agreed};
  log(cut);
  disk.log_reaches = {};
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
