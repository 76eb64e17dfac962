// The view change under loss, delay and pauses: it ends, and in one view.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct ViewChange : Settled {
  ViewChange() : Settled(abc) {}
};

TEST_F(ViewChange, WhatWedgedOrMovedOnDoesNotRenewALease) {
  for (std::uint64_t n = 1; n <= 200; ++n) {
    ASSERT_TRUE(cluster.publish("c", 3, n * 10 - 9, 10));
    cluster.run_for(10ms);
  }
  ASSERT_TRUE(cluster.at("c").status().lease);
  // The sequencer c goes on hearing b and being heard by it, but learns nothing of its exclusion.
  cluster.cut("a", "c");
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return to == "c" && !is<Heartbeat>(frame); };
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.run_for(300ms);
  ASSERT_EQ(cluster.view("c").size(), 3u);
  EXPECT_FALSE(cluster.at("c").status().lease);
}

TEST_F(ViewChange, WhatComesBeforeItsViewIsBoundedInBytesForEachSender) {
  const Status before = cluster.at("a").status();
  ViewId following = before.view->id;
  ++following.number;
  const auto send = [&](const char* from, std::size_t bytes) {
    Chunk chunk;
    chunk.first = Seqno{1};
    chunk.count = 1;
    chunk.payload = Payload(std::vector<std::byte>(bytes));
    cluster.inject("a", Frame{before.cluster, cluster.at(from).self(), cluster.at("a").self(), Data{following, Lane{}, Rank{1}, {chunk}}});
    return cluster.at("a").status().dropped_frames - before.dropped_frames;
  };
  const std::size_t half = Config{}.window_bytes / 2;
  EXPECT_EQ(send("b", half), 0u);
  EXPECT_EQ(send("b", half), 1u) << "with what a frame costs it is too much";
  EXPECT_EQ(send("c", half), 1u) << "another sender's is another's";
}

TEST_F(ViewChange, TheStatusTellsHowFarItIs) {
  const auto waits_for = [&](BallotWait wait) {
    return cluster.run_until([&] { return cluster.at("a").status().coordinates == wait; });
  };
  EXPECT_TRUE(cluster.at("b").status().view_is_uniform);
  EXPECT_FALSE(cluster.at("b").status().promised);
  cluster.crash("c");
  cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<Answer>(frame); };
  ASSERT_TRUE(waits_for(BallotWait::answers));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("b").status().promised; }));
  EXPECT_FALSE(cluster.at("b").status().coordinates) << "it answers a ballot, and runs none";

  cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<Gathered>(frame); };
  ASSERT_TRUE(waits_for(BallotWait::confirmations));
  EXPECT_FALSE(cluster.at("b").status().accepted);

  cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<AcceptedBallot>(frame); };
  ASSERT_TRUE(waits_for(BallotWait::acceptances));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("b").status().accepted; }));

  cluster.drop = nullptr;
  ASSERT_TRUE(settled({"a", "b"}));
  EXPECT_FALSE(cluster.at("a").status().coordinates);
  EXPECT_FALSE(cluster.at("b").status().promised) << "nothing is promised in the new view";
  EXPECT_FALSE(cluster.at("b").status().accepted);
}

TEST(Promise, IsNotGivenByAMemberThatHasNotInstalledTheView) {
  // The first view is in force at a and c, but b hasn't heard of it: it couldn't keep a promise.
  Cluster cluster(abc);
  std::size_t answers = 0;
  cluster.drop = [&](const std::string& from, const std::string& to, const Frame& frame) {
    if (from == "b" && is<Answer>(frame)) ++answers;
    return to == "b" && is<Decided>(frame);
  };
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("c").size() == 3; }));
  const View first = *cluster.at("a").status().view;
  cluster.inject("b", Frame{cluster.at("a").status().cluster, cluster.at("a").self(), cluster.at("b").self(),
                            Prepare{first, {7, Rank{0}}, false}});
  EXPECT_EQ(answers, 0u);
}

