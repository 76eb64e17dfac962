#include "protocol/primary.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "views.hpp"

namespace vsync::protocol {
namespace {

using test::for_each_set;
using test::for_each_view;
using test::view_of;

// The rule as the design says it, with member lists in place of masks.
bool naive_may_go_on(const View& view, RankSet set) {
  std::uint64_t inside = 0;
  std::uint64_t total = 0;
  bool holder = false;
  for (std::size_t i = 0; i < view.size(); ++i) {
    const Member& member = view.members[i];
    total += member.weight;
    if (!set.contains(test::rank(i))) continue;
    inside += member.weight;
    if (member.loaded && !member.witness) holder = true;
  }
  if (!holder || inside < view.min_weight) return false;
  if (2 * inside > total) return true;
  return 2 * inside == total && set.contains(view.tie_breaker);
}

TEST(PrimaryRule, MoreThanHalfOfTheWeightGoesOn) {
  const View view = view_of({1, 1, 1});
  EXPECT_TRUE(may_go_on(view, {Rank{1}, Rank{2}}));
  EXPECT_FALSE(may_go_on(view, {Rank{0}}));
  EXPECT_FALSE(may_go_on(view, {}));
}

TEST(PrimaryRule, OfTwoHalvesTheOneWithTheTieBreakerGoesOn) {
  View view = view_of({1, 1, 1, 1});
  view.tie_breaker = Rank{2};
  EXPECT_FALSE(may_go_on(view, {Rank{0}, Rank{1}}));
  EXPECT_TRUE(may_go_on(view, {Rank{2}, Rank{3}}));
}

TEST(PrimaryRule, ATieBreakerThatIsNoMemberDecidesNothing) {
  View view = view_of({1, 1});
  view.tie_breaker = Rank{5};
  EXPECT_FALSE(may_go_on(view, {Rank{0}, Rank{5}}));
}

TEST(PrimaryRule, NothingGoesOnBelowTheLeastWeight) {
  View view = view_of({1, 1, 1});
  view.min_weight = 3;
  EXPECT_FALSE(may_go_on(view, {Rank{0}, Rank{1}}));
  EXPECT_TRUE(may_go_on(view, RankSet::first_n(3)));
}

TEST(PrimaryRule, VotesWithoutALoadedPayloadHolderDoNotGoOn) {
  View view = view_of({1, 1, 1});
  view.members[1].witness = true;
  view.members[2].loaded = false;
  EXPECT_FALSE(may_go_on(view, {Rank{1}, Rank{2}}));
  EXPECT_TRUE(may_go_on(view, {Rank{0}, Rank{1}}));
}

TEST(PrimaryRule, EqualsItsNaiveTwinOnAllSmallViews) {
  for (std::size_t n = 1; n <= 5; ++n) {
    for_each_view(n, 3, [n](View& view) {
      const std::vector<std::uint32_t> least = n < 5 ? std::vector<std::uint32_t>{0, 1, 2, 3, 7} : std::vector<std::uint32_t>{1};
      for (std::uint32_t min_weight : least) {
        view.min_weight = min_weight;
        for_each_set(n, [&](RankSet set) { ASSERT_EQ(may_go_on(view, set), naive_may_go_on(view, set)); });
      }
    });
  }
}

TEST(PrimaryRule, AnyTwoSetsThatMayGoOnMeet) {
  for (std::size_t n = 1; n <= 4; ++n) {
    for_each_view(n, 3, [n](const View& view) {
      for_each_set(n, [&](RankSet set) {
        const RankSet rest = all_members(view).minus(set);
        ASSERT_FALSE(may_go_on(view, set) && may_go_on(view, rest));
      });
    });
  }
}

TEST(PrimaryRule, AFurtherMemberNeverTakesTheRightAway) {
  for (std::size_t n = 1; n <= 4; ++n) {
    for_each_view(n, 3, [n](const View& view) {
      for_each_set(n, [&](RankSet set) {
        if (!may_go_on(view, set)) return;
        for (Rank further : all_members(view)) ASSERT_TRUE(may_go_on(view, set | RankSet{further}));
      });
    });
  }
}

TEST(UniformSet, WitnessesAndLearnersDoNotMakeIt) {
  View view = view_of({3, 1, 1});
  view.members[1].witness = true;
  EXPECT_TRUE(is_uniform_set(view, {Rank{0}}));
  EXPECT_FALSE(is_uniform_set(view, {Rank{1}, Rank{2}}));
  EXPECT_EQ(payload_holders(view), (RankSet{Rank{0}, Rank{2}}));
}

TEST(UniformSet, ASingleHolderAmongWitnessesIsEnough) {
  View view = view_of({1, 1, 1});
  view.members[1].witness = view.members[2].witness = true;
  EXPECT_TRUE(is_uniform_set(view, {Rank{0}}));
}

TEST(UniformSet, TheEmptySetNeverIs) {
  View view = view_of({1});
  view.min_weight = 2;
  EXPECT_FALSE(is_uniform_set(view, {}));
}

TEST(UniformSet, MeetsEverySetThatMayGoOnOnAllSmallViews) {
  for (std::size_t n = 1; n <= 5; ++n) {
    for_each_view(n, n < 5 ? 3 : 2, [n](const View& view) {
      std::vector<RankSet> that_may;
      for_each_set(n, [&](RankSet set) {
        if (naive_may_go_on(view, set)) that_may.push_back(set);
      });
      for_each_set(n, [&](RankSet set) {
        RankSet holders;
        for (Rank rank : set) {
          if (view.at(rank).loaded && !view.at(rank).witness) holders.insert(rank);
        }
        bool meets_all = !holders.empty();
        for (RankSet other : that_may) meets_all = meets_all && holders.intersects(other);
        ASSERT_EQ(is_uniform_set(view, set), meets_all);
      });
    });
  }
}

}  // namespace
}  // namespace vsync::protocol
