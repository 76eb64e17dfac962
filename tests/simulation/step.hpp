#pragma once
// Step: where in the protocol a node is, as its status shows it. Faults are counted by it, and aimed at it.

#include <cstddef>
#include <cstdint>

#include "protocol/engine.hpp"

namespace vsync::simulation {

enum class Step : std::uint8_t {
  forming,             ///< nothing on disk, nobody in a view is heard
  joining,             ///< waits for admission
  returning,           ///< restarted, its disk is bound to a view: waits for a restart formation or admission
  returning_promised,  ///< and its disk holds a promise there
  returning_accepted,  ///< and its disk holds an accepted value
  learner,             ///< in a view, without its state yet
  witness,
  idle,                        ///< operational, nothing is in flight
  loaded,                      ///< operational, something isn't stable yet
  sequencer,                   ///< operational, orders
  sequencer_without_lease,     ///< operational, would order if it were heard
  view_unconfirmed,            ///< operational, and doesn't know yet that enough others have installed its view
  coordinating_answers,        ///< runs a ballot, from its disk or in a view
  coordinating_confirmations,  ///< the next view's members fetch the cut
  coordinating_acceptances,
  answered,          ///< wedged by another's ballot
  answered_blocked,  ///< and a set that may go on isn't heard any more
  fetching_cut,      ///< wedged, was told the cut and lacks some of it
  accepted,          ///< wedged, has accepted a value
  leaving,           ///< was asked to leave, still a working member
  left_out,          ///< leaves, is out of the next view, and shows that to those that miss it
  blocked,           ///< in a view, not wedged, without a set that may go on
  doubting,          ///< was paused, and hasn't heard since that its side goes on
  count_,
};
inline constexpr std::size_t step_count = static_cast<std::size_t>(Step::count_);

[[nodiscard]] const char* name_of(Step step);
[[nodiscard]] Step step_of(const protocol::Status& status);

}  // namespace vsync::simulation
