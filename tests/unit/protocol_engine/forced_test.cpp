// A forced primary: an operator lets those go on that are left, and the histories that are parted by it never merge.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct ForcedOf : Settled {
  explicit ForcedOf(const std::vector<std::string>& names) : Settled(names) {}

  std::optional<ForceError> force(const std::string& name) {
    const auto done = cluster.tell(name, [](Engine& engine, TimePoint now) { return engine.force_primary(now); });
    return done ? std::nullopt : std::optional(done.error());
  }
  void discard(const std::string& name) {
    ASSERT_TRUE(cluster.tell(name, [](Engine& engine, TimePoint now) { return engine.discard(now); }));
  }
  bool goes_on(const std::string& name) { return cluster.at(name).status().component == ComponentState::primary; }
  std::vector<std::string> parted(const std::string& name) { return cluster.at(name).status().parted; }
};

struct ForcedOfThree : ForcedOf {
  ForcedOfThree() : ForcedOf(abc) {}
  /// a and b go on, and c does, too.
  void part() {
    parted_in = cluster.at("c").status().view->id;
    isolate("c");
    ASSERT_TRUE(settled({"a", "b"}));
    ASSERT_TRUE(cluster.publish("a", 1, 1));
    ASSERT_TRUE(cluster.run_until([&] { return !goes_on("c"); }));
    ASSERT_EQ(force("c"), std::nullopt);
    ASSERT_TRUE(settled({"c"}));
    ASSERT_TRUE(cluster.publish("c", 3, 1));
    cluster.run_for(100ms);
    forced_end = cluster.all<Delivered>("c").back().first;
    cluster.heal();
    cluster.run_for(5s);
  }

  ViewId parted_in;
  Position forced_end;
};

// a hears c, which doesn't hear a, and b is gone: enough are heard, and nobody can go on.
TEST_F(ForcedOfThree, WhoHearsEnoughThatDoNotHearItMayBeForced) {
  cluster.cut_one_way("a", "c");
  cluster.crash("b", false);
  ASSERT_TRUE(cluster.run_until([&] { return !goes_on("a") && !goes_on("c"); }));
  cluster.run_for(3s);
  ASSERT_FALSE(goes_on("a"));
  EXPECT_EQ(force("a"), std::nullopt);
  EXPECT_TRUE(settled({"a"}));
}

// Another ballot is promised while the forced value is being written. Who asked would take the promise for one of a node that is still there.
TEST_F(ForcedOfThree, WhatWasPromisedInAViewIsNotToldByWhoHasGoneOn) {
  cluster.crash("a");
  cluster.crash("b");
  ASSERT_TRUE(cluster.run_until([&] { return !goes_on("c"); }));
  const View ended = *cluster.at("c").status().view;
  cluster.write_delay = 100ms;
  ASSERT_EQ(force("c"), std::nullopt);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("c").status().accepted; }));
  std::size_t answers = 0;
  cluster.drop = [&](const std::string&, const std::string& to, const Frame& frame) {
    answers += to == "a" && is<Answer>(frame) ? 1 : 0;
    return false;
  };
  const NodeId back{"a", {cluster.at("a").self().incarnation.counter + 1, 1}};
  cluster.inject("c", Frame{cluster.at("c").status().cluster, back, cluster.at("c").self(), Prepare{ended, {9, Rank{0}}, true}});
  ASSERT_TRUE(settled({"c"}));
  cluster.run_for(1s);
  EXPECT_EQ(answers, 0u);
}

TEST_F(ForcedOfThree, TheLastOneGoesOnAndItIsRecorded) {
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  ASSERT_TRUE(delivers("c", 1));
  const View before = *cluster.at("c").status().view;
  cluster.crash("a");
  cluster.crash("b");
  cluster.run_for(5s);
  ASSERT_FALSE(goes_on("c"));
  ASSERT_EQ(force("c"), std::nullopt);
  ASSERT_TRUE(settled({"c"}));
  const View forced = *cluster.at("c").status().view;
  ASSERT_EQ(forced.forced.size(), 1u);
  EXPECT_EQ(forced.forced[0].epoch, forced.id.epoch);
  EXPECT_EQ(forced.forced[0].from, before.id);
  EXPECT_EQ(forced.forced[0].by, "c");
  EXPECT_GT(forced.id, before.id);
  EXPECT_TRUE(cluster.all<ViewInstalled>("c").back().forced);
  EXPECT_THAT(cluster.all<Resynced>("c"), IsEmpty()) << "what it had is kept";
  ASSERT_TRUE(cluster.publish("c", 3, 1));
  EXPECT_TRUE(delivers("c", 2));
}

TEST_F(ForcedOfThree, WhoWasAwayMeanwhileJoins) {
  cluster.crash("a");
  cluster.crash("b");
  cluster.run_for(2s);
  ASSERT_EQ(force("c"), std::nullopt);
  ASSERT_TRUE(settled({"c"}));
  cluster.start("a");
  cluster.start("b");
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(cluster.at("a").status().view->forced.size(), 1u) << "it stays on record";
  EXPECT_THAT(parted("a"), IsEmpty());
}

TEST_F(ForcedOfThree, ADiskGoesOnWithItsHistory) {
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(delivers("c", 1));
  cluster.run_for(1s);
  for (const std::string& name : abc) cluster.crash(name);
  cluster.start("c");
  cluster.run_for(5s);
  ASSERT_FALSE(goes_on("c"));
  ASSERT_EQ(force("c"), std::nullopt);
  ASSERT_TRUE(settled({"c"}));
  EXPECT_EQ(cluster.at("c").durable_log().entries(Lane{}).size(), 1u);
}

