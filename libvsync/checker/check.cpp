#include "checker/check.hpp"

#include <string_view>

#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

struct Safety {
  std::string_view name;
  void (*holds)(const History&, Report&);
};
constexpr Safety safety[] = {
    {"self_inclusion", self_inclusion},
    {"view_ids_grow", view_ids_grow},
    {"one_id_one_content", one_id_one_content},
    {"versions_are_spoken_by_all", versions_are_spoken_by_all},
    {"one_ballot_one_value", one_ballot_one_value},
    {"promises_are_kept", promises_are_kept},
    {"single_primary_chain", single_primary_chain},
    {"chosen_by_the_old_view", chosen_by_the_old_view},
    {"members_agreed", members_agreed},
    {"wedged_delivers_only_the_cut", wedged_delivers_only_the_cut},
    {"delivered_in_its_view", delivered_in_its_view},
    {"integrity", integrity},
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
    {"uniform_marks_not_early", uniform_marks_not_early},
    {"safe_marks_not_early", safe_marks_not_early},
    {"uniform_is_never_lost", uniform_is_never_lost},
    {"durable_marks_not_early", durable_marks_not_early},
    {"durable_survives", durable_survives},
    {"outcomes_true", outcomes_true},
    {"rejected_is_nowhere", rejected_is_nowhere},
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
};

}  // namespace

std::vector<Violation> check(const Trace& trace, const Options& options) {
  const History history(trace);
  std::vector<Violation> violations;
  for (const Safety& property : safety) {
    Report report(std::string(property.name), options.violations_max, violations);
    property.holds(history, report);
  }
  for (const Timed& property : timed) {
    if (!options.lease) break;
    Report report(std::string(property.name), options.violations_max, violations);
    property.holds(history, *options.lease, report);
  }
  if (!options.liveness) return violations;
  for (const Progress& property : progress) {
    Report report(std::string(property.name), options.violations_max, violations);
    property.holds(history, *options.liveness, report);
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

}  // namespace vsync::checker
