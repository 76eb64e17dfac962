#include "daemon/routing_table.hpp"

#include <gmock/gmock.h>

#include "daemon/cut_list.hpp"

namespace vsync::daemon {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct RoutingTableTest : ::testing::Test {
  int a = 0, b = 0, c = 0;
  RoutingTable<int> table;
};

TEST_F(RoutingTableTest, ExactTopicsAndPatternsMeet) {
  table.add("eq.us.MSFT", &a);
  table.add("eq.us.*", &b);
  table.add("eq.>", &c);
  EXPECT_THAT(table.match("eq.us.MSFT"), UnorderedElementsAre(&a, &b, &c));
  EXPECT_THAT(table.match("eq.us.IBM"), UnorderedElementsAre(&b, &c));
  EXPECT_THAT(table.match("eq.us.IBM.bid"), UnorderedElementsAre(&c));
  EXPECT_THAT(table.match("fx"), IsEmpty());
}

TEST_F(RoutingTableTest, WhoMatchesTwiceIsNamedOnce) {
  table.add("eq.us", &a);
  table.add("eq.*", &a);
  table.add(">", &a);
  EXPECT_THAT(table.match("eq.us"), UnorderedElementsAre(&a));
}

TEST_F(RoutingTableTest, ARememberedAnswerEndsWithAChange) {
  table.add("t", &a);
  EXPECT_THAT(table.match("t"), UnorderedElementsAre(&a));
  table.add(">", &b);
  EXPECT_THAT(table.match("t"), UnorderedElementsAre(&a, &b));
  table.remove("t", &a);
  EXPECT_THAT(table.match("t"), UnorderedElementsAre(&b));
  table.remove(">", &b);
  EXPECT_THAT(table.match("t"), IsEmpty());
  EXPECT_TRUE(table.empty());
}

TEST_F(RoutingTableTest, RemovingWhatIsNotThereChangesNothing) {
  table.add("t", &a);
  table.remove("t", &b);
  table.remove("u", &a);
  table.remove("u.*", &a);
  EXPECT_THAT(table.match("t"), UnorderedElementsAre(&a));
}

TEST_F(RoutingTableTest, ManyTopicsAreNotRememberedForEver) {
  table.add("t.*", &a);
  for (int i = 0; i < 200'000; ++i) ASSERT_EQ(table.match("t." + std::to_string(i)).size(), 1u);
}

protocol::Position at(std::uint64_t view, std::uint64_t seq) { return {{1, 9}, view, {}, {seq}}; }
protocol::ViewId view(std::uint64_t number) { return {{1, 9}, number}; }

TEST(CutList, APositionBeyondTheEndOfItsViewIsOrphaned) {
  CutList cuts;
  cuts.installed(view(3));
  cuts.delivered(at(3, 40));
  cuts.installed(view(4));
  cuts.delivered(at(4, 5));
  EXPECT_EQ(cuts.common_part(at(3, 40)), at(3, 40));
  EXPECT_EQ(cuts.common_part(at(3, 41)), at(3, 40));
  EXPECT_EQ(cuts.common_part(at(4, 6)), at(4, 5));
  EXPECT_EQ(cuts.common_part(at(2, 7)), at(2, 7)) << "a view nobody here was in: nothing is known against it";
  EXPECT_EQ(*cuts.now(), at(4, 5));
}

TEST(CutList, TailNumbersAreApart) {
  CutList cuts;
  cuts.installed(view(3));
  cuts.delivered(at(3, 40));
  const std::uint64_t tail = protocol::tail_begin.value;
  EXPECT_EQ(cuts.common_part(at(3, tail + 1)), at(3, 40));
  cuts.delivered(at(3, tail + 2));
  EXPECT_EQ(cuts.common_part(at(3, tail + 1)), at(3, tail + 1));
  EXPECT_EQ(cuts.common_part(at(3, 41)), at(3, 40));
}

TEST(CutList, WhatAnExcludedNodeDeliveredInVainIsCutBack) {
  CutList cuts;
  cuts.installed(view(3));
  cuts.delivered(at(3, 40));
  cuts.cut_back(at(3, 30));
  cuts.installed(view(5));
  EXPECT_EQ(cuts.common_part(at(3, 35)), at(3, 30));
}

}  // namespace
}  // namespace vsync::daemon
