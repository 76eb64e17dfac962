// How much of what somebody delivered is in the order.

#include "protocol/view_ends.hpp"

#include <gtest/gtest.h>

namespace vsync::protocol::test {
namespace {

constexpr Epoch epoch{1, 9};
constexpr std::uint64_t tail = tail_begin.value;

Position at(std::uint64_t view, std::uint64_t seq) { return {epoch, view, Lane{}, {seq}}; }

TEST(ViewEnds, APositionBeyondTheEndOfItsViewIsInVain) {
  ViewEnds ends;
  ends.add({{epoch, 3}, Lane{}, {40}, {}});
  EXPECT_EQ(ends.common_part(at(3, 40)), at(3, 40));
  EXPECT_EQ(ends.common_part(at(3, 41)), at(3, 40));
  EXPECT_EQ(ends.common_part(at(3, tail + 1)), at(3, 40)) << "a tail that isn't there";
}

TEST(ViewEnds, TailNumbersAreApart) {
  ViewEnds ends;
  ends.add({{epoch, 3}, Lane{}, {40}, {tail + 2}});
  EXPECT_EQ(ends.common_part(at(3, tail + 1)), at(3, tail + 1));
  EXPECT_EQ(ends.common_part(at(3, tail + 3)), at(3, tail + 2));
  EXPECT_EQ(ends.common_part(at(3, 41)), at(3, 40));
}

TEST(ViewEnds, NothingIsKnownAgainstViewsThatAreNotThere) {
  ViewEnds ends;
  ends.add({{epoch, 3}, Lane{}, {40}, {}});
  EXPECT_EQ(ends.common_part(at(2, 70)), at(2, 70));
  EXPECT_EQ(ends.common_part({{1, 8}, 3, Lane{}, {70}}), (Position{{1, 8}, 3, Lane{}, {70}})) << "another epoch";
  EXPECT_EQ(ends.common_part({epoch, 3, Lane{1}, {70}}), (Position{epoch, 3, Lane{1}, {70}})) << "another lane";
}

TEST(ViewEnds, WhatAMemberKnowsTakesThePlaceOfWhatThisOneKnew) {
  ViewEnds ends;
  ends.add({{epoch, 1}, Lane{}, {10}, {}});
  ends.learn({{{epoch, 3}, Lane{}, {40}, {}}});
  EXPECT_EQ(ends.common_part(at(3, 41)), at(3, 40));
  EXPECT_EQ(ends.common_part(at(1, 11)), at(1, 11));
}

TEST(ViewEnds, OldOnesAreForgotten) {
  ViewEnds ends;
  for (std::uint64_t view = 1; view <= 1000; ++view) ends.add({{epoch, view}, Lane{}, {1}, {}});
  EXPECT_EQ(ends.all().size(), 256u);
  EXPECT_EQ(ends.common_part(at(1000, 2)), at(1000, 1));
  EXPECT_EQ(ends.common_part(at(1, 2)), at(1, 2));
}

}  // namespace
}  // namespace vsync::protocol::test
