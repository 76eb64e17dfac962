// Sessions and their directory records across pauses and view changes.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

struct Sessions : Settled {
  Sessions() : Settled(abc) {}
};

TEST_F(Sessions, RecordsSubmittedWhileADaemonDoubtsItselfAreOrderedAfterwards) {
  cluster.pause("b");
  cluster.run_for(400ms);
  cluster.resume("b");
  cluster.submit("b", {JoinGroup{{0, 2}, "news"}});
  cluster.run_for(1s);
  EXPECT_EQ(cluster.at("a").directory().members("news").size(), 1u);
}

TEST_F(Sessions, RecordsSubmittedDuringAViewChangeAreOrderedInTheNextView) {
  cluster.crash("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("b").status().node_state == NodeState::wedged; }));
  cluster.submit("b", {JoinGroup{{0, 2}, "news"}});
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.run_for(100ms);
  EXPECT_EQ(cluster.at("a").directory().members("news").size(), 1u);
  EXPECT_EQ(cluster.at("b").directory().snapshot(), cluster.at("a").directory().snapshot());
}

TEST_F(Sessions, RecordsAreUnderWayUntilTheyAreDelivered) {
  const auto under_way = [&] { return cluster.at("b").records_under_way(); };
  isolate("b");
  cluster.submit("b", {JoinGroup{{0, 2}, "news"}, JoinGroup{{0, 2}, "sport"}});
  EXPECT_EQ(under_way(), 2u) << "a gives the order";
  cluster.heal();
  EXPECT_TRUE(cluster.run_until([&] { return under_way() == 0; }, 200ms));
  EXPECT_EQ(cluster.all<GroupViewChanged>("b").size(), 2u);
}

TEST_F(Sessions, RecordsAreUnderWayWhileTheyWaitForTheNextView) {
  const auto under_way = [&] { return cluster.at("b").records_under_way(); };
  cluster.crash("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("b").status().node_state == NodeState::wedged; }));
  cluster.submit("b", {JoinGroup{{0, 2}, "news"}});
  EXPECT_EQ(under_way(), 1u);
  ASSERT_TRUE(settled({"a", "b"}));
  EXPECT_TRUE(cluster.run_until([&] { return under_way() == 0; }, 200ms));
}

TEST_F(Sessions, RecordsOfAnExcludedNodeAreUnderWayNoMore) {
  isolate("b");
  cluster.submit("b", {JoinGroup{{0, 2}, "news"}});
  ASSERT_TRUE(settled({"a", "c"}));
  cluster.heal();
  ASSERT_TRUE(settled({"a", "c", "b"}));
  EXPECT_EQ(cluster.at("b").records_under_way(), 0u);
}

}  // namespace
}  // namespace vsync::protocol::test
