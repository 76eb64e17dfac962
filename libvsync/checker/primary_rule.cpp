#include "checker/primary_rule.hpp"

namespace vsync::checker {

using protocol::Member;
using protocol::Rank;
using protocol::View;

bool stores(const Member& member) { return member.loaded && !member.witness; }

bool may_go_on(const View& view, const Ranks& set) {
  std::uint64_t all = 0;
  std::uint64_t present = 0;
  bool stored = false;
  for (std::uint16_t i = 0; i < view.members.size(); ++i) {
    const Member& member = view.members[i];
    all += member.weight;
    if (!set.contains(Rank{i})) continue;
    present += member.weight;
    stored = stored || stores(member);
  }
  const bool half_with_tie_breaker = 2 * present == all && set.contains(view.tie_breaker);
  return (2 * present > all || half_with_tie_breaker) && present >= view.min_weight && stored;
}

bool is_uniform(const View& view, const Ranks& set) {
  Ranks others;
  for (std::uint16_t i = 0; i < view.members.size(); ++i) {
    if (!set.contains(Rank{i}) || !stores(view.members[i])) others.insert(Rank{i});
  }
  return others.size() < view.members.size() && !may_go_on(view, others);
}

}  // namespace vsync::checker
