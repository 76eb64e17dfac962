#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster.hpp"
#include "protocol/directory.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Names = std::vector<std::string>;

Config alone() { return {}; }

TEST(Formation, ADaemonWithoutPeersIsAClusterAtOnce) {
  Cluster cluster({"a"}, alone());
  cluster.start("a");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled({"a"}); }, 10ms));
  EXPECT_EQ(cluster.at("a").status().component, ComponentState::primary);
}

TEST(Formation, NeedsAllConfiguredPeers) {
  Cluster cluster({"a", "b", "c"});
  cluster.start("a");
  cluster.start("b");
  cluster.run_for(5s);
  EXPECT_THAT(cluster.view("a"), IsEmpty());
  cluster.start("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b", "c"}); }));
  EXPECT_EQ(cluster.at("a").status().view, cluster.at("c").status().view);
}

TEST(Formation, AnOperatorMakesOneDaemonACluster) {
  Cluster cluster({"a", "b"});
  cluster.start("b");
  ASSERT_TRUE(cluster.at("b").bootstrap(cluster.now()));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"b"}); }, 3s));
  EXPECT_EQ(cluster.at("b").bootstrap(cluster.now()).error(), BootstrapError::has_view);
  cluster.start("a");
  ASSERT_TRUE(cluster.at("a").bootstrap(cluster.now()));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); })) << "it joins what it didn't hear yet";
  EXPECT_EQ(cluster.view("a").front(), "b");
}

TEST(Formation, ABootstrapIsNoPartOfAFormationOfAll) {
  Cluster cluster({"a", "b"});
  cluster.start_all();
  ASSERT_TRUE(cluster.at("b").bootstrap(cluster.now()));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }));
  EXPECT_EQ(cluster.view("a").front(), "b");
}

struct Three : testing::Test {
  Three() : cluster({"a", "b", "c"}) {
    cluster.start_all();
    EXPECT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b", "c"}); }));
    cluster.open_session("a", 1);
    cluster.open_session("b", 2);
    cluster.open_session("c", 3);
    cluster.run_for(100ms);
  }
  bool has(const std::string& node, std::size_t count, Duration limit = 5s) {
    return cluster.run_until([&] { return cluster.delivered(node).size() >= count; }, limit);
  }
  Cluster cluster;
};

TEST_F(Three, AllDeliverTheSameInOneOrder) {
  for (std::uint64_t n = 1; n <= 20; ++n) {
    ASSERT_TRUE(cluster.publish("a", 1, n));
    ASSERT_TRUE(cluster.publish("b", 2, n));
    ASSERT_TRUE(cluster.publish("c", 3, n));
  }
  for (const char* node : {"a", "b", "c"}) ASSERT_TRUE(has(node, 60));
  EXPECT_EQ(cluster.delivered("a"), cluster.delivered("b"));
  EXPECT_EQ(cluster.delivered("a"), cluster.delivered("c"));
}

TEST_F(Three, APublishIsOkOnceItIsUniform) {
  ASSERT_TRUE(cluster.publish("b", 2, 1));
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.all<Resolved>("b").empty(); }));
  EXPECT_EQ(cluster.all<Resolved>("b").front().outcome, Outcome::ok);
  EXPECT_EQ(cluster.all<Resolved>("b").front().first_n, 1u);
}

TEST_F(Three, TheSurvivorsGoOnWithoutACrashedMember) {
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  const TimePoint before = cluster.now();
  cluster.crash("a");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"b", "c"}); }));
  EXPECT_LT(cluster.now() - before, 100ms);
  ASSERT_TRUE(cluster.publish("b", 2, 1));
  ASSERT_TRUE(cluster.run_until([&] {
    const auto there = cluster.delivered("c");
    return !there.empty() && there.back() == "2:1";
  }));
  EXPECT_EQ(cluster.delivered("b"), cluster.delivered("c"));
}

TEST_F(Three, ASilentMemberIsExcludedAfterItsTimeout) {
  cluster.cut("a", "c");
  cluster.cut("b", "c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }, 2s));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("c").status().component == ComponentState::blocked; }, 100ms));
  EXPECT_FALSE(cluster.publish("c", 3, 1));
}

TEST_F(Three, AnExcludedMemberComesBackAsANewNodeWithAResync) {
  const NodeId before = cluster.at("c").self();
  cluster.cut("a", "c");
  cluster.cut("b", "c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }, 2s));
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  cluster.run_for(100ms);
  cluster.heal();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b", "c"}); }, 10s));
  EXPECT_GT(cluster.at("c").self().incarnation, before.incarnation);
  EXPECT_EQ(cluster.all<Resynced>("c").size(), 1u);
}

TEST_F(Three, ARestartedMemberIsAdmittedAndGetsTheDirectory) {
  cluster.crash("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }));
  (void)cluster.at("a").submit(cluster.now(), {JoinGroup{{0, 1}, "news"}});
  cluster.start("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b", "c"}); }, 10s));
  EXPECT_EQ(cluster.at("c").directory().snapshot(), cluster.at("a").directory().snapshot());
  EXPECT_EQ(cluster.at("c").directory().members("news").size(), 1u);
}