TEST_F(ViewChange, ACoordinatorThatSleptDecidesNothingByTheAnswersThatWaited) {
  cluster.crash("c");
  // Everything but the last acceptance has come when a falls asleep.
  bool accepted = false;
  cluster.drop = [&](const std::string& from, const std::string&, const Frame& frame) {
    accepted = accepted || (from == "b" && is<AcceptedBallot>(frame));
    return false;
  };
  ASSERT_TRUE(cluster.run_until([&] { return accepted; }));
  cluster.pause("a");
  cluster.run_for(400ms);
  const auto before = changes("a");
  cluster.resume("a");
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.at("a").status().doubts; }));
  EXPECT_EQ(changes("a"), before);
  EXPECT_TRUE(settled({"a", "b"}));
}

TEST(SlowDisks, DelayAViewChangeAndDoNotPreventIt) {
  Cluster cluster(abc);
  cluster.write_delay = 500ms;
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled(abc); }));
  cluster.crash("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }));
}

TEST(SlowDisks, ACoordinatorAsksForNothingThatItHasNotPromisedOnDisk) {
  Cluster cluster(abc);
  cluster.write_delay = 500ms;
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled(abc); }));
  std::size_t asked = 0;
  cluster.drop = [&](const std::string& from, const std::string&, const Frame& frame) {
    const auto* prepare = std::get_if<Prepare>(&frame.body);
    if (prepare == nullptr) return false;
    ++asked;
    EXPECT_GE(cluster.disk(from).promised, prepare->ballot);
    return false;
  };
  cluster.crash("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }));
  EXPECT_GT(asked, 0u);
}

struct Four : Settled {
  Four() : Settled({"a", "b", "c", "d"}) {}
};

TEST_F(Four, OneLostFrameOfAViewChangeExcludesNobody) {
  cluster.crash("d");
  ASSERT_TRUE(settled(abc));
  std::set<std::pair<std::string, std::size_t>> lost;
  cluster.drop = [&](const std::string&, const std::string& to, const Frame& frame) {
    const bool counts = is<Prepare>(frame) || is<Answer>(frame) || is<Gather>(frame) || is<Gathered>(frame) || is<Accept>(frame) ||
                        is<AcceptedBallot>(frame) || is<Decided>(frame);
    return counts && (to == "a" || to == "b") && lost.insert({to, frame.body.index()}).second;
  };
  cluster.start("d");
  ASSERT_TRUE(settled({"a", "b", "c", "d"}));
  for (const char* node : {"a", "b", "c"}) EXPECT_THAT(cluster.all<Resynced>(node), IsEmpty()) << node;
}

// An answer is on disk before it leaves. With a heavy coordinator the view goes on without whoever is late, who then comes back.
TEST(SlowDisks, AreGrantedMoreTimeUntilAllAreIn) {
  Cluster cluster({"a", "b", "c"});
  cluster.configure = [](const std::string& name, Config& config) { config.weight = name == "a" ? 3 : 1; };
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled(abc); }));
  cluster.write_delay = 700ms;
  cluster.crash("c");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("a").size() < 3; }));
  cluster.start("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.settled(abc); }, 30s));
}

TEST_F(ViewChange, WhatComesBeforeItsViewIsBoundedInNumber) {
  const Status before = cluster.at("a").status();
  ViewId following = before.view->id;
  ++following.number;
  const Frame early{before.cluster, cluster.at("b").self(), cluster.at("a").self(), Ack{following, false, {}}};
  for (int i = 0; i < 4096; ++i) cluster.inject("a", early);
  EXPECT_EQ(cluster.at("a").status().dropped_frames, before.dropped_frames);
  cluster.inject("a", early);
  EXPECT_EQ(cluster.at("a").status().dropped_frames, before.dropped_frames + 1);
}

}  // namespace
}  // namespace vsync::protocol::test
