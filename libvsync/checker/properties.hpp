#pragma once
// The properties, for check.cpp. Definitions and sources stand above the functions.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "checker/check.hpp"
#include "checker/history.hpp"

namespace vsync::checker {

/// Where a property tells what it found.
class Report {
 public:
  Report(std::string property, std::size_t most, std::vector<Violation>& violations)
      : property_(std::move(property)), left_(most), violations_(violations) {}
  void add(std::string text) {
    if (left_ == 0) return;
    --left_;
    violations_.push_back({property_, std::move(text)});
  }

 private:
  std::string property_;
  std::size_t left_;
  std::vector<Violation>& violations_;
};

// views.cpp
void self_inclusion(const History& history, Report& report);
void view_ids_grow(const History& history, Report& report);
void one_id_one_content(const History& history, Report& report);
void versions_are_spoken_by_all(const History& history, Report& report);
void votes_are_earned(const History& history, Report& report);
void one_ballot_one_value(const History& history, Report& report);
void promises_are_kept(const History& history, Report& report);
void single_primary_chain(const History& history, Report& report);
void forced_primaries_stay_recorded(const History& history, Report& report);
void chosen_by_the_old_view(const History& history, Report& report);
void members_agreed(const History& history, Report& report);
void wedged_delivers_only_the_cut(const History& history, Report& report);

// delivery.cpp
void delivered_in_its_view(const History& history, Report& report);
void integrity(const History& history, Report& report);
void fifo_without_duplicates(const History& history, Report& report);
void total_order_without_holes(const History& history, Report& report);
void virtual_synchrony(const History& history, Report& report);
void causality(const History& history, Report& report);
void group_views_identical(const History& history, Report& report);
void replicas_found_alike(const History& history, Report& report);
void resync_names_what_was_lost(const History& history, Report& report);

// fifo.cpp
void fifo_publisher_order(const History& history, Report& report);
void fifo_delivered_once(const History& history, Report& report);
void fifo_virtual_synchrony(const History& history, Report& report);
void fifo_same_end(const History& history, const Liveness& liveness, Report& report);

// confirmation.cpp
void uniform_marks_not_early(const History& history, Report& report);
void safe_marks_not_early(const History& history, Report& report);
void safe_marks_tell_of_losses(const History& history, Report& report);
void marks_follow_deliveries(const History& history, Report& report);
void uniform_is_never_lost(const History& history, Report& report);

// durability.cpp
void durable_marks_not_early(const History& history, Report& report);
void durable_survives(const History& history, Report& report);

// sessions.cpp
void outcomes_true(const History& history, Report& report);
void rejected_is_nowhere(const History& history, Report& report);
void delivered_once(const History& history, Report& report);
void session_order(const History& history, Report& report);

// lease.cpp
void marks_wait_for_leases(const History& history, Report& report);
void lease_bounds_what_is_lost(const History& history, protocol::Duration lease, Report& report);
void doubts_itself_after_a_pause(const History& history, protocol::Duration lease, Report& report);

// liveness.cpp
void settles_on_the_connected(const History& history, const Liveness& liveness, Report& report);
void nobody_waits(const History& history, const Liveness& liveness, Report& report);
void everything_resolved(const History& history, const Liveness& liveness, Report& report);
void same_end(const History& history, const Liveness& liveness, Report& report);
void quiet_when_idle(const History& history, const Liveness& liveness, Report& report);
void left_out_and_says_so(const History& history, const Liveness& liveness, Report& report);

}  // namespace vsync::checker
