// What a daemon and its operators may ask of an engine, and when it says no.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Asked : Settled {
  explicit Asked(const std::vector<std::string>& names = abc, const Config& config = {}) : Settled(names, config) {}

  std::optional<PublishError> submit(const std::string& name, DirectoryOps ops) {
    const auto done = cluster.tell(name, [&](Engine& engine, TimePoint now) { return engine.submit(now, std::move(ops)); });
    return done ? std::nullopt : std::optional(done.error());
  }
  std::optional<ForceError> force(const std::string& name) {
    const auto done = cluster.tell(name, [](Engine& engine, TimePoint now) { return engine.force_primary(now); });
    return done ? std::nullopt : std::optional(done.error());
  }
  std::optional<BootstrapError> bootstrap(const std::string& name) {
    const auto done = cluster.tell(name, [](Engine& engine, TimePoint now) { return engine.bootstrap(now); });
    return done ? std::nullopt : std::optional(done.error());
  }
  std::optional<DiscardError> discard(const std::string& name) {
    const auto done = cluster.tell(name, [](Engine& engine, TimePoint now) { return engine.discard(now); });
    return done ? std::nullopt : std::optional(done.error());
  }
  DirectoryOps join() { return {JoinGroup{{0, 1}, "news"}}; }
  bool goes_on(const std::string& name) { return cluster.at(name).status().component == ComponentState::primary; }
};

// ---------------------------------------------------------------- records

TEST_F(Asked, RecordsAreTakenOnlyInAPrimary) {
  EXPECT_EQ(submit("a", join()), std::nullopt);
  isolate("c");
  ASSERT_TRUE(cluster.run_until([&] { return !goes_on("c"); }));
  EXPECT_EQ(submit("c", join()), PublishError::not_primary);
  cluster.crash("c");
  cluster.start("c");
  EXPECT_EQ(submit("c", join()), PublishError::not_primary) << "it is in no view";
  EXPECT_EQ(cluster.at("c").records_under_way(), 0u);
}

TEST_F(Asked, NoRecordsAreNothingToOrder) {
  const Seq before = cluster.at("a").status().ordered;
  EXPECT_EQ(submit("b", {}), std::nullopt);
  cluster.run_for(100ms);
  EXPECT_EQ(cluster.at("a").status().ordered, before);
}

TEST_F(Asked, ALeaverTakesNothingNew) {
  // It can't go yet: what it published isn't stable.
  cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<Ack>(frame) || is<Heartbeat>(frame); };
  ASSERT_TRUE(cluster.publish("b", 2, 1));
  cluster.leave("b");
  EXPECT_EQ(cluster.publish("b", 2, 2).error(), PublishError::leaving);
  EXPECT_EQ(submit("b", join()), PublishError::leaving);
}

// ---------------------------------------------------------------- leave

TEST_F(Asked, ALeaverThatIsAskedAgainGoesAsIfItWereAskedOnce) {
  cluster.leave("c");
  cluster.leave("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("c").left(); }));
  EXPECT_TRUE(settled({"a", "b"}));
}

TEST_F(Asked, WhoIsInNoViewLeavesAtOnce) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.start("c");
  cluster.leave("c");
  EXPECT_TRUE(cluster.at("c").left());
  cluster.run_for(5s);
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b"));
}

TEST_F(Asked, WhoIsAloneInItsViewLeavesAtOnce) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.crash("b");
  ASSERT_TRUE(settled({"a"}));
  cluster.leave("a");
  EXPECT_TRUE(cluster.at("a").left());
}

TEST_F(Asked, ASequencerThatLeavesHandsItsRoleOffFirst) {
  for (std::uint64_t n = 1; n <= 200; ++n) {
    ASSERT_TRUE(cluster.publish("c", 3, n * 10 - 9, 10));
    cluster.run_for(10ms);
  }
  ASSERT_TRUE(cluster.at("c").status().lease);
  // It can't be left out yet, for the others don't hear that it asks.
  cluster.drop = [](const std::string& from, const std::string&, const Frame& frame) { return from == "a" && is<Prepare>(frame); };
  cluster.leave("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("b").status().sequencer == Rank{0}; }, 500ms));
  cluster.drop = nullptr;
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("c").left(); }));
}

