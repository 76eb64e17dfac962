#include "protocol/primary.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "protocol/mutant.hpp"

namespace vsync::protocol {

RankSet all_members(const View& view) { return RankSet::first_n(view.size()); }

RankSet payload_holders(const View& view) {
  RankSet holders;
  for (Rank rank : all_members(view)) {
    const Member& member = view.at(rank);
    const bool holds = member.holds_payload() || mutant(Mutant::witness_holds_payload);
    if (holds && (member.loaded || mutant(Mutant::learner_is_a_holder))) holders.insert(rank);
  }
  return holders;
}

std::uint64_t weight_of(const View& view, RankSet set) {
  std::uint64_t weight = 0;
  for (Rank rank : set & all_members(view)) {
    const std::uint32_t vote = view.at(rank).weight;
    weight += vote > 1 && mutant(Mutant::weights_ignored) ? 1 : vote;
  }
  return weight;
}

bool may_go_on(const View& view, RankSet set) {
  const std::uint64_t weight = weight_of(view, set);
  const std::uint64_t others = weight_of(view, all_members(view).minus(set));
  const bool has_tie_breaker = (set & all_members(view)).contains(view.tie_breaker);
  const bool wins_the_vote = weight > others || (weight == others && (has_tie_breaker || mutant(Mutant::half_without_tie_breaker)));
  return wins_the_vote && (weight >= view.min_weight || mutant(Mutant::min_weight_ignored)) &&
         (set.intersects(payload_holders(view)) || mutant(Mutant::holder_not_required));
}

View with_votes_of(View view, RankSet present) {
  for (const Rank rank : all_members(view)) {
    std::uint32_t& weight = view.members[rank.value].weight;
    weight = present.contains(rank) ? std::max(weight, 1u) : 0;
  }
  view.min_weight = 1;
  return view;
}

// The right to go on grows with the set, so it is enough to look at the largest set that avoids the holders.
bool is_uniform_set(const View& view, RankSet set) {
  const RankSet holders = set & payload_holders(view);
  return !holders.empty() && !may_go_on(view, all_members(view).minus(holders));
}

namespace {

/// Bron and Kerbosch's enumeration of maximal cliques with Tomita's pivot ("The worst-case time complexity for generating
/// all maximal cliques", 2006), cut where the rest can't go on or can't be better than the best. The best clique is a
/// maximal one, since a further member only adds to weight, count and right.
class CliqueSearch {
 public:
  CliqueSearch(const View& view, std::span<const RankSet> hears, RankSet candidates) : view_(view) {
    for (Rank a : candidates) {
      for (Rank b : candidates) {
        if (a != b && reports(hears, a, b) && reports(hears, b, a)) neighbours_[a.value].insert(b);
      }
    }
  }

  std::optional<RankSet> run(RankSet candidates) {
    for (Rank first : candidates) take_if_best(greedy_clique(first));
    extend({}, candidates, {});
    return best_;
  }

 private:
  // 16 candidates have at most 3^(16/3) < 351 maximal cliques, so that they never come near it.
  static constexpr std::size_t steps_max = 20'000;

  static bool reports(std::span<const RankSet> hears, Rank who, Rank whom) {
    return who.value < hears.size() && hears[who.value].contains(whom);
  }

  /// A good first bound, and the answer where the search stops early.
  [[nodiscard]] RankSet greedy_clique(Rank first) const {
    RankSet clique{first};
    RankSet open = neighbours_[first.value];
    while (!open.empty()) {
      const Rank next = best_connected(open, open);
      clique.insert(next);
      open &= neighbours_[next.value];
    }
    return clique;
  }

  void take_if_best(RankSet clique) {
    if (worth_extending(clique)) best_ = clique;
  }

  void extend(RankSet clique, RankSet open, RankSet done) {
    if (++steps_ > steps_max || !worth_extending(clique | open)) return;
    if (open.empty()) {
      if (done.empty()) take_if_best(clique);
      return;
    }
    // Every maximal clique from here has the pivot or one of those that aren't its neighbours: fewest branches with the
    // pivot that has most neighbours.
    const Rank pivot = best_connected(open | done, open);
    for (Rank rank : open.minus(neighbours_[pivot.value])) {
      RankSet with = clique;
      with.insert(rank);
      extend(with, open & neighbours_[rank.value], done & neighbours_[rank.value]);
      open.erase(rank);
      done.insert(rank);
    }
  }

  [[nodiscard]] bool worth_extending(RankSet most) const {
    return may_go_on(view_, most) && (!best_ || better(most, *best_));
  }

  // Also a bound: no subset of a set that isn't better is better.
  [[nodiscard]] bool better(RankSet a, RankSet b) const {
    const std::uint64_t weight_a = weight_of(view_, a);
    const std::uint64_t weight_b = weight_of(view_, b);
    if (weight_a != weight_b) return weight_a > weight_b;
    if (a.size() != b.size()) return a.size() > b.size();
    const RankSet differing = a.minus(b) | b.minus(a);
    return !differing.empty() && a.contains(differing.front());
  }

  /// Who of `set` has most neighbours in `open`; the most senior of equals.
  [[nodiscard]] Rank best_connected(RankSet set, RankSet open) const {
    Rank best = set.front();
    for (Rank rank : set) {
      if ((open & neighbours_[rank.value]).size() > (open & neighbours_[best.value]).size()) best = rank;
    }
    return best;
  }

  const View& view_;
  std::array<RankSet, members_max> neighbours_{};
  std::optional<RankSet> best_;
  std::size_t steps_ = 0;
};

}  // namespace

std::optional<RankSet> largest_connected(const View& view, std::span<const RankSet> hears, RankSet candidates) {
  const RankSet present = candidates & all_members(view);
  // The usual case, and then nothing is to be searched.
  const bool all_meet = std::all_of(present.begin(), present.end(), [&](Rank rank) {
    return rank.value < hears.size() && (hears[rank.value] | RankSet{rank}).contains(present);
  });
  if (all_meet) return may_go_on(view, present) ? std::optional(present) : std::nullopt;
  return CliqueSearch(view, hears, present).run(present);
}

}  // namespace vsync::protocol
