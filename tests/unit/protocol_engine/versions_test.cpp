// A cluster is upgraded one daemon at a time, and goes over to the new version of the protocol in a view change.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Versions former{3, 3};
constexpr Versions next{3, 4};

struct Upgrade : Settled {
  Upgrade() : Settled(abc, raising_after(60s)) {
    cluster.configure = [this](const std::string& name, Config& config) { config.speaks = programs[name]; };
    for (const std::string& name : abc) programs[name] = former;
  }
  static Config raising_after(Duration time) {
    Config config;
    config.tie_breaker = "a";
    config.raise_after = time;
    return config;
  }
  void restart(const std::string& name, Versions program) {
    cluster.crash(name);
    programs[name] = program;
    cluster.start(name);
  }
  std::uint16_t version(const std::string& name) { return cluster.at(name).status().view->version; }
  std::string waits_for(const std::string& name) { return cluster.at(name).status().waits_for; }
  /// A cluster that has gone over.
  void upgrade() {
    for (const std::string& name : abc) {
      restart(name, next);
      ASSERT_TRUE(settled(abc));
    }
    ASSERT_EQ(version("a"), 4);
  }
  /// In the middle of an upgrade.
  void lose_the_last_former() {
    restart("a", next);
    ASSERT_TRUE(settled(abc));
    restart("b", next);
    ASSERT_TRUE(settled(abc));
    cluster.crash("c");
    ASSERT_TRUE(settled({"a", "b"}));
  }

  std::map<std::string, Versions> programs;
};

TEST_F(Upgrade, TheVersionIsRaisedWithTheLastOfThem) {
  restart("a", next);
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(version("a"), 3);
  restart("b", next);
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(version("a"), 3);
  restart("c", next);
  ASSERT_TRUE(settled(abc));
  for (const std::string& name : abc) EXPECT_EQ(version(name), 4) << name;
}

TEST_F(Upgrade, WhoIsMissedMayComeBackAsItWas) {
  lose_the_last_former();
  cluster.run_for(20s);
  EXPECT_EQ(version("a"), 3);
  cluster.start("c");
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(version("c"), 3);
}

TEST_F(Upgrade, WhoStaysAwayIsNotWaitedForWithoutEnd) {
  lose_the_last_former();
  const auto before = changes("a");
  cluster.run_for(70s);
  ASSERT_TRUE(settled({"a", "b"}));
  EXPECT_EQ(version("a"), 4);
  EXPECT_EQ(changes("a"), before + 1) << "one view change raises it";
}

TEST_F(Upgrade, AnOlderProgramIsNotAdmittedAndSaysWhatItNeeds) {
  upgrade();
  restart("c", former);
  cluster.run_for(5s);
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b"));
  EXPECT_EQ(cluster.at("c").status().foreign_version, 4);
  EXPECT_EQ(waits_for("c"), "a vsyncd that speaks version 4 of the protocol, as this cluster does: this one speaks 3 to 3");
  const auto before = changes("a");
  cluster.run_for(5s);
  EXPECT_EQ(changes("a"), before) << "nobody else is concerned";
  restart("c", next);
  EXPECT_TRUE(settled(abc));
}

TEST_F(Upgrade, AProgramThatNoLongerSpeaksTheVersionIsNotAdmittedEither) {
  restart("c", {4, 5});
  cluster.run_for(5s);
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b"));
  EXPECT_THAT(waits_for("c"), HasSubstr("version 3"));
}

TEST_F(Upgrade, ADiskHasNoVoteForAProgramThatDoesNotSpeakItsView) {
  upgrade();
  for (const std::string& name : abc) cluster.crash(name);
  programs["b"] = programs["c"] = former;
  for (const std::string& name : abc) cluster.start(name);
  cluster.run_for(10s);
  for (const std::string& name : abc) EXPECT_THAT(cluster.view(name), IsEmpty()) << name;
  EXPECT_THAT(waits_for("b"), HasSubstr("speaks version 4"));
  restart("b", next);
  ASSERT_TRUE(settled({"a", "b"}));
  EXPECT_EQ(version("a"), 4) << "a new epoch doesn't lower it";
}

// The view changes for other reasons meanwhile.
TEST_F(Upgrade, ARestartOfAnotherDoesNotLockOutWhoIsMissed) {
  lose_the_last_former();
  restart("b", next);
  ASSERT_TRUE(settled({"a", "b"}));
  EXPECT_EQ(version("a"), 3);
  cluster.start("c");
  EXPECT_TRUE(settled(abc)) << waits_for("c");
}

TEST_F(Upgrade, ALearnerThatGrowsUpDoesNotLockOutWhoIsMissed) {
  restart("a", next);
  ASSERT_TRUE(settled(abc));
  cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<Snapshot>(frame); };
  restart("b", next);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("b").size() == 3; }));
  cluster.crash("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("a").size() == 2; }));
  cluster.drop = nullptr;
  ASSERT_TRUE(settled({"a", "b"}));
  EXPECT_EQ(version("a"), 3);
  cluster.start("c");
  EXPECT_TRUE(settled(abc)) << waits_for("c");
}

TEST_F(Upgrade, TheBallotThatIsToAdmitTheFormerProgramDoesNotLockItOut) {
  lose_the_last_former();
  cluster.run_for(50s);
  cluster.start("c");
  cluster.drop = [](const std::string& from, const std::string&, const Frame& frame) { return from == "c" && is<Answer>(frame); };
  cluster.run_for(20s);
  cluster.drop = nullptr;
  EXPECT_EQ(version("a"), 3);
  EXPECT_TRUE(settled(abc)) << waits_for("c");
}

TEST_F(Upgrade, WhoIsTooOldForABlockedViewIsNamed) {
  upgrade();
  for (const char* name : {"b", "c"}) restart(name, former);
  cluster.run_for(5s);
  EXPECT_THAT(waits_for("a"), HasSubstr("a newer vsyncd is needed at b, c"));
  cluster.crash("a");
  cluster.start("a");
  cluster.run_for(5s);
  EXPECT_THAT(waits_for("a"), HasSubstr("a newer vsyncd is needed at b, c"));
}

struct MixedFromTheBeginning : Upgrade {
  MixedFromTheBeginning() { programs["b"] = next; }
};

TEST_F(MixedFromTheBeginning, TheFirstViewIsSpokenInWhatAllSpeak) { EXPECT_EQ(version("b"), 3); }

TEST(Formation, WaitsWhereNoVersionIsSpokenByAll) {
  Cluster cluster(abc);
  cluster.configure = [](const std::string& name, Config& config) {
    const auto later = static_cast<std::uint16_t>(program_versions().newest + 1);
    if (name == "b") config.speaks = {later, later};
  };
  cluster.start_all();
  cluster.run_for(5s);
  for (const std::string& name : abc) EXPECT_TRUE(cluster.view(name).empty()) << name;
}

}  // namespace
}  // namespace vsync::protocol::test