// ---------------------------------------------------------------- first views

TEST_F(Asked, ABootstrapIsRefusedWhereAPeerIsInAView) {
  cluster.crash("c");
  cluster.wipe("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.start("c");
  cluster.run_for(200ms);
  EXPECT_EQ(bootstrap("c"), BootstrapError::has_peers_in_view);
  EXPECT_TRUE(settled({"a", "b", "c"}));
}

// ---------------------------------------------------------------- forced primaries

TEST_F(Asked, AForcedPrimaryIsRefusedWhereOneIsHeard) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return to == "c" && is<Decided>(frame); };
  cluster.start("c");
  cluster.run_for(200ms);
  EXPECT_EQ(force("c"), ForceError::primary_is_heard) << "though it doesn't know yet how its view ended";
  cluster.drop = nullptr;
  EXPECT_TRUE(settled(abc));
}

TEST_F(Asked, AForcedPrimaryIsRefusedToWhoWasExcluded) {
  isolate("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.heal();
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.all<Resynced>("c").empty(); }));
  isolate("c");
  cluster.run_for(2s);
  EXPECT_EQ(force("c"), ForceError::no_place);
}

TEST_F(Asked, AForcedPrimaryThatDoesNotComeAboutInTimeIsGivenUp) {
  for (const char* name : {"a", "b"}) cluster.crash(name);
  cluster.run_for(2s);
  ASSERT_FALSE(goes_on("c"));
  cluster.write_delay = 15s;  // its promise
  ASSERT_EQ(force("c"), std::nullopt);
  cluster.run_for(20s);
  EXPECT_FALSE(goes_on("c"));
  cluster.write_delay = 1ms;
  cluster.run_for(20s);
  EXPECT_FALSE(goes_on("c")) << "a command is for the state of things that its giver saw";
  ASSERT_EQ(force("c"), std::nullopt);
  EXPECT_TRUE(settled({"c"}));
}

struct AskedOfAWitness : Asked {
  AskedOfAWitness() : Asked(abc) {
    cluster.configure = [](const std::string& name, Config& config) { config.witness = name == "c"; };
  }
  void SetUp() override {
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until([&] { return cluster.view("a").size() == 3 && cluster.view("c").size() == 3; }));
    cluster.run_for(100ms);
  }
};

TEST_F(AskedOfAWitness, AForcedPrimaryNeedsAHolderOfTheState) {
  cluster.crash("a");
  cluster.crash("b");
  cluster.run_for(2s);
  EXPECT_EQ(force("c"), ForceError::no_state);
}

TEST(ForcedPrimary, IsNoHabit) {
  View view;
  view.id = {{70, 1}, 100};
  for (const char* name : {"a", "b", "c"}) view.members.push_back({{name, {1, 1}}, 1, 1, false, true, program_versions()});
  view.sequencers = {Rank{0}};
  view.version = program_versions().newest;
  for (std::uint64_t i = 0; i < forced_max; ++i) view.forced.push_back({{i + 2, 1}, {{i + 1, 1}, i + 1}, "a", 0});
  Restored disk;
  disk.state = {1, {1, 1}, view, {}, std::nullopt, view.id};
  Config config;
  config.peers = {"b", "c"};
  Engine engine({"a", {2, 1}}, config, disk, 1);
  TimePoint now{100s};
  engine.start(now);
  const auto refused = engine.force_primary(now + 1s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), ForceError::too_often);
}

// ---------------------------------------------------------------- giving a history up

