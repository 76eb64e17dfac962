#include "tests/simulation/step.hpp"

#include <array>

namespace vsync::simulation {
namespace {

using protocol::ComponentState;
using protocol::NodeState;
using protocol::Status;

constexpr std::array<const char*, step_count> step_names = {
    "forming", "joining", "returning", "returning_promised", "returning_accepted", "learner", "witness", "idle", "loaded",
    "sequencer", "sequencer_without_lease", "view_unconfirmed", "coordinating_answers", "coordinating_confirmations",
    "coordinating_acceptances", "answered", "answered_blocked", "fetching_cut", "accepted", "leaving", "left_out", "blocked",
    "doubting",
};
static_assert(step_names.back() != nullptr, "every step has a name here");

Step coordinating(protocol::BallotWait wait) {
  switch (wait) {
    case protocol::BallotWait::answers: return Step::coordinating_answers;
    case protocol::BallotWait::confirmations: return Step::coordinating_confirmations;
    case protocol::BallotWait::acceptances: break;
  }
  return Step::coordinating_acceptances;
}

Step returning(const Status& status) {
  if (status.accepted) return Step::returning_accepted;
  return status.promised ? Step::returning_promised : Step::returning;
}

Step wedged(const Status& status) {
  if (status.accepted) return Step::accepted;
  if (status.fetches_cut) return Step::fetching_cut;
  return status.component == ComponentState::blocked ? Step::answered_blocked : Step::answered;
}

Step operational(const Status& status) {
  const auto rank = status.view->rank_of(status.self);
  if (status.doubts) return Step::doubting;
  if (status.leaving) return Step::leaving;
  if (status.component == ComponentState::blocked) return Step::blocked;
  if (rank && status.view->at(*rank).witness) return Step::witness;
  if (!status.loaded) return Step::learner;
  if (!status.view_is_uniform) return Step::view_unconfirmed;
  if (status.sequencer == rank) return status.lease ? Step::sequencer : Step::sequencer_without_lease;
  return status.stable < status.ordered || status.unstable_bytes > 0 ? Step::loaded : Step::idle;
}

}  // namespace

const char* name_of(Step step) { return step_names[static_cast<std::size_t>(step)]; }

Step step_of(const Status& status) {
  if (status.coordinates) return coordinating(*status.coordinates);
  if (status.left_out) return Step::left_out;
  switch (status.node_state) {
    case NodeState::forming: return Step::forming;
    case NodeState::joining: return Step::joining;
    case NodeState::returning: return returning(status);
    case NodeState::wedged: return wedged(status);
    case NodeState::operational: break;
  }
  return operational(status);
}

}  // namespace vsync::simulation