TEST(Witness, NeverGivesAJoinerItsEmptyDirectory) {
  Cluster cluster({"a", "b", "c", "d"});
  cluster.configure = [](const std::string& name, Config& config) { config.witness = name == "a"; };
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"b", "c", "d"}) || cluster.view("b").size() == 4; }));
  cluster.open_session("b", 2);
  cluster.run_for(100ms);
  cluster.crash("d");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("b").size() == 3; }));
  cluster.start("d");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("d").status().component == ComponentState::primary; }));
  EXPECT_EQ(cluster.at("d").directory().session_count(), 1u);
}

TEST_F(Three, ALeaverGoesWithoutLosingItsLastMessages) {
  for (std::uint64_t n = 1; n <= 5; ++n) ASSERT_TRUE(cluster.publish("c", 3, n));
  cluster.at("c").leave(cluster.now());
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("c").left(); }));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }));
  EXPECT_EQ(cluster.delivered("a").size(), 5u);
  EXPECT_EQ(cluster.delivered("a"), cluster.delivered("b"));
}

TEST_F(Three, AFullSplitThatHealsGoesOnAndLosesNothing) {
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  cluster.cut("a", "b");
  cluster.cut("a", "c");
  cluster.cut("b", "c");
  cluster.run_for(3s);
  for (const char* node : {"a", "b", "c"}) EXPECT_EQ(cluster.at(node).status().component, ComponentState::blocked) << node;
  cluster.heal();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b", "c"}); }, 10s));
  for (const char* node : {"a", "b", "c"}) {
    EXPECT_TRUE(has(node, 1));
    EXPECT_THAT(cluster.all<Resynced>(node), IsEmpty());
  }
}

TEST_F(Three, AllRestartFromTheirDisks) {
  for (const char* node : {"a", "b", "c"}) cluster.crash(node);
  cluster.run_for(1s);
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b", "c"}); }, 10s));
  EXPECT_EQ(cluster.at("a").status().view->id.epoch.number, 2u);
}

TEST_F(Three, AMajorityRestartsFromItsDisksAndTheThirdJoins) {
  for (const char* node : {"a", "b", "c"}) cluster.crash(node);
  cluster.start("b");
  cluster.start("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"b", "c"}); }, 10s));
  cluster.start("a");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"b", "c", "a"}); }, 10s));
}

TEST_F(Three, ARetryThroughAnotherDaemonIsDeliveredOnce) {
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  ASSERT_TRUE(has("b", 1));
  (void)cluster.at("b").submit(cluster.now(), {OpenSession{{0, 1}, cluster.at("b").self(), "app", true}});
  ASSERT_TRUE(cluster.publish("b", 1, 1));
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.all<Resolved>("b").empty(); }));
  EXPECT_EQ(cluster.all<Resolved>("b").front().first, cluster.all<Delivered>("a").front().first);
  EXPECT_EQ(cluster.delivered("c").size(), 1u);
}

TEST_F(Three, AnIdleClusterInstallsNoView) {
  const auto changes = cluster.at("a").status().view_changes;
  cluster.run_for(30s);
  EXPECT_EQ(cluster.at("a").status().view_changes, changes);
}

TEST_F(Three, TheSequencerFollowsTheLoad) {
  for (std::uint64_t n = 1; n <= 200; ++n) {
    ASSERT_TRUE(cluster.publish("c", 3, n * 10 - 9, 10));
    cluster.run_for(10ms);
  }
  ASSERT_TRUE(has("a", 2000));
  EXPECT_EQ(cluster.at("a").status().sequencer, cluster.at("a").status().view->rank_of_name("c"));
  EXPECT_EQ(cluster.delivered("a"), cluster.delivered("b"));
}

TEST_F(Three, ALostFrameIsFetched) {
  int left = 3;
  cluster.drop = [&](const std::string&, const std::string& to, const Frame& frame) {
    return to == "c" && (std::holds_alternative<Data>(frame.body) || std::holds_alternative<Order>(frame.body)) && left-- > 0;
  };
  for (std::uint64_t n = 1; n <= 10; ++n) ASSERT_TRUE(cluster.publish("a", 1, n));
  ASSERT_TRUE(has("c", 10));
  EXPECT_EQ(cluster.delivered("c"), cluster.delivered("a"));
}

}  // namespace
}  // namespace vsync::protocol::test
