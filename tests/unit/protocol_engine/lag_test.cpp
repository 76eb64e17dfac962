// Members that hear and are heard, and don't keep up.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;

struct Lag : Settled {
  static Config quick() {
    Config config;
    config.lag_exclude_after = 2s;
    config.window_messages = 8;
    return config;
  }
  explicit Lag(const std::vector<std::string>& names = abc) : Settled(names, quick()) {}
  void starve(const std::string& node) {
    cluster.drop = [node](const std::string&, const std::string& to, const Frame& frame) { return to == node && is<Data>(frame); };
  }
  /// Publishes at a, one message each 20 ms as far as the window lets it; returns how many it took.
  std::uint64_t publish_for(Duration time) {
    const std::uint64_t before = n_;
    for (const TimePoint end = cluster.now() + time; cluster.now() < end; cluster.run_for(20ms)) {
      if (cluster.publish("a", 1, n_ + 1)) ++n_;
    }
    return n_ - before;
  }

 private:
  std::uint64_t n_ = 0;
};

TEST_F(Lag, AMemberThatGetsNothingStopsThePublishersUntilItIsExcluded) {
  starve("c");
  EXPECT_LE(publish_for(1900ms), 8u);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("a").size() == 2; }, 500ms));
  EXPECT_GT(publish_for(500ms), 20u);
  cluster.drop = nullptr;
  EXPECT_TRUE(settled(abc));
}

TEST_F(Lag, AMemberThatIsSlowAndCatchesUpStays) {
  for (int i = 0; i < 5; ++i) {
    starve("c");
    publish_for(1s);
    cluster.drop = nullptr;
    cluster.run_for(500ms);
  }
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b", "c"));
  EXPECT_EQ(changes("a"), 1u);
}

TEST_F(Lag, WhoReceivesNothingAccusesNobody) {
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return to == "a" && (is<Ack>(frame) || is<Data>(frame)); };
  publish_for(1s);
  ASSERT_TRUE(cluster.publish("b", 2, 1));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("b").size() == 2; }, 5s));
  EXPECT_THAT(cluster.view("b"), ElementsAre("b", "c"));
}

struct LagOfTwo : Lag {
  LagOfTwo() : Lag({"a", "b"}) {}
};

TEST_F(LagOfTwo, WhoIsNeededStays) {
  starve("a");  // b may not go on without the tie-breaker
  ASSERT_TRUE(cluster.publish("b", 2, 1));
  cluster.run_for(5s);
  EXPECT_THAT(cluster.view("b"), ElementsAre("a", "b"));
  EXPECT_EQ(cluster.at("b").status().component, ComponentState::primary);
}

struct LagOfFive : Lag {
  LagOfFive() : Lag({"a", "b", "c", "d", "e"}) {}
};

// The next ballot is what it waits for, and the next ballot needs it.
TEST_F(LagOfFive, WhoIsWedgedIsNoLaggard) {
  const auto drop = [](const std::string&, const std::string& to, const Frame& frame) {
    return (to == "b" && is<Data>(frame)) || (to == "c" && is<Prepare>(frame));
  };
  cluster.drop = drop;
  publish_for(500ms);
  cluster.crash("e");
  cluster.run_for(100ms);
  ASSERT_EQ(cluster.at("b").status().node_state, NodeState::wedged);
  cluster.crash("a");
  cluster.run_for(3s);
  ASSERT_EQ(cluster.at("c").status().node_state, NodeState::operational);
  cluster.drop = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("c").size() == 3; }, 5s));
  EXPECT_THAT(cluster.view("c"), ElementsAre("b", "c", "d"));
}

}  // namespace
}  // namespace vsync::protocol::test
