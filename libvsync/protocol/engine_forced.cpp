// A forced primary: an operator ends a view without a set that may go on. And what that parts: histories that never merge, of which an
// operator gives one up.

#include <algorithm>

#include "protocol/engine_parts.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

// ---------------------------------------------------------------- forcing a primary

std::optional<ForceError> Engine::Parts::not_to_be_forced() const {
  const View* view = bound_view();
  if (view == nullptr) return disk.installed ? ForceError::no_place : ForceError::no_view;
  // Those that are heard may be enough and yet not hear each other: then nobody is primary.
  if (in_view && may_go_on(*view, unsuspected()) && clique(unsuspected())) return ForceError::goes_on;
  const auto there = present();
  if (!there) return ForceError::primary_is_heard;
  if (!may_go_on(with_votes_of(*view, there->ranks), there->ranks)) return ForceError::no_state;
  if (view->forced.size() >= forced_max) return ForceError::too_often;
  return std::nullopt;
}

void Engine::Parts::try_force() {
  if (now >= *force_until || not_to_be_forced()) {
    force_until.reset();
    return;
  }
  if (now < retry_at) return;
  auto there = present();
  const Forced forced{{}, bound_view()->id, self.name, (now.time_since_epoch() + wall).count()};
  start_ballot(std::move(there->acceptors), true, false, forced);
}

// ---------------------------------------------------------------- parted histories

std::optional<ViewId> Engine::Parts::parted_from(const Lineage& other) const {
  const View* own = bound_view();
  return own == nullptr ? std::nullopt : parted_at({own->id, own->forced}, other);
}

/// Who is in no view, nor bound to one, has no history.
std::optional<ViewId> Engine::Parts::parted_from(const FailureDetector::Peer& peer) const {
  return peer.heartbeat.view == ViewId{} ? std::nullopt : parted_from(Lineage{peer.heartbeat.view, peer.heartbeat.forced});
}

/// Of the view in which they parted each history may have kept another part.
std::optional<Position> Engine::Parts::common_with_others() const {
  std::optional<ViewId> earliest;
  for (const auto& [name, peer] : detector.peers()) {
    const auto at = parted_from(peer);
    if (at && detector.hears(now, peer)) earliest = std::min(earliest.value_or(*at), *at);
  }
  return earliest ? std::optional(Position{earliest->epoch, earliest->number, Lane{}, Seq{}}) : std::nullopt;
}

/// This node gives its history up, to take the other one's: it comes back as one that has never been anywhere. A view that it has accepted
/// from its disk may be decided, and counts on what that disk holds: it lists another node.
void Engine::Parts::discard() {
  if (in_view) {
    rejoin(Seq{}, common_with_others());
  } else {
    become_a_new_node();
  }
  disk.installed.reset();
  disk.accepted.reset();
  disk.promised = {};
  disk.cluster = {};
  disk.log_reaches = {};
  returning = false;
  force_until.reset();
  exclusion.reset();
  coordinator.reset();
  forming.reset();
  log_copy.reset();
  recovering.reset();
  silent_until = persist();
  // Behind that: a log that is cut must not pass for whole.
  for (std::size_t lane = 0; lane < outcomes.size(); ++lane) log(LogCutBack{Lane{static_cast<std::uint16_t>(lane)}, std::nullopt});
}

/// A position of a history that is parted from this one: the last of this one that it may have in common with it.
std::optional<Position> Engine::Parts::end_of_common(const Position& position) const {
  const ViewId id{position.epoch, position.view};
  for (const Forced& forced : in_view->view.forced) {
    if (id <= forced.from || id.epoch.number > forced.epoch.number || id.epoch == forced.epoch) continue;
    return ends.common_part(Position{forced.from.epoch, forced.from.number, position.lane, Seq{~std::uint64_t{0}}});
  }
  return position.epoch > in_view->view.id.epoch ? std::optional(Position{}) : std::nullopt;
}

}  // namespace vsync::protocol
