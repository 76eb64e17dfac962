// Durable messages: what is on a disk before what is told, and what a restart or a joiner gets from it.

#include <gmock/gmock.h>

#include <utility>

#include "fixtures.hpp"
#include "protocol/durable_log.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Durable : Settled {
  Durable() : Settled(abc) {}
  /// "session:n" of what a node's log holds.
  std::vector<std::string> logged(const std::string& node) {
    std::vector<std::string> found;
    for (const LogEntry& entry : cluster.at(node).durable_log().entries(Lane{})) {
      found.push_back(std::to_string(entry.chunk.session.low) + ":" + std::to_string(entry.chunk.first_n));
    }
    return found;
  }
  std::vector<std::uint64_t> ok(const std::string& node) {
    std::vector<std::uint64_t> found;
    for (const Resolved& resolved : cluster.all<Resolved>(node)) {
      if (resolved.outcome == Outcome::ok) found.push_back(resolved.first_n);
    }
    return found;
  }
  /// a and b go on without c, and have something durable that it lacks.
  void miss_one() {
    cluster.crash("c");
    ASSERT_TRUE(settled({"a", "b"}));
    ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
    ASSERT_TRUE(cluster.run_until([&] { return !ok("a").empty(); }));
  }
};

TEST_F(Durable, OkWaitsForTheDisksAndDeliveryDoesNot) {
  cluster.write_delay = 50ms;
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(delivers("c", 1, 10ms));
  cluster.run_for(30ms);
  EXPECT_THAT(ok("a"), IsEmpty());
  EXPECT_TRUE(cluster.run_until([&] { return !ok("a").empty(); }, 100ms));
  EXPECT_THAT(logged("b"), ElementsAre("1:1"));
}

TEST_F(Durable, WhatIsNotDurableIsNotLogged) {
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  ASSERT_TRUE(cluster.publish("a", 1, 2, 1, Level::durable));
  ASSERT_TRUE(cluster.publish("a", 1, 3, 1, Level::safe));
  cluster.run_for(200ms);
  EXPECT_THAT(logged("c"), ElementsAre("1:2"));
}

TEST_F(Durable, ARetryIsLoggedOnce) {
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  cluster.run_for(100ms);
  cluster.submit("b", {OpenSession{{0, 1}, cluster.at("b").self(), "app"}});
  cluster.run_for(100ms);
  ASSERT_TRUE(cluster.publish("b", 1, 1, 1, Level::durable));
  cluster.run_for(100ms);
  EXPECT_THAT(ok("b"), ElementsAre(1));
  EXPECT_THAT(logged("c"), ElementsAre("1:1"));
}

TEST_F(Durable, IsKeptThroughTheCrashOfAll) {
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(cluster.run_until([&] { return !ok("a").empty(); }));
  for (const std::string& node : abc) cluster.crash(node);
  cluster.start("b");
  cluster.start("c");
  ASSERT_TRUE(settled({"b", "c"}));
  EXPECT_THAT(logged("b"), ElementsAre("1:1"));
  EXPECT_THAT(logged("c"), ElementsAre("1:1"));
}

TEST_F(Durable, AJoinerHasTheLogBeforeItHasAVote) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  for (std::uint64_t n = 1; n <= 20; ++n) ASSERT_TRUE(cluster.publish("a", 1, n, 1, Level::durable));
  ASSERT_TRUE(cluster.run_until([&] { return ok("a").size() == 20; }));
  cluster.start("c");
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(logged("c"), logged("a"));
  EXPECT_EQ(logged("c").size(), 20u);
}

TEST_F(Durable, WhatACutOffNodeLoggedInVainIsTakenBack) {
  isolate("a");
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));  // it still has its lease, and orders it
  cluster.run_for(50ms);
  EXPECT_THAT(logged("a"), ElementsAre("1:1"));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("b").size() == 2; }));
  ASSERT_TRUE(cluster.publish("b", 2, 1, 1, Level::durable));
  cluster.run_for(1s);
  cluster.heal();
  ASSERT_TRUE(settled(abc));
  EXPECT_THAT(logged("a"), ElementsAre("2:1"));
  EXPECT_EQ(logged("a"), logged("b"));
}

TEST_F(Durable, ACutIsOnTheDisksBeforeItIsAccepted) {
  // It is in nobody's order, and so in the tail of the cut.
  cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<Order>(frame); };
  ASSERT_TRUE(cluster.publish("b", 2, 1, 1, Level::durable));
  cluster.run_for(5ms);
  cluster.drop = nullptr;
  cluster.crash("a");
  ASSERT_TRUE(settled({"b", "c"}));
  cluster.run_for(100ms);
  EXPECT_THAT(ok("b"), ElementsAre(1));
  for (const char* node : {"b", "c"}) {
    EXPECT_THAT(logged(node), ElementsAre("2:1"));
    cluster.crash(node);
  }
  cluster.start("b");
  cluster.start("c");
  ASSERT_TRUE(settled({"b", "c"}));
  EXPECT_THAT(logged("c"), ElementsAre("2:1"));
}

struct SlowDisk : Settled {
  static Config small() {
    Config config;
    config.window_bytes = 4096;
    return config;
  }
  SlowDisk() : Settled(abc, small()) {}
};

