// What a restart may and may not do: votes from disks, and blocks that end.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Restart : Settled {
  Restart() : Settled(abc) {}
};

TEST_F(Restart, AHostThatWasPausedWhileTheOthersRestartedDoesNotKeepThemBlocked) {
  cluster.pause("a");
  cluster.crash("b");
  cluster.crash("c");
  cluster.run_for(400ms);
  cluster.start("b");
  cluster.start("c");
  cluster.resume("a");
  EXPECT_TRUE(settled(abc));
}

TEST_F(Restart, WhoRestartsWithTheFormerViewOnDiskLearnsTheOneThatWasDecided) {
  const auto before = changes("a");
  isolate("c");
  // a and b have installed {a, b}; a, which b can't go on without, crashes before that is on its disk.
  ASSERT_TRUE(cluster.run_until([&] { return changes("a") > before && changes("b") > before; }));
  cluster.crash("a");
  ASSERT_EQ(cluster.disk("a").installed->size(), 3u);
  cluster.crash("c");
  cluster.heal();
  cluster.run_for(1s);
  cluster.start("a");
  EXPECT_TRUE(settled({"a", "b"}));
}

TEST_F(Restart, OfHostsWithDifferentViewsOnDiskTheLaterViewCounts) {
  const auto before = changes("a");
  isolate("c");
  ASSERT_TRUE(cluster.run_until([&] { return changes("a") > before && changes("b") > before; }));
  cluster.crash("a");
  cluster.run_for(10ms);
  cluster.crash("b");
  ASSERT_EQ(cluster.disk("a").installed->size(), 3u);
  ASSERT_EQ(cluster.disk("b").installed->size(), 2u);
  cluster.crash("c");
  cluster.start("a");
  cluster.start("b");
  EXPECT_TRUE(settled({"a", "b"}));
}

TEST_F(Restart, AHostReinstalledEmptyIsAdmittedThoughItsIncarnationCountsFromOneAgain) {
  for (int i = 0; i < 3; ++i) {
    cluster.crash("c");
    cluster.start("c");
    ASSERT_TRUE(settled(abc));
  }
  cluster.crash("c");
  cluster.wipe("c");
  cluster.start("c");
  EXPECT_TRUE(settled(abc));
}

TEST_F(Restart, AJoinerThatWasPausedHandsNothingOutBeforeItHearsThatItsViewGoesOn) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.start("c");
  // It is admitted and sent the state and a message, but sleeps all the while.
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("a").status().node_state == NodeState::wedged; }));
  cluster.run_for(2ms);
  cluster.pause("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("a").size() == 3; }, 100ms));
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  cluster.run_for(400ms);
  const TimePoint woken = cluster.now();
  cluster.resume("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("c").status().view.has_value(); }));
  EXPECT_THAT(cluster.delivered("c"), IsEmpty());
  ASSERT_TRUE(delivers("c", 1));
  EXPECT_GT(cluster.now(), woken + 400us);  // there and back
}

// Its applications are still there, and ask.
TEST_F(Restart, WhoRestartsLearnsWhatItsFormerLifeDeliveredInVain) {
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  ASSERT_TRUE(delivers("b", 1));
  isolate("a");
  ASSERT_TRUE(cluster.publish("a", 1, 2, 5));
  ASSERT_TRUE(delivers("a", 6)) << "it is the sequencer, and has its lease";
  const Delivered latest = cluster.all<Delivered>("a").back();
  Position last = latest.first;
  last.seq = last.seq + (latest.chunk.count - 1);
  ASSERT_TRUE(settled({"b", "c"}));
  cluster.crash("a");
  cluster.heal();
  cluster.start("a");
  ASSERT_TRUE(settled(abc));
  const Position kept = cluster.all<Delivered>("b").front().first;
  EXPECT_EQ(cluster.at("b").common_part(last), kept);
  EXPECT_EQ(cluster.at("a").common_part(last), kept);
  EXPECT_EQ(cluster.at("a").common_part(kept), kept);
}

TEST(Formation, IsNotUndoneByACrashBeforeTheFirstViewIsOnDisk) {
  Cluster cluster(abc);
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("b").size() == 3 && cluster.view("c").size() == 3; }));
  cluster.crash("b");
  cluster.crash("c");
  ASSERT_FALSE(cluster.disk("b").installed);
  cluster.run_for(1s);
  cluster.start("b");
  cluster.start("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled(abc); }));
}

TEST(Formation, BeginsNothingBeforeTheFirstViewIsOnItsMintersDisk) {
  Cluster cluster(abc);
  cluster.write_delay = 100ms;
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("a").size() == 3; }));
  EXPECT_TRUE(cluster.disk("a").installed);
}

TEST_F(Restart, WhoIsLeftOutByAViewShowsItToThoseThatGoOn) {
  // c alone follows a's and b's leave, and crashes before it knows; a knows from its disk.
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return to == "b" && is<Decided>(frame); };
  const auto before = changes("a");
  cluster.leave("a");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.disk("a").accepted.has_value(); }));
  cluster.run_for(10ms);
  cluster.crash("a");
  cluster.crash("b");
  cluster.drop = nullptr;
  ASSERT_EQ(changes("a"), before);
  cluster.start("a");
  cluster.run_for(3s);
  cluster.start("b");
  EXPECT_TRUE(settled({"a", "b"}));
}

TEST(Formation, GivesNoVoteToAHostThatLostItsDisk) {
  Cluster cluster(abc);
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled(abc); }));
  cluster.run_for(100ms);
  for (const char* node : {"b", "c"}) {
    cluster.crash(node);
    cluster.wipe(node);
  }
  cluster.run_for(1s);
  cluster.start("b");
  cluster.start("c");
  cluster.run_for(10s);
  EXPECT_EQ(cluster.at("a").status().component, ComponentState::blocked);
  EXPECT_THAT(cluster.view("b"), IsEmpty());
}

}  // namespace
}  // namespace vsync::protocol::test
