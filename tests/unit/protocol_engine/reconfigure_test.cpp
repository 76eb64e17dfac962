// Another configuration while a node runs, at one node after the other.

#include <gmock/gmock.h>

#include <algorithm>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Reconfigure : Settled {
  Reconfigure() : Settled(abc) {}

  static Config of(std::vector<std::string> peers) {
    Config config;
    config.peers = std::move(peers);
    return config;
  }
  Result<void, ReconfigureError> reload(const std::string& node, const Config& config) {
    return cluster.tell(node, [&](Engine& engine, TimePoint now) { return engine.reconfigure(now, config); });
  }
  const Member& member(const std::string& at, const std::string& name) {
    view_ = *cluster.at(at).status().view;
    return view_.at(*view_.rank_of_name(name));
  }

 private:
  View view_;
};

struct FirstViewOfOthers : testing::Test {
  /// b's first view of b, c and d waits for d's word for ever, or is in force and known to b alone.
  void begin(bool in_force) {
    cluster.configure = [](const std::string&, Config& config) { std::erase(config.peers, "a"); };
    cluster.drop = [in_force](const std::string& from, const std::string&, const Frame& frame) {
      return in_force ? is<Decided>(frame) : from == "d" && is<Formed>(frame);
    };
    for (const char* node : {"b", "c", "d"}) cluster.start(node);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.disk("c").accepted && cluster.disk("d").accepted; }));
    cluster.run_for(1s);
    ASSERT_EQ(cluster.disk("b").installed.has_value(), in_force);
  }
  void configure_all() {
    cluster.configure = nullptr;
    for (const char* node : {"b", "c", "d"}) {
      std::vector<std::string> others = all;
      std::erase(others, node);
      name(node, others);
    }
    cluster.start("a");
  }
  /// All that the configuration of `node` names from now on.
  void name(const std::string& node, const std::vector<std::string>& peers) {
    Config config;
    config.peers = peers;
    ASSERT_TRUE(cluster.tell(node, [&](Engine& engine, TimePoint now) { return engine.reconfigure(now, config); }));
  }
  const std::vector<std::string> all{"a", "b", "c", "d"};
  Cluster cluster{all};
};

TEST_F(FirstViewOfOthers, IsGivenUpByItsMinterForThatOfALowerName) {
  begin(false);
  cluster.crash("c");
  cluster.start("c");
  configure_all();
  cluster.drop = nullptr;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled(all); }));
}

TEST_F(FirstViewOfOthers, IsJoinedByALowerNameWhereItIsInForce) {
  begin(true);
  configure_all();
  cluster.run_for(2s);
  EXPECT_THAT(cluster.view("a"), IsEmpty()) << "b didn't agree";
  cluster.drop = nullptr;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled({"b", "c", "d", "a"}); }));
}

TEST_F(FirstViewOfOthers, IsGivenUpByAnOperatorsBootstrapOnly) {
  begin(true);
  cluster.crash("b");
  cluster.configure = nullptr;
  name("c", {"d"});
  name("d", {"c"});
  cluster.run_for(5s);
  EXPECT_THAT(cluster.view("c"), IsEmpty());
  EXPECT_THAT(cluster.at("c").status().waits_for, HasSubstr("b to say whether the first view that it began is in force"));
  cluster.drop = nullptr;
  ASSERT_TRUE(cluster.tell("c", [](Engine& engine, TimePoint now) { return engine.bootstrap(now); }));
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled({"c", "d"}); }));
}

TEST_F(Reconfigure, TimesChangeNoView) {
  const std::uint64_t before = changes("a");
  for (const char* node : {"c", "a", "b"}) {
    Config config = of({"a", "b", "c"});
    std::erase(config.peers, node);
    config.heartbeat_every = 20ms;
    config.lease = 100ms;
    config.suspect_after_min = 200ms;
    config.suspect_after_max = 500ms;
    ASSERT_TRUE(reload(node, config));
    cluster.run_for(2s);
  }
  EXPECT_EQ(changes("a"), before);
  cluster.crash("c", false);
  EXPECT_TRUE(settled({"a", "b"}, 450ms)) << "it was noticed by the new times";
}

