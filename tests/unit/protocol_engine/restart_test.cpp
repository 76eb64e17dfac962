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

TEST_F(Restart, ADiskThatHasPromisedTakesNothingOfALowerBallot) {
  const View view = *cluster.at("a").status().view;
  const ClusterId id = cluster.at("a").status().cluster;
  for (const std::string& name : abc) cluster.crash(name);
  cluster.start("b");
  const NodeId coordinator{"c", {9, 9}};
  std::vector<Ballot> in_the_way;
  cluster.drop = [&](const std::string&, const std::string&, const Frame& sent) {
    if (is<Refused>(sent)) in_the_way.push_back(std::get<Refused>(sent.body).promised);
    return false;
  };
  const auto say = [&](Body body) { cluster.inject("b", Frame{id, coordinator, cluster.at("b").self(), std::move(body)}); };
  const Ballot promised{70, Rank{2}};
  const Ballot lower{7, Rank{2}};
  say(Prepare{view, promised, true});
  say(Prepare{view, lower, true});
  say(Gather{view.id, lower, Value{}});
  say(Accept{view.id, lower, Value{}});
  EXPECT_THAT(in_the_way, ElementsAre(promised, promised));
  EXPECT_TRUE(cluster.at("b").status().promised);
  EXPECT_FALSE(cluster.at("b").status().accepted);
  // Above its promise only a living member accepts: a disk is bound to what it answered.
  say(Accept{view.id, Ballot{80, Rank{2}}, Value{}});
  EXPECT_FALSE(cluster.at("b").status().accepted);
}

TEST_F(Restart, WhoMissedManyChangesIsShownThemInBoundedParts) {
  isolate("c");
  ASSERT_TRUE(settled({"a", "b"}));
  for (int i = 0; i < 4; ++i) {
    cluster.crash("b");
    ASSERT_TRUE(settled({"a"}));
    cluster.start("b");
    ASSERT_TRUE(settled({"a", "b"}));
  }
  std::size_t longest = 0;
  cluster.drop = [&](const std::string&, const std::string& to, const Frame& frame) {
    if (to == "c" && is<Decided>(frame)) longest = std::max(longest, std::get<Decided>(frame.body).chain.size());
    return false;
  };
  cluster.heal();
  EXPECT_TRUE(settled(abc));
  EXPECT_EQ(longest, 8u);
}

TEST_F(Restart, WhoIsShownALaterViewPromisesNothingInItBeforeThatIsOnDisk) {
  const ClusterId id = cluster.at("a").status().cluster;
  View later = *cluster.at("a").status().view;
  const ViewId from = later.id;
  ++later.id.number;
  for (const std::string& name : abc) cluster.crash(name);
  cluster.start("b");
  std::size_t answers = 0;
  cluster.drop = [&](const std::string&, const std::string&, const Frame& sent) {
    answers += is<Answer>(sent) ? 1 : 0;
    return false;
  };
  const auto say = [&](Body body) { cluster.inject("b", Frame{id, {"c", {9, 9}}, cluster.at("b").self(), std::move(body)}); };
  Decision decision;
  decision.from = from;
  decision.value.next = later;
  say(Decided{{decision}});
  say(Prepare{later, Ballot{7, Rank{2}}, true});
  cluster.run_for(100us);
  EXPECT_EQ(answers, 0u);
  cluster.run_for(10ms);
  EXPECT_EQ(cluster.disk("b").installed->id, later.id);
  say(Prepare{later, Ballot{7, Rank{2}}, true});
  cluster.run_for(10ms);
  EXPECT_EQ(answers, 1u);
}

// Its memories are lost, and with them where its views ended.
TEST_F(Restart, OfAnEpochThatEndedOnTheDisksWhatIsDurableIsLeft) {
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(delivers("c", 1));
  cluster.run_for(100ms);
  ASSERT_TRUE(cluster.publish("a", 1, 2));
  ASSERT_TRUE(delivers("c", 2));
  const Position durable = cluster.all<Delivered>("c").front().first;
  const Position lost = cluster.all<Delivered>("c").back().first;
  for (const std::string& name : abc) cluster.crash(name);
  cluster.start_all();
  ASSERT_TRUE(settled(abc));
  for (const std::string& name : abc) {
    EXPECT_EQ(cluster.at(name).common_part(lost), durable) << name;
    EXPECT_EQ(cluster.at(name).common_part(durable), durable) << name;
  }
}

}  // namespace
}  // namespace vsync::protocol::test