TEST_F(Asked, ARestartedNodeMayGiveItsHistoryUp) {
  isolate("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.crash("c");
  cluster.start("c");
  ASSERT_EQ(cluster.at("c").status().node_state, NodeState::returning);
  ASSERT_EQ(discard("c"), std::nullopt);
  EXPECT_EQ(cluster.at("c").status().node_state, NodeState::forming);
  cluster.run_for(100ms);
  EXPECT_FALSE(cluster.disk("c").installed);
  cluster.heal();
  EXPECT_TRUE(settled(abc));
}

struct AskedAlone : Asked {
  AskedAlone() : Asked({"a"}) {}
};

TEST_F(AskedAlone, AHistoryThatNobodyElseCanHaveIsNotGivenUp) {
  EXPECT_EQ(discard("a"), DiscardError::no_peers);
  EXPECT_TRUE(goes_on("a"));
}

// ---------------------------------------------------------------- another configuration

TEST_F(Asked, ANodeThatHasNotStartedTakesAConfigurationQuietly) {
  Config config;
  config.peers = {"b"};
  Engine engine({"a", {1, 1}}, config, {}, 1);
  config.weight = 3;
  ASSERT_TRUE(engine.reconfigure(TimePoint{1s}, config));
  Outbox out;
  engine.drain(out);
  EXPECT_THAT(out.frames, IsEmpty());
  EXPECT_EQ(engine.next_deadline(), std::nullopt);
}

TEST_F(Asked, AHostThatIsNamedNoMoreIsForgotten) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  for (const auto& [node, other] : {std::pair{"a", "b"}, std::pair{"b", "a"}}) {
    Config config;
    config.peers = {other};
    ASSERT_TRUE(cluster.tell(node, [&](Engine& engine, TimePoint now) { return engine.reconfigure(now, config); }));
    EXPECT_THAT(cluster.at(node).correspondents(), ElementsAre(other));
  }
  EXPECT_THAT(cluster.at("a").status().waits_for, "");
  cluster.run_for(1s);
  EXPECT_TRUE(settled({"a", "b"}));
}

// ---------------------------------------------------------------- flow control

TEST_F(Asked, HoldingBackTwiceIsHoldingBack) {
  const auto hold_back = [&](bool on) {
    cluster.tell("b", [on](Engine& engine, TimePoint now) { return engine.hold_back(now, on), true; });
  };
  hold_back(true);
  hold_back(true);
  cluster.run_for(100ms);
  EXPECT_EQ(cluster.publish("a", 1, 1).error(), PublishError::window_full);
  hold_back(false);
  cluster.run_for(100ms);
  EXPECT_TRUE(cluster.publish("a", 1, 1));
}

TEST_F(Asked, WhoHoldsBackBeforeItIsInAViewHoldsBackInIt) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.start("c");
  cluster.tell("c", [](Engine& engine, TimePoint now) { return engine.hold_back(now, true), true; });
  ASSERT_TRUE(settled(abc));
  cluster.run_for(100ms);
  EXPECT_EQ(cluster.publish("a", 1, 1).error(), PublishError::window_full);
}

// ---------------------------------------------------------------- what applications ask

TEST_F(Asked, WhoIsInNoViewKnowsOfNoCommonPart) {
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  ASSERT_TRUE(delivers("c", 1));
  const Position last = cluster.all<Delivered>("c").back().first;
  cluster.crash("c");
  cluster.start("c");
  EXPECT_EQ(cluster.at("c").common_part(last), last) << "nothing is known against it";
}

TEST_F(Asked, TheOrderTimeIsThatOfTheSequencersWallClock) {
  cluster.at("a").on_wall_clock(1000s);
  ASSERT_TRUE(cluster.publish("b", 2, 1));
  ASSERT_TRUE(delivers("c", 1));
  const Duration boot = cluster.now().time_since_epoch();
  const Duration told{cluster.all<Delivered>("c").back().ordered_at};
  EXPECT_LE(told, boot + 1000s);
  EXPECT_GT(told, boot + 1000s - 100ms);
}

}  // namespace
}  // namespace vsync::protocol::test
