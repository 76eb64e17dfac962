#include "daemon/routing_table.hpp"

#include <gmock/gmock.h>

#include <algorithm>

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

TEST_F(RoutingTableTest, ARememberedAnswerEndsWithAChangeOfItsTopic) {
  table.add(">", &a);
  EXPECT_THAT(table.match("t"), UnorderedElementsAre(&a));
  table.add("t", &b);
  EXPECT_THAT(table.match("t"), UnorderedElementsAre(&a, &b));
  table.remove("t", &b);
  EXPECT_THAT(table.match("t"), UnorderedElementsAre(&a));
}

TEST_F(RoutingTableTest, SubscribersAreNamedInOneOrderWhetherThereArePatternsOrNot) {
  for (int* each : {&c, &a, &b, &a}) table.add("t", each);
  EXPECT_TRUE(std::ranges::is_sorted(table.match("t")));
  EXPECT_EQ(table.match("t").size(), 3u);
  table.add("t.>", &a);
  EXPECT_TRUE(std::ranges::is_sorted(table.match("t")));
  EXPECT_EQ(table.match("t").size(), 3u);
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

}  // namespace
}  // namespace vsync::daemon
