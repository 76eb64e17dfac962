#include <gtest/gtest.h>

#include "views.hpp"

namespace vsync::protocol {
namespace {

TEST(View, RanksAMemberBySeniority) {
  const View view = test::view_of({1, 1, 1});
  EXPECT_EQ(view.rank_of_name("a"), Rank{0});
  EXPECT_EQ(view.rank_of_name("c"), Rank{2});
  EXPECT_EQ(view.rank_of_name("d"), std::nullopt);
}

TEST(View, AnotherIncarnationOfAMemberIsNoMember) {
  const View view = test::view_of({1, 1});
  NodeId b = view.members[1].node;
  EXPECT_EQ(view.rank_of(b), Rank{1});
  b.incarnation.counter += 1;
  EXPECT_EQ(view.rank_of(b), std::nullopt);
  EXPECT_EQ(view.rank_of_name(b.name), Rank{1});
}

TEST(View, TotalWeightDoesNotOverflowTheWeightOfAMember) {
  EXPECT_EQ(test::view_of({4'000'000'000u, 4'000'000'000u, 0}).total_weight(), 8'000'000'000u);
}

}  // namespace
}  // namespace vsync::protocol
