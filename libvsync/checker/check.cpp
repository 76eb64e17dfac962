#include "checker/check.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "checker/parted.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

/// What a property infers from the absence of an event, or from the order of events of different nodes.
enum class Needs : std::uint8_t { nothing, whole, one_clock, both };

constexpr std::string_view across_histories = "forced_primaries_stay_recorded";

struct Safety {
  std::string_view name;
  void (*holds)(const History&, Report&);
  Needs needs = Needs::nothing;
};
constexpr Safety safety[] = {
    {"self_inclusion", self_inclusion},
    {"view_ids_grow", view_ids_grow},
    {"one_id_one_content", one_id_one_content},
    {"versions_are_spoken_by_all", versions_are_spoken_by_all},
    {"votes_are_earned", votes_are_earned},
    {"one_ballot_one_value", one_ballot_one_value},
    {"promises_are_kept", promises_are_kept},
    {"single_primary_chain", single_primary_chain},
    {across_histories, forced_primaries_stay_recorded},
    {"chosen_by_the_old_view", chosen_by_the_old_view, Needs::whole},
    {"members_agreed", members_agreed, Needs::whole},
    {"wedged_delivers_only_the_cut", wedged_delivers_only_the_cut},
    {"delivered_in_its_view", delivered_in_its_view},
    {"integrity", integrity, Needs::whole},
    {"fifo_without_duplicates", fifo_without_duplicates},
    {"total_order_without_holes", total_order_without_holes},
    {"virtual_synchrony", virtual_synchrony},
    {"causality", causality},
    {"group_views_identical", group_views_identical},
    {"replicas_found_alike", replicas_found_alike},
    {"resync_names_what_was_lost", resync_names_what_was_lost},
    {"fifo_publisher_order", fifo_publisher_order},
    {"fifo_delivered_once", fifo_delivered_once},
    {"fifo_virtual_synchrony", fifo_virtual_synchrony},
    {"uniform_marks_not_early", uniform_marks_not_early, Needs::both},
    {"safe_marks_not_early", safe_marks_not_early, Needs::both},
    {"marks_wait_for_leases", marks_wait_for_leases, Needs::both},
    {"safe_marks_tell_of_losses", safe_marks_tell_of_losses},
    {"marks_follow_deliveries", marks_follow_deliveries},
    {"uniform_is_never_lost", uniform_is_never_lost},
    {"durable_marks_not_early", durable_marks_not_early, Needs::both},
    {"durable_survives", durable_survives, Needs::one_clock},
    {"outcomes_true", outcomes_true},
    {"rejected_is_nowhere", rejected_is_nowhere, Needs::whole},
    {"delivered_once", delivered_once},
    {"session_order", session_order},
};

struct Timed {
  std::string_view name;
  void (*holds)(const History&, protocol::Duration, Report&);
};
constexpr Timed timed[] = {
    {"lease_bounds_what_is_lost", lease_bounds_what_is_lost},
    {"doubts_itself_after_a_pause", doubts_itself_after_a_pause},
};

struct Progress {
  std::string_view name;
  void (*holds)(const History&, const Liveness&, Report&);
};
constexpr Progress progress[] = {
    {"settles_on_the_connected", settles_on_the_connected}, {"nobody_waits", nobody_waits},
    {"everything_resolved", everything_resolved},           {"same_end", same_end},
    {"fifo_same_end", fifo_same_end},                       {"quiet_when_idle", quiet_when_idle},
    {"left_out_and_says_so", left_out_and_says_so},
};

const char* why_not(Needs needs, const Options& options) {
  if (options.partial && (needs == Needs::whole || needs == Needs::both)) {
    return "needs whole traces of all daemons: what makes it true may be what isn't shown";
  }
  if (!options.one_clock && (needs == Needs::one_clock || needs == Needs::both)) {
    return "needs traces of one clock: it compares times of different daemons";
  }
  return nullptr;
}

/// The connected nodes are in one history at the end; nobody says that another one lives.
bool lives_on(const Trace& trace, const Liveness& liveness) {
  const auto connected = [&](const protocol::NodeId& node) {
    return std::find(liveness.connected.begin(), liveness.connected.end(), node) != liveness.connected.end();
  };
  return std::none_of(trace.events.begin(), trace.events.end(),
                      [&](const TraceEvent& event) { return std::holds_alternative<Crashed>(event.body) && connected(event.node); });
}

void check_one_history(const Trace& trace, const Options& options, std::vector<Violation>& violations) {
  const History history(trace, options);
  const auto judge = [&](std::string_view name, auto holds) {
    Report report(std::string(name), options.violations_max, violations);
    holds(report);
  };
  for (const Safety& property : safety) {
    if (why_not(property.needs, options) != nullptr) continue;
    judge(property.name, [&](Report& report) { property.holds(history, report); });
  }
  for (const Timed& property : timed) {
    if (options.lease) judge(property.name, [&](Report& report) { property.holds(history, *options.lease, report); });
  }
  for (const Progress& property : progress) {
    if (options.liveness) judge(property.name, [&](Report& report) { property.holds(history, *options.liveness, report); });
  }
}

}  // namespace

std::vector<Violation> check(const Trace& trace, const Options& options) {
  std::vector<Violation> violations;
  const std::vector<Trace> histories = parted_histories(trace);
  if (histories.empty()) {
    check_one_history(trace, options, violations);
    return violations;
  }
  Report report(std::string(across_histories), options.violations_max, violations);
  forced_primaries_stay_recorded(History(trace, options), report);
  for (const Trace& history : histories) {
    Options of_this = options;
    if (options.liveness && !lives_on(history, *options.liveness)) of_this.liveness.reset();
    check_one_history(history, of_this, violations);
  }
  return violations;
}

std::vector<std::string> property_names() {
  std::vector<std::string> names;
  for (const Safety& property : safety) names.emplace_back(property.name);
  for (const Timed& property : timed) names.emplace_back(property.name);
  for (const Progress& property : progress) names.emplace_back(property.name);
  return names;
}

std::vector<NotJudged> not_judged(const Options& options) {
  std::vector<NotJudged> found;
  const auto add = [&](std::string_view name, const char* why) {
    if (why != nullptr) found.push_back({std::string(name), why});
  };
  for (const Safety& property : safety) add(property.name, why_not(property.needs, options));
  for (const Timed& property : timed) add(property.name, options.lease ? nullptr : "needs the lease, which no trace tells");
  for (const Progress& property : progress) {
    add(property.name, options.liveness ? nullptr : "is about the end of a run whose faults have stopped");
  }
  return found;
}

}  // namespace vsync::checker