TEST_F(SlowDisk, IsFeltByPublishers) {
  cluster.write_delay = 600ms;
  bool full = false;
  for (std::uint64_t n = 1; !full && n < 100; ++n) {
    const auto published = cluster.publish("a", 1, n, 1, Level::durable);
    full = !published && published.error() == PublishError::window_full;
    cluster.run_for(5ms);  // the others hold it: only the disks are behind
  }
  EXPECT_TRUE(full);
  EXPECT_TRUE(cluster.run_until([&] { return !cluster.all<Writable>("a").empty(); }, 2s));
}

// ---------------------------------------------------------------- copying a log

TEST_F(Durable, AGiverOfTheLogThatDoesNotAnswerIsPassedOver) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  for (std::uint64_t n = 1; n <= 5; ++n) ASSERT_TRUE(cluster.publish("a", 1, n, 1, Level::durable));
  ASSERT_TRUE(cluster.run_until([&] { return ok("a").size() == 5; }));
  std::size_t lost = 0;
  cluster.drop = [&](const std::string& from, const std::string&, const Frame& frame) {
    lost += from == "a" && is<LogPart>(frame) ? 1 : 0;
    return from == "a" && is<LogPart>(frame);
  };
  cluster.start("c");
  ASSERT_TRUE(settled(abc));
  EXPECT_GT(lost, 0u) << "the most senior one was asked first";
  EXPECT_EQ(logged("c"), logged("b"));
}

TEST_F(Durable, ALogIsGivenOnlyInAViewOfBoth) {
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(cluster.run_until([&] { return !ok("a").empty(); }));
  std::size_t given = 0;
  cluster.drop = [&](const std::string&, const std::string&, const Frame& frame) {
    given += is<LogPart>(frame) ? 1 : 0;
    return false;
  };
  ViewId asked = cluster.at("a").status().view->id;
  const auto ask = [&] {
    const ClusterId id = cluster.at("a").status().cluster;
    cluster.inject("a", Frame{id, cluster.at("c").self(), cluster.at("a").self(), FetchLog{asked, Lane{}, {}}});
  };
  ask();
  EXPECT_EQ(given, 1u);
  --asked.number;
  ask();
  EXPECT_EQ(given, 1u);
}

TEST_F(Durable, ADiskThatLacksTheEndOfTheLogHasItBeforeItIsAskedToAccept) {
  cluster.pause("c");
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(cluster.run_until([&] { return !ok("a").empty(); }, 400ms));
  for (const std::string& node : abc) cluster.crash(node);
  cluster.resume("c");
  cluster.start("b");
  cluster.start("c");
  ASSERT_THAT(logged("c"), IsEmpty());
  // What was asked is repeated, and meant once.
  int lost = 3;
  bool accepts = false;
  cluster.drop = [&](const std::string&, const std::string& to, const Frame& frame) {
    if (to == "c" && is<Accept>(frame) && !std::exchange(accepts, true)) {
      EXPECT_THAT(logged("c"), ElementsAre("1:1"));
    }
    return to == "c" && is<LogPart>(frame) && lost-- > 0;
  };
  ASSERT_TRUE(settled({"b", "c"}));
  EXPECT_TRUE(accepts);
  EXPECT_THAT(logged("c"), ElementsAre("1:1"));
}

TEST_F(Durable, AGiverThatPromisesMoreAndGivesNothingIsNotAskedForEver) {
  miss_one();
  cluster.alter = [](const std::string&, Frame& sent) {
    auto* part = std::get_if<LogPart>(&sent.body);
    if (part == nullptr) return;
    part->more = true;
    part->entries.clear();
  };
  cluster.start("c");
  EXPECT_TRUE(settled(abc));
}

TEST_F(Durable, OfALaneOnlyWhatIsOfItIsCopied) {
  miss_one();
  cluster.alter = [](const std::string&, Frame& sent) {
    auto* part = std::get_if<LogPart>(&sent.body);
    if (part == nullptr || part->entries.empty()) return;
    part->entries.push_back(part->entries.front());
    part->entries.back().first.lane = Lane{1};
  };
  cluster.start("c");
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(logged("c"), logged("a"));
  EXPECT_THAT(cluster.at("c").durable_log().entries(Lane{1}), IsEmpty());
}

struct SmallAnswers : Durable {
  void SetUp() override {
    cluster.configure = [](const std::string&, Config& config) { config.fetch_bytes_max = 500; };
    Durable::SetUp();
  }
};

TEST_F(SmallAnswers, ALongLogIsCopiedPartByPart) {
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  for (std::uint64_t n = 1; n <= 20; ++n) ASSERT_TRUE(cluster.publish("a", 1, n, 1, Level::durable));
  ASSERT_TRUE(cluster.run_until([&] { return ok("a").size() == 20; }));
  std::size_t parts = 0;
  cluster.drop = [&](const std::string&, const std::string& to, const Frame& frame) {
    if (to == "c" && is<LogPart>(frame)) {
      ++parts;
      EXPECT_LE(std::get<LogPart>(frame.body).entries.size(), 4u);
    }
    return false;
  };
  cluster.start("c");
  ASSERT_TRUE(settled(abc));
  EXPECT_GE(parts, 5u);
  EXPECT_EQ(logged("c"), logged("a"));
}

}  // namespace
}  // namespace vsync::protocol::test