TEST_F(Reconfigure, AWeightIsInTheNextViewAndThatFollowsAtOnce) {
  const std::uint64_t before = changes("a");
  Config config = of({"a", "c"});
  config.weight = 5;
  ASSERT_TRUE(reload("b", config));
  ASSERT_TRUE(cluster.run_until([&] { return changes("a") > before; }, 1s));
  cluster.run_for(1s);
  EXPECT_EQ(changes("a"), before + 1);
  for (const char* node : {"a", "b", "c"}) EXPECT_EQ(member(node, "b").weight, 5u);
}

TEST_F(Reconfigure, TheWeightsOfTheViewThatEndsDecideOnTheNextOne) {
  // b believes that it has a majority of its own as soon as it says so.
  isolate("b");
  Config config = of({"a", "c"});
  config.weight = 5;
  ASSERT_TRUE(reload("b", config));
  ASSERT_TRUE(settled({"a", "c"}));
  cluster.run_for(3s);
  EXPECT_EQ(cluster.at("b").status().component, ComponentState::blocked);
  cluster.heal();
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(member("a", "b").weight, 5u);
}

TEST_F(Reconfigure, TheTieBreakerAndTheLeastWeightAreTheCoordinatorsToPropose) {
  const std::uint64_t before = changes("a");
  const auto wanted = [](std::vector<std::string> peers) {
    Config config = of(std::move(peers));
    config.tie_breaker = "c";
    config.min_weight = 2;
    return config;
  };
  ASSERT_TRUE(reload("c", wanted({"a", "b"})));
  ASSERT_TRUE(reload("b", wanted({"a", "c"})));
  cluster.run_for(1s);
  EXPECT_EQ(changes("a"), before) << "a doesn't know of it yet";
  ASSERT_TRUE(reload("a", wanted({"b", "c"})));
  ASSERT_TRUE(cluster.run_until([&] { return changes("b") > before; }, 1s));
  cluster.run_for(1s);
  EXPECT_EQ(changes("b"), before + 1);
  const View view = *cluster.at("b").status().view;
  EXPECT_EQ(view.at(view.tie_breaker).node.name, "c");
  EXPECT_EQ(view.min_weight, 2u);
}

TEST_F(Reconfigure, AnAddedHostJoinsWhenAllNameIt) {
  cluster.configure = [](const std::string& name, Config& config) {
    if (name == "d") config.peers = abc;
  };
  cluster.start("d");
  cluster.run_for(2s);
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b", "c"));
  ASSERT_TRUE(reload("c", of({"a", "b", "d"})));
  ASSERT_TRUE(reload("a", of({"b", "c", "d"})));
  cluster.run_for(3s);
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b", "c")) << "b and d don't hear each other";
  ASSERT_TRUE(reload("b", of({"a", "c", "d"})));
  EXPECT_TRUE(settled({"a", "b", "c", "d"}));
}

