#pragma once
// The primary rule once more, from its words and not from protocol/primary.cpp: a fault in the rule must not excuse itself.
// (DESIGN's section 3: more than half of the weight; with exactly half, the half with the tie-breaker; at least min_weight; and
// a loaded payload holder.)

#include <set>

#include "protocol/view.hpp"

namespace vsync::checker {

using Ranks = std::set<protocol::Rank>;

[[nodiscard]] bool may_go_on(const protocol::View& view, const Ranks& set);
/// Every set that may go on has a payload holder of `set` in it.
[[nodiscard]] bool is_uniform(const protocol::View& view, const Ranks& set);
[[nodiscard]] bool stores(const protocol::Member& member);

}  // namespace vsync::checker
