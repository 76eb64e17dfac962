#include "protocol/rank_set.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace vsync::protocol {
namespace {

using ::testing::ElementsAre;

std::vector<int> ranks(RankSet set) {
  std::vector<int> out;
  for (Rank rank : set) out.push_back(rank.value);
  return out;
}

TEST(RankSet, IsEmptyAtFirst) {
  constexpr RankSet set;
  static_assert(set.empty() && set.size() == 0 && set.begin() == set.end());
  EXPECT_FALSE(set.contains(Rank{0}));
}

TEST(RankSet, IteratesInOrderOfRank) {
  EXPECT_THAT(ranks({Rank{63}, Rank{5}, Rank{0}}), ElementsAre(0, 5, 63));
}

TEST(RankSet, InsertsAndErases) {
  RankSet set{Rank{1}, Rank{2}};
  set.insert(Rank{1});
  set.erase(Rank{2});
  set.erase(Rank{9});
  EXPECT_EQ(set, RankSet{Rank{1}});
  set.clear();
  EXPECT_TRUE(set.empty());
}

TEST(RankSet, UnitesIntersectsAndSubtracts) {
  constexpr RankSet a{Rank{0}, Rank{1}};
  constexpr RankSet b{Rank{1}, Rank{2}};
  static_assert((a | b) == RankSet::first_n(3));
  static_assert((a & b) == RankSet{Rank{1}});
  static_assert(a.minus(b) == RankSet{Rank{0}});
  static_assert(a.intersects(b) && !a.minus(b).intersects(b));
  static_assert((a | b).contains(a) && !a.contains(b) && a.contains(RankSet{}));
  SUCCEED();
}

TEST(RankSet, FirstNHoldsTheMostSenior) {
  static_assert(RankSet::first_n(0).empty());
  static_assert(RankSet::first_n(members_max).size() == members_max);
  EXPECT_THAT(ranks(RankSet::first_n(3)), ElementsAre(0, 1, 2));
  EXPECT_EQ(RankSet::first_n(3).front(), Rank{0});
}

TEST(RankSet, NeverContainsARankBeyondTheLargestView) {
  EXPECT_FALSE(RankSet::first_n(members_max).contains(Rank{64}));
  EXPECT_FALSE(RankSet::first_n(members_max).contains(Rank{65535}));
}

}  // namespace
}  // namespace vsync::protocol
