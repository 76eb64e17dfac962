#include <gtest/gtest.h>

#include <random>
#include <tuple>
#include <vector>

#include "views.hpp"

namespace vsync::protocol {
namespace {

using test::for_each_set;
using test::rank;
using test::view_of;

bool all_hear_each_other(const std::vector<RankSet>& hears, RankSet set) {
  for (Rank a : set) {
    for (Rank b : set) {
      if (a != b && !hears[a.value].contains(b)) return false;
    }
  }
  return true;
}

// Looks at every subset. Sets compare by weight, members, and then by their lists of ranks, the smaller list first.
std::optional<RankSet> naive_largest(const View& view, const std::vector<RankSet>& hears, RankSet candidates) {
  const auto key = [&](RankSet set) {
    std::vector<int> negated;
    for (Rank r : set) negated.push_back(-int{r.value});
    return std::tuple(weight_of(view, set), set.size(), negated);
  };
  std::optional<RankSet> best;
  for_each_set(view.size(), [&](RankSet set) {
    if (!candidates.contains(set) || !may_go_on(view, set) || !all_hear_each_other(hears, set)) return;
    if (!best || key(set) > key(*best)) best = set;
  });
  return best;
}

std::vector<RankSet> full_mesh(std::size_t n) { return std::vector<RankSet>(n, RankSet::first_n(n)); }

void cut(std::vector<RankSet>& hears, std::size_t a, std::size_t b) {
  hears[a].erase(rank(b));
  hears[b].erase(rank(a));
}

/// The directed graph of n nodes whose links are the bits of `links`; a node needn't name itself.
std::vector<RankSet> directed(std::size_t n, std::uint64_t links) {
  std::vector<RankSet> hears(n);
  std::size_t bit = 0;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      if (a != b && (links >> bit++ & 1) != 0) hears[a].insert(rank(b));
    }
  }
  return hears;
}

TEST(LargestConnected, TakesAllOfAFullMesh) {
  EXPECT_EQ(largest_connected(view_of({1, 1, 1}), full_mesh(3), RankSet::first_n(3)), RankSet::first_n(3));
}

TEST(LargestConnected, LeavesOutWhoIsHeardButDoesNotHear) {
  std::vector<RankSet> hears = full_mesh(3);
  hears[0] = {};
  EXPECT_EQ(largest_connected(view_of({1, 1, 1}), hears, RankSet::first_n(3)), (RankSet{Rank{1}, Rank{2}}));
}

TEST(LargestConnected, OfTwoEndsOfACutLinkKeepsTheMoreSenior) {
  std::vector<RankSet> hears = full_mesh(3);
  cut(hears, 0, 1);
  EXPECT_EQ(largest_connected(view_of({1, 1, 1}), hears, RankSet::first_n(3)), (RankSet{Rank{0}, Rank{2}}));
}

TEST(LargestConnected, PrefersWeightToMembers) {
  std::vector<RankSet> hears = full_mesh(4);
  cut(hears, 0, 1);
  cut(hears, 0, 2);
  EXPECT_EQ(largest_connected(view_of({4, 1, 1, 1}), hears, RankSet::first_n(4)), (RankSet{Rank{0}, Rank{3}}));
}

TEST(LargestConnected, OfEqualWeightsPrefersMoreMembers) {
  std::vector<RankSet> hears = full_mesh(4);
  cut(hears, 0, 1);
  cut(hears, 0, 2);
  EXPECT_EQ(largest_connected(view_of({2, 1, 1, 1}), hears, RankSet::first_n(4)), (RankSet{Rank{1}, Rank{2}, Rank{3}}));
}

TEST(LargestConnected, IsNothingWhenNoConnectedSetMayGoOn) {
  const std::vector<RankSet> hears(3);
  EXPECT_EQ(largest_connected(view_of({1, 1, 1}), hears, RankSet::first_n(3)), std::nullopt);
  EXPECT_EQ(largest_connected(view_of({1, 1, 1}), full_mesh(3), {Rank{2}}), std::nullopt);
}