TEST_F(ForcedOfThree, TwoHistoriesThatBothWentOnNeverMerge) {
  part();
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b"));
  EXPECT_THAT(cluster.view("c"), ElementsAre("c"));
  EXPECT_THAT(parted("a"), ElementsAre("c"));
  EXPECT_THAT(parted("b"), ElementsAre("c"));
  EXPECT_THAT(parted("c"), ElementsAre("a", "b"));
  for (const std::string& name : abc) EXPECT_TRUE(goes_on(name)) << name;
  const auto before = changes("a");
  cluster.run_for(5s);
  EXPECT_EQ(changes("a"), before) << "they leave each other alone";
}

TEST_F(ForcedOfThree, TheOneThatAnOperatorNamesIsGivenUp) {
  part();
  discard("c");
  ASSERT_TRUE(settled(abc));
  ASSERT_EQ(cluster.all<Resynced>("c").size(), 1u) << "its applications are told";
  const Resynced told = cluster.all<Resynced>("c").front();
  EXPECT_EQ(told.last_common, (Position{parted_in.epoch, parted_in.number, Lane{}, Seq{}}));
  EXPECT_EQ(told.orphaned_to, forced_end);
  EXPECT_THAT(cluster.at("c").status().view->forced, IsEmpty());
  for (const std::string& name : abc) EXPECT_THAT(parted(name), IsEmpty()) << name;
}

TEST_F(ForcedOfThree, WhoHasReadAnotherHistoryIsToldWhereTheyParted) {
  part();
  discard("c");
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(cluster.at("c").common_part(forced_end), Position{}) << "nobody here knows that epoch";
}

TEST_F(ForcedOfThree, TheForcedOneMayBeTheOneThatStays) {
  part();
  const Position read = cluster.all<Delivered>("a").back().first;
  ASSERT_GT((ViewId{read.epoch, read.view}), parted_in);
  discard("a");
  discard("b");
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(cluster.at("a").status().view->forced.size(), 1u);
  const Position common = cluster.at("a").common_part(read);
  EXPECT_EQ((ViewId{common.epoch, common.view}), parted_in);
}

// A crash in between must not leave an empty log that passes for whole, and a vote with it.
TEST_F(ForcedOfThree, WhatIsGivenUpHasNoVoteBeforeItsLogIsCut) {
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(delivers("c", 1));
  cluster.run_for(100ms);
  bool cut = false;
  cluster.written = [&](const std::string& name, const Write& write) {
    for (const LogRecord& record : write.log) {
      if (name != "c" || !std::holds_alternative<LogCutBack>(record) || cut) continue;
      cut = true;
      EXPECT_FALSE(cluster.disk("c").installed);
      EXPECT_EQ(cluster.disk("c").log_reaches, ViewId{});
    }
  };
  discard("c");
  ASSERT_TRUE(cluster.run_until([&] { return cut; }, 3s));
  EXPECT_TRUE(settled(abc));
}

TEST_F(ForcedOfThree, PartedHistoriesStaySoOverARestart) {
  part();
  cluster.crash("c");
  cluster.start("c");
  cluster.run_for(5s);
  EXPECT_THAT(cluster.view("c"), ElementsAre("c"));
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b"));
  EXPECT_THAT(parted("a"), ElementsAre("c"));
}

TEST_F(ForcedOfThree, WhereItIsNotNeededItIsRefused) {
  EXPECT_EQ(force("a"), ForceError::goes_on);
  isolate("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.heal();
  cluster.crash("c");
  cluster.wipe("c");
  cluster.start("c");
  EXPECT_EQ(force("c"), ForceError::no_view);
}

TEST_F(ForcedOfThree, ADecisionOfAPartedHistoryThatWasUnderWayIsIgnored) {
  part();
  const NodeId before = cluster.at("c").self();
  Decision decision;
  decision.value.next = *cluster.at("a").status().view;
  cluster.inject("c", Frame{cluster.at("c").status().cluster, cluster.at("a").self(), before, Decided{{decision}}});
  EXPECT_THAT(cluster.view("c"), ElementsAre("c"));
  EXPECT_EQ(cluster.at("c").self(), before);
  EXPECT_TRUE(goes_on("c"));
}

struct ForcedOfFive : ForcedOf {
  ForcedOfFive() : ForcedOf({"a", "b", "c", "d", "e"}) {}
};

TEST_F(ForcedOfFive, AllThatAreThereGoOnTogether) {
  ASSERT_TRUE(cluster.publish("d", 4, 1));
  for (const char* name : {"a", "b", "c"}) cluster.crash(name);
  ASSERT_TRUE(cluster.publish("d", 4, 2));
  cluster.run_for(2s);
  ASSERT_EQ(force("e"), std::nullopt);
  ASSERT_TRUE(settled({"d", "e"}));
  ASSERT_TRUE(delivers("e", 2));
  EXPECT_EQ(cluster.delivered("d"), cluster.delivered("e"));
  for (const char* name : {"d", "e"}) EXPECT_THAT(cluster.all<Resynced>(name), IsEmpty()) << name;
}

struct ForcedOfTwo : ForcedOf {
  ForcedOfTwo() : ForcedOf({"a", "b"}) {}
};

TEST_F(ForcedOfTwo, BothSidesForcedArePartedToo) {
  cluster.cut("a", "b");
  ASSERT_TRUE(settled({"a"}));  // it is the tie-breaker
  ASSERT_EQ(force("b"), std::nullopt);
  ASSERT_TRUE(settled({"b"}));
  cluster.crash("a");
  cluster.start("a");
  cluster.heal();
  cluster.run_for(5s);
  EXPECT_THAT(parted("a"), ElementsAre("b"));
  EXPECT_THAT(parted("b"), ElementsAre("a"));
}

}  // namespace
}  // namespace vsync::protocol::test
