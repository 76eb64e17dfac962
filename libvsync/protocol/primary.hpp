#pragma once
// The primary rule: which sets of members of a view may go on without the others. Dynamic voting with weights: the quorum
// is counted on the last view, not on a fixed configuration (Chockler, Keidar, Vitenberg, "Group communication
// specifications", ACM Computing Surveys 2001, section 3.2; Jajodia and Mutchler, "Dynamic voting algorithms", 1990).
// Deviations: the tie-breaker of "dynamic linear voting" is written in the view, and a set without loaded state can't go on.
//
// Everything here reads the view alone, so that all nodes judge alike. Two sets of one view that may go on always meet:
// two majorities share a member, and two halves share the tie-breaker. A set keeps the right when members are added to it.

#include <cstdint>
#include <optional>
#include <span>

#include "protocol/rank_set.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol {

/// All members of the view.
[[nodiscard]] RankSet all_members(const View& view);
/// Members that hold the directory and every payload: loaded, and no witness.
[[nodiscard]] RankSet payload_holders(const View& view);
/// What the votes of `set` count together. Ranks beyond the view count nothing.
[[nodiscard]] std::uint64_t weight_of(const View& view, RankSet set);

/// More than half of the weight, or exactly half with the tie-breaker; at least `min_weight`; and a payload holder.
[[nodiscard]] bool may_go_on(const View& view, RankSet set);

/// The view as an operator reads it who forces a primary: those that are there decide, and nobody else.
[[nodiscard]] View with_votes_of(View view, RankSet present);

/// The payload holders in `set` meet every set that may go on: what all of them hold can't be lost by a later primary.
[[nodiscard]] bool is_uniform_set(const View& view, RankSet set);

/// The largest (by weight; then by members; then with the more senior ones) subset of `candidates` that may go on and whose
/// members all hear each other. `hears[i]` is what rank i reports to hear, itself implied; who has no entry hears nobody.
/// Exact up to 16 candidates and wherever few links are missing; beyond, the search stops after a fixed number of steps
/// with the best set found, the same at every node.
[[nodiscard]] std::optional<RankSet> largest_connected(const View& view, std::span<const RankSet> hears, RankSet candidates);

}  // namespace vsync::protocol
