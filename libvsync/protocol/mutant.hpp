#pragma once
// Deliberate faults for the test of the tests. In production `mutant()` is constexpr false and costs nothing; the library built with
// VSYNC_MUTANTS lets a test switch one rule off and see that an ordinary simulation notices.

#include <cstddef>
#include <cstdint>

namespace vsync::protocol {

enum class Mutant : std::uint8_t {
  none,
  majority_of_members_only,       // a value counts as chosen once the next view's members accepted it
  ignore_accepted_value,          // a coordinator proposes its own value over one that may be chosen
  promise_not_kept,               // an acceptor accepts below its promise
  promise_not_persisted,          // promises and acceptances leave before they are on disk
  no_wedge,                       // a member goes on delivering after it answered
  no_fetch_before_accept,         // the cut is accepted before everyone holds it
  cut_ignores_holdings,           // the cut is the coordinator's own prefix
  cut_without_tail,               // unordered messages are forgotten at a view change
  tail_keeps_orphan_causes,       // messages that answer a lost position stay
  half_without_tie_breaker,       // any half may go on
  deliver_without_payload_gap,    // a missing payload is skipped
  order_gap_ignored,              // order records are applied beyond a gap
  stale_view_accepted,            // data stamped with another view is taken
  ack_of_other_view,              // acknowledgements of another view count
  uniform_at_one,                 // uniform as soon as the publisher's own daemon holds it
  safe_at_uniform,                // safe as soon as uniform
  stable_too_early,               // chunks are forgotten when a majority holds them
  no_lease,                       // a sequencer orders without proof that it is heard
  two_sequencers,                 // the old sequencer goes on after a hand-off
  duplicate_session_numbers,      // retries are delivered again
  learner_delivers_unloaded,      // a joiner hands messages out before it has the state
  snapshot_late,                  // the snapshot is taken later than it claims
  excluded_keeps_identity,        // an excluded node comes back as if nothing happened
  minority_forms,                 // a formation without all configured peers
  restart_ignores_disk,           // a restart formation doesn't adopt what the disks accepted
  no_self_doubt,                  // a paused node trusts itself at once
  outcome_before_uniform,         // ok is told at delivery
  leave_without_cut,              // a leaver's last messages are not in the cut
  durable_before_disk,            // durable as soon as it is held
  cut_not_stored,                 // the cut is confirmed before its durable messages are on disk
  disks_not_compared,             // a restart formation takes the first disk's log and not the longest
  fifo_overtakes,                 // a fifo message doesn't wait for its publisher's earlier ordered ones
  fifo_again_at_its_place,        // what was handed out ahead is handed out again where it stands in the order
  fifo_forgotten_at_the_cut,      // fifo messages that a view ends before are not handed out
  flips_a_payload,                // a daemon named c hands out one payload with a flipped bit
  raised_too_early,               // a view is spoken in a version that not every member speaks
  any_version_joins,              // a joiner is admitted that doesn't speak the view's version
  version_lowered,                // a view is spoken in an older version than the one before
  own_lease_only,                 // a view waits for the lease of its own configuration, and not for what was acknowledged
  count_,
  speaks_the_next_version,        // breaks nothing: a program of the next release
};

inline constexpr std::size_t mutant_count = static_cast<std::size_t>(Mutant::count_);

#if defined(VSYNC_MUTANTS)
inline Mutant active_mutant = Mutant::none;
inline bool mutant(Mutant which) { return active_mutant == which; }
#else
constexpr bool mutant(Mutant) { return false; }
#endif

}  // namespace vsync::protocol