TEST(LargestConnected, WhoSentNoReportHearsNobody) {
  const std::vector<RankSet> hears = full_mesh(2);
  EXPECT_EQ(largest_connected(view_of({1, 1, 1}), hears, RankSet::first_n(3)), RankSet::first_n(2));
}

TEST(LargestConnected, IgnoresCandidatesBeyondTheView) {
  EXPECT_EQ(largest_connected(view_of({1, 1}), full_mesh(3), RankSet::first_n(64)), RankSet::first_n(2));
}

TEST(LargestConnected, EqualsItsNaiveTwinOnAllDirectedGraphs) {
  for (std::size_t n = 1; n <= 4; ++n) {
    const View view = view_of(std::vector<std::uint32_t>(n, 1));
    for (std::uint64_t links = 0; links < (std::uint64_t{1} << (n * (n - 1))); ++links) {
      const std::vector<RankSet> hears = directed(n, links);
      for_each_set(n, [&](RankSet candidates) {
        ASSERT_EQ(largest_connected(view, hears, candidates), naive_largest(view, hears, candidates));
      });
    }
  }
}

TEST(LargestConnected, EqualsItsNaiveTwinOnAllSmallViewsAndSymmetricGraphs) {
  for (std::size_t n = 1; n <= 4; ++n) {
    test::for_each_view(n, n < 4 ? 3 : 2, [n](const View& view) {
      for (std::uint64_t links = 0; links < (std::uint64_t{1} << (n * (n - 1) / 2)); ++links) {
        std::vector<RankSet> hears(n);
        std::size_t bit = 0;
        for (std::size_t a = 0; a < n; ++a) {
          for (std::size_t b = a + 1; b < n; ++b) {
            if ((links >> bit++ & 1) == 0) continue;
            hears[a].insert(rank(b));
            hears[b].insert(rank(a));
          }
        }
        ASSERT_EQ(largest_connected(view, hears, all_members(view)), naive_largest(view, hears, all_members(view)));
      }
    });
  }
}

TEST(LargestConnected, EqualsItsNaiveTwinOnRandomGraphsOfTwelve) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::uint32_t> weights(12);
    for (std::uint32_t& weight : weights) weight = static_cast<std::uint32_t>(random() % 4);
    View view = view_of(weights);
    test::set_holders(view, random());
    view.tie_breaker = rank(random() % 12);
    std::vector<RankSet> hears = full_mesh(12);
    for (std::size_t cuts = random() % 30; cuts > 0; --cuts) cut(hears, random() % 12, random() % 12);
    ASSERT_EQ(largest_connected(view, hears, all_members(view)), naive_largest(view, hears, all_members(view)));
  }
}

// Moon and Moser's graph: 3^21 maximal cliques. The search stops early, and still finds one that may go on.
TEST(LargestConnected, StopsEarlyOnTheWorstGraphWithAConnectedSet) {
  std::vector<std::uint32_t> weights(64, 1);
  weights[63] = 100;
  std::vector<RankSet> hears = full_mesh(64);
  for (std::size_t triple = 0; triple < 21; ++triple) {
    const std::size_t a = 3 * triple;
    cut(hears, a, a + 1);
    cut(hears, a, a + 2);
    cut(hears, a + 1, a + 2);
    weights[a + 2] = 1 + static_cast<std::uint32_t>(triple % 2);
  }
  const View view = view_of(weights);
  const std::optional<RankSet> found = largest_connected(view, hears, all_members(view));
  ASSERT_TRUE(found);
  EXPECT_TRUE(all_hear_each_other(hears, *found));
  EXPECT_TRUE(may_go_on(view, *found));
  EXPECT_EQ(found->size(), 22u);
  EXPECT_EQ(found, largest_connected(view, hears, all_members(view)));
}

TEST(LargestConnected, LeavesOutTheFewestOfSixtyFourWithSomeCutLinks) {
  std::vector<RankSet> hears = full_mesh(64);
  cut(hears, 0, 1);
  cut(hears, 0, 2);
  cut(hears, 7, 8);
  const View view = view_of(std::vector<std::uint32_t>(64, 1));
  EXPECT_EQ(largest_connected(view, hears, all_members(view)), all_members(view).minus({Rank{0}, Rank{8}}));
}

}  // namespace
}  // namespace vsync::protocol
