// What acknowledgements add up to: uniform, safe, stable.

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/primary.hpp"
#include "protocol/stability.hpp"
#include "views.hpp"

namespace vsync::protocol::test {
namespace {

TEST(Stability, UniformIsHeldByASetThatEveryNextPrimaryMeets) {
  const View view = view_of({"a", "b", "c"});
  Stability stability(view);
  stability.acknowledge(Rank{2}, Seq{9}, {});
  EXPECT_EQ(stability.uniform(), Seq{0});
  stability.acknowledge(Rank{1}, Seq{5}, {});
  EXPECT_EQ(stability.uniform(), Seq{5});
}

TEST(Stability, DurableIsOnTheDisksOfASetThatEveryNextPrimaryMeets) {
  const View view = view_of({"a", "b", "c"});
  Stability stability(view);
  stability.acknowledge(Rank{0}, Seq{9}, Seq{9});
  stability.acknowledge(Rank{1}, Seq{9}, Seq{4});
  EXPECT_EQ(stability.uniform(), Seq{9});
  EXPECT_EQ(stability.durable(), Seq{4});
  stability.acknowledge(Rank{2}, Seq{7}, Seq{7});
  EXPECT_EQ(stability.durable(), Seq{7});
}

TEST(Stability, SafeIsHeldByAllLoadedHolders) {
  const View view = view_of({"a", "b", "c"});
  Stability stability(view);
  stability.acknowledge(Rank{0}, Seq{9}, {});
  stability.acknowledge(Rank{1}, Seq{8}, {});
  EXPECT_EQ(stability.safe(), Seq{0});
  stability.acknowledge(Rank{2}, Seq{3}, {});
  EXPECT_EQ(stability.safe(), Seq{3});
  EXPECT_EQ(stability.stable(), Seq{3});
}

TEST(Stability, OlderNewsChangesNothing) {
  const View view = view_of({"a"});
  Stability stability(view);
  stability.acknowledge(Rank{0}, Seq{5}, {});
  stability.acknowledge(Rank{0}, Seq{4}, {});
  EXPECT_EQ(stability.held_by(Rank{0}), Seq{5});
}

TEST(Stability, ALearnerCountsForForgettingOnly) {
  View view = view_of({"a", "b"});
  view.members[1].weight = 0;
  view.members[1].loaded = false;
  Stability stability(view);
  stability.acknowledge(Rank{0}, Seq{5}, {});
  EXPECT_EQ(stability.uniform(), Seq{5});
  EXPECT_EQ(stability.safe(), Seq{5});
  EXPECT_EQ(stability.stable(), Seq{0});
}

TEST(Stability, AWitnessHoldsNothingAndIsNotWaitedFor) {
  View view = view_of({"a", "b", "w"});
  view.members[2].witness = true;
  Stability stability(view);
  stability.acknowledge(Rank{0}, Seq{5}, {});
  EXPECT_EQ(stability.uniform(), Seq{0});  // {b, w} may go on without a
  stability.acknowledge(Rank{1}, Seq{5}, {});
  EXPECT_EQ(stability.uniform(), Seq{5});
  EXPECT_EQ(stability.stable(), Seq{5});
}

TEST(Stability, WeightsAndAWitnessDecideWhatIsUniform) {
  View view = view_of({"a", "b", "c", "w"});
  view.members[0].weight = 3;
  view.members[3].witness = true;
  Stability stability(view);
  stability.acknowledge(Rank{1}, Seq{7}, {});
  stability.acknowledge(Rank{2}, Seq{7}, {});
  EXPECT_EQ(stability.uniform(), Seq{0});  // a and w may go on: 4 of 6
  stability.acknowledge(Rank{0}, Seq{6}, {});
  EXPECT_EQ(stability.uniform(), Seq{6});  // without a, b, c and w have just half, and a breaks the tie
}

/// The uniform prefix is the greatest position whose holders are a uniform set: against trying every position.
TEST(Stability, IsWhatTryingEveryPositionGives) {
  for (std::uint32_t weights = 0; weights < 81; ++weights) {
    View view = view_of({"a", "b", "c", "d"});
    for (std::uint32_t r = 0, w = weights; r < 4; ++r, w /= 3) view.members[r].weight = w % 3;
    for (std::uint32_t code = 0; code < 256; ++code) {
      Stability stability(view);
      std::vector<std::uint64_t> held(4);
      for (std::uint32_t r = 0; r < 4; ++r) {
        held[r] = code >> (2 * r) & 3;
        stability.acknowledge(rank(r), Seq{held[r]}, {});
      }
      std::uint64_t uniform = 0;
      for (std::uint64_t position = 1; position <= 3; ++position) {
        RankSet holders;
        for (std::uint32_t r = 0; r < 4; ++r) {
          if (held[r] >= position) holders.insert(rank(r));
        }
        if (is_uniform_set(view, holders)) uniform = position;
      }
      ASSERT_EQ(stability.uniform(), Seq{uniform}) << weights << " " << code;
      ASSERT_EQ(stability.safe(), Seq{*std::min_element(held.begin(), held.end())});
    }
  }
}

}  // namespace
}  // namespace vsync::protocol::test
