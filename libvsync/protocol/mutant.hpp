#pragma once
// Deliberate faults for the test of the tests. In production `mutant()` is consteval false and costs nothing; the library built with
// VSYNC_MUTANTS lets a test switch one rule off and see that an ordinary simulation notices.

#include <cstddef>
#include <cstdint>

#if defined(VSYNC_MUTANTS)
#include <bitset>
#endif

namespace vsync::protocol {

/// The rules of the design, by its sections, each with the name of the fault that an engine has without it.
// clang-format off
#define VSYNC_RULES(rule) \
  rule(half_without_tie_breaker, "3 Primary", "of two halves only the one with the tie-breaker may go on") \
  rule(weights_ignored, "3 Primary", "more than half of the weight, not of the heads") \
  rule(min_weight_ignored, "3 Primary", "a set that may go on weighs at least min_weight") \
  rule(holder_not_required, "3 Primary", "a loaded payload holder is in every set that may go on") \
  rule(tie_breaker_of_configuration, "3 Primary", "the rules read nothing but the view; configuration only proposes") \
  rule(witness_holds_payload, "3 Primary", "a witness votes, but stores nothing") \
  rule(learner_is_a_holder, "3 Primary", "who isn't loaded holds no state to go on from") \
  rule(learner_votes_at_once, "3 Primary", "learners have weight 0") \
  rule(weight_before_state, "3 Primary", "a learner gets its weight when it is loaded") \
  rule(stale_view_accepted, "3 Words", "what is stamped with another view is dropped") \
  rule(minority_forms, "3 Formation", "a first view has all configured peers") \
  rule(bootstraps_again, "3 Formation", "bootstrap is refused where a view was installed") \
  rule(lower_ballot_answered, "3 View change 1", "no ballot lower than the promised one is answered") \
  rule(promise_not_kept, "3 View change 1", "no ballot lower than the promised one is accepted") \
  rule(promise_not_persisted, "3 View change 1", "a promise and an accepted value are on disk before they leave") \
  rule(no_wedge, "3 View change 1", "who has answered delivers nothing but the decided cut") \
  rule(publishes_while_wedged, "3 View change 1", "local publishers are held back while wedged") \
  rule(hasty_choice, "3 View change 2", "every node that isn't suspected is waited for, or T") \
  rule(ignore_accepted_value, "3 View change 2", "an accepted value that may have been chosen is adopted") \
  rule(failure_blended_in, "3 View change 2", "it is adopted unchanged") \
  rule(cut_ignores_holdings, "3 View change 2", "the cut is made of what all answers hold") \
  rule(no_fetch_before_accept, "3 View change 3", "who goes on holds the whole cut before it is accepted") \
  rule(cut_not_stored, "3 View change 3", "and has its durable messages on disk") \
  rule(gathers_for_ever, "3 View change 3", "without a confirmation within T there is a new round") \
  rule(majority_of_members_only, "3 View change 4", "a value is chosen by a set of the old view, not of the next one") \
  rule(wedge_ends_with_the_ballot, "3 View change", "a wedge ends by a decision only") \
  rule(wedge_is_no_reason, "3 View change", "a wedged member is a reason for a ballot") \
  rule(decision_not_shown, "3 View change 5", "who missed a decision is shown it") \
  rule(round_used_again, "3 View change", "ballots are retried with higher rounds") \
  rule(leave_without_cut, "3 View change", "a leaver's last messages are in the cut") \
  rule(learner_stays_one, "3 View change", "a learner gets its weight in a later change") \
  rule(cut_keeps_what_is_lost, "3 Cut", "the order is kept up to the first payload that no answer holds") \
  rule(cut_without_tail, "3 Cut", "everything else that is held is delivered behind it") \
  rule(tail_keeps_orphan_causes, "3 Cut", "what may answer a lost position is left out") \
  rule(shortest_prefix_kept, "3 Cut", "the cut has the longest prefix of each publisher that an answer holds") \
  rule(fifo_forgotten_at_the_cut, "3 Cut", "fifo messages are delivered before the next view") \
  rule(suspicion_sticks, "3 Who is out", "a suspicion is retractable") \
  rule(successor_proves_nothing, "3 Who is out", "a higher incarnation proves the old one dead") \
  rule(members_need_not_hear, "3 Who is out", "members of a view hear each other, both ways") \
  rule(joiner_need_not_hear, "3 Who is out", "and so does who is admitted") \
  rule(blocked_gives_up, "3 Return", "blocked members that meet again discard nothing") \
  rule(excluded_keeps_identity, "3 Return", "who was left out comes back as a new node") \
  rule(admitted_at_once_again, "3 Return", "who was left out again and again waits for longer each time") \
  rule(resync_not_told, "3 Return", "and tells its applications") \
  rule(orphans_not_named, "3 Return", "what it delivered in vain is named") \
  rule(no_self_doubt, "3 Return", "after a pause longer than the lease a node doubts itself") \
  rule(successor_votes, "3 Restart", "a new incarnation has no vote in its predecessor's view") \
  rule(restart_ignores_disk, "3 Restart", "restarted names answer with what their disks accepted") \
  rule(restart_keeps_the_epoch, "3 Restart", "a restart formation begins an epoch") \
  rule(living_before_disks, "3 Restart", "memories and disks count alike") \
  rule(disks_not_compared, "3 Restart", "the longest log is taken") \
  rule(any_log_is_whole, "3 Restart", "only a log that lacks nothing before the view counts") \
  rule(log_not_cut_back, "3 Restart", "a log is cut back to the history that goes on") \
  rule(provisional_entries_dropped, "3 Restart", "the entries of the deciding ballot stand") \
  rule(state_without_the_log, "3 Restart", "who is loaded has the log") \
  rule(force_not_recorded, "3 Restart", "a forced primary is recorded in the view") \
  rule(deliver_without_payload_gap, "4 Order", "a stream has no holes") \
  rule(order_gap_ignored, "4 Order", "order records are applied without holes") \
  rule(two_sequencers, "4 Order", "a hand-off ends the sequencer's own term") \
  rule(no_lease, "4 Lease", "a sequencer orders only under a lease") \
  rule(lease_from_arrival, "4 Lease", "a lease counts from the sending of what was acknowledged") \
  rule(held_without_payload, "4 Holding", "holding a position means having its payload") \
  rule(held_without_order, "4 Holding", "and its order record") \
  rule(ack_of_other_view, "4 Holding", "acknowledgements are void in another view") \
  rule(uniform_at_one, "4 Holding", "uniform is what a uniform set holds") \
  rule(safe_at_uniform, "4 Holding", "safe is what all payload holders hold") \
  rule(durable_before_disk, "4 Holding", "durable is what a uniform set has on disk") \
  rule(stable_too_early, "4 Holding", "stable is what all members hold") \
  rule(witness_must_hold, "4 Holding", "but no witness") \
  rule(learners_need_nothing, "4 Holding", "learners among them") \
  rule(forgets_undelivered, "4 Holding", "what isn't delivered isn't forgotten") \
  rule(marked_before_delivery, "4 Holding", "a mark comes behind what it confirms") \
  rule(cut_uniform_at_once, "4 Holding", "the cut is uniform when a uniform set has installed the next view") \
  rule(cut_safe_at_once, "4 Holding", "and safe when all its payload holders have") \
  rule(lost_member_not_told, "4 Holding", "a mark says that a member was lost before") \
  rule(outcome_before_uniform, "4 Outcome", "ok is told when the publish is uniform") \
  rule(unresolved_not_told, "4 Outcome", "every publish gets an outcome") \
  rule(window_not_bounded, "4 Flow control", "one window bounds what is unstable") \
  rule(credit_never_returned, "4 Flow control", "publishers are told when they may go on") \
  rule(laggard_stays, "4 Flow control", "who does not keep up is left out") \
  rule(flips_a_payload, "4 Self-audit", "a payload that one member got wrong is found") \
  rule(joiner_audits_from_nothing, "4 Self-audit", "digests begin alike") \
  rule(fifo_overtakes, "1 Levels", "a fifo message waits for its publisher's earlier ones") \
  rule(fifo_again_at_its_place, "1 Levels", "and is handed out once") \
  rule(expires_without_a_record, "5 Directory", "a session ends by an ordered record only") \
  rule(failure_not_in_groups, "5 Directory", "a member's failure becomes new views of its groups") \
  rule(learner_delivers_unloaded, "5 State", "a joiner's stream begins behind its snapshot") \
  rule(snapshot_late, "5 State", "the snapshot is the state at the position it names") \
  rule(session_table_not_in_snapshot, "5 State", "sessions' numbers are part of it") \
  rule(ended_sessions_not_in_snapshot, "5 State", "so are the sessions that have ended") \
  rule(group_numbers_not_in_snapshot, "5 State", "and the numbers of group views") \
  rule(duplicate_session_numbers, "5 Sessions", "a number that isn't above the last is a marker") \
  rule(retry_reports_its_own_place, "5 Sessions", "a retry reports the position of the first copy") \
  rule(ended_session_revived, "5 Sessions", "what comes late opens no session that has ended") \
  rule(raised_too_early, "7 Version", "a version is raised when every member speaks it") \
  rule(any_version_joins, "7 Version", "who doesn't speak the view's version doesn't join") \
  rule(version_lowered, "7 Version", "a version is never lowered")
// clang-format on

enum class Mutant : std::uint8_t {
  none,
#define VSYNC_NAME(name, section, rule) name,
  VSYNC_RULES(VSYNC_NAME)
#undef VSYNC_NAME
  count_,
  speaks_the_next_version,  ///< breaks nothing: a program of the next release
};

inline constexpr std::size_t mutant_count = static_cast<std::size_t>(Mutant::count_);

#if defined(VSYNC_MUTANTS)
inline Mutant active_mutant = Mutant::none;
/// Rules that were asked for since this was reset. An engine without a rule that is never asked for does what one with it does.
inline std::bitset<mutant_count> rules_asked;
inline bool mutant(Mutant which) {
  if (which < Mutant::count_) rules_asked.set(static_cast<std::size_t>(which));
  return active_mutant == which;
}
#else
consteval bool mutant(Mutant) { return false; }
#endif

}  // namespace vsync::protocol