TEST_F(Reconfigure, AMemberThatIsNamedNoMoreStaysUntilItLeaves) {
  const std::uint64_t before = changes("a");
  ASSERT_TRUE(reload("a", of({"b"})));
  ASSERT_TRUE(reload("b", of({"a"})));
  cluster.run_for(3s);
  EXPECT_EQ(changes("a"), before);
  EXPECT_THAT(cluster.at("a").status().unconfigured, ElementsAre("c"));
  ASSERT_TRUE(cluster.publish("c", 3, 1));
  EXPECT_TRUE(delivers("a", 1));

  cluster.leave("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("c").left(); }, 2s)) << "it hears that the others have gone on";
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.run_for(2s);
  EXPECT_THAT(cluster.at("a").status().unconfigured, IsEmpty());
  EXPECT_THAT(cluster.at("a").status().heard, ElementsAre("b"));
  EXPECT_THAT(cluster.at("a").correspondents(), ElementsAre("b"));

  cluster.start("c");
  cluster.run_for(3s);
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b")) << "a new life gets no place";
}

TEST_F(Reconfigure, ABlockedNodeStillNamesWhomItWaitsFor) {
  ASSERT_TRUE(reload("a", of({"b"})));
  cluster.crash("b");
  cluster.crash("c");
  cluster.run_for(3s);
  EXPECT_EQ(cluster.at("a").status().component, ComponentState::blocked);
  EXPECT_THAT(cluster.at("a").status().waits_for, testing::HasSubstr("b, c"));
}

TEST_F(Reconfigure, WhatLastsForALifeIsRefusedAndNothingElseIsTaken) {
  Config config = of({"a", "c"});
  config.witness = true;
  config.weight = 7;
  const auto refused = reload("b", config);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), ReconfigureError::lasts_for_a_life);
  cluster.run_for(1s);
  EXPECT_EQ(member("a", "b").weight, 1u);
}

TEST_F(Reconfigure, ALongerLeaseDoesNotRestOnWhatWasToldBefore) {
  for (const char* node : {"a", "b", "c"}) cluster.open_session(node, 9);
  ASSERT_TRUE(cluster.at("a").status().lease);
  isolate("a");
  cluster.run_for(100ms);
  Config config = of({"b", "c"});
  config.lease = 5s;
  config.suspect_after_min = 6s;
  config.suspect_after_max = 7s;
  config.admit_after = 8s;
  ASSERT_TRUE(reload("a", config));
  EXPECT_TRUE(cluster.at("a").status().lease);
  cluster.run_for(300ms);
  EXPECT_FALSE(cluster.at("a").status().lease);
}

TEST_F(Reconfigure, ALeaseMadeLongerTwiceRestsOnWhatWasToldBeforeTheFirstTime) {
  ASSERT_TRUE(cluster.at("a").status().lease);
  isolate("a");
  Config config = of({"b", "c"});
  config.suspect_after_min = 6s;
  config.suspect_after_max = 7s;
  for (const auto lease : {4s, 5s}) {
    cluster.run_for(100ms);
    config.lease = lease;
    ASSERT_TRUE(reload("a", config));
  }
  EXPECT_TRUE(cluster.at("a").status().lease);
  cluster.run_for(200ms);
  EXPECT_FALSE(cluster.at("a").status().lease);
}

TEST_F(Reconfigure, ALeaseMadeShorterAgainEndsAsItSays) {
  ASSERT_TRUE(cluster.at("a").status().lease);
  isolate("a");
  Config config = of({"b", "c"});
  config.lease = 5s;
  config.suspect_after_min = 6s;
  config.suspect_after_max = 7s;
  ASSERT_TRUE(reload("a", config));
  config.lease = 150ms;
  ASSERT_TRUE(reload("a", config));
  cluster.run_for(160ms);
  EXPECT_FALSE(cluster.at("a").status().lease);
}

TEST(MayReconfigure, NothingThatAReplicaIsBuiltBy) {
  const Config before;
  EXPECT_TRUE(may_reconfigure(before, before));
  const auto may = [&](auto change) {
    Config after = before;
    change(after);
    return may_reconfigure(before, after);
  };
  EXPECT_FALSE(may([](Config& config) { config.witness = true; }));
  EXPECT_FALSE(may([](Config& config) { config.lanes = 2; }));
  EXPECT_FALSE(may([](Config& config) { ++config.speaks.newest; }));
  EXPECT_FALSE(may([](Config& config) { config.self_audit = false; }));
  EXPECT_FALSE(may([](Config& config) { ++config.session_window; }));
  EXPECT_FALSE(may([](Config& config) { ++config.durable_keep_bytes; }));
}

}  // namespace
}  // namespace vsync::protocol::test
