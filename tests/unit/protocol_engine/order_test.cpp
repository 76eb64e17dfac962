// Order, confirmation and catching up in an installed view and across its end.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::Contains;
using testing::Field;

Config two_lanes() {
  Config config;
  config.lanes = 2;
  return config;
}
struct TwoLanes : Settled {
  TwoLanes() : Settled(abc, two_lanes()) {}
};

TEST_F(TwoLanes, EachLaneOfTheFormerViewIsConfirmedByItself) {
  // What b publishes in both lanes stands at the end of the view that c doesn't survive.
  const std::vector<Lane> lanes{Lane{0}, Lane{1}};
  for (const Lane lane : lanes) {
    ASSERT_TRUE(cluster.at("b").publish(cluster.now(), {0, 2}, 1, 1, lane, Level::safe, Payload(std::vector<std::byte>(1))));
  }
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.all<Resolved>("b").size() == 2; }));
  for (const Lane lane : lanes) {
    std::vector<Marked> safe;
    for (const Marked& mark : cluster.all<Marked>("b")) {
      if (mark.up_to.lane == lane && mark.level == Level::safe && mark.of_view.number == 2) safe.push_back(mark);
    }
    ASSERT_EQ(safe.size(), 1u) << lane.value;
    EXPECT_EQ(safe.front().up_to.view, 1u);
    EXPECT_TRUE(safe.front().member_lost_before);
  }
  ASSERT_TRUE(cluster.publish("b", 2, 2, 1, Level::safe));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.all<Resolved>("b").size() == 3; }));
  EXPECT_EQ(cluster.all<Marked>("b").back().up_to.view, 2u);
  EXPECT_FALSE(cluster.all<Marked>("b").back().member_lost_before);
}

struct CatchUp : Settled {
  CatchUp() : Settled(abc) {}
};

TEST_F(CatchUp, AfterALostFrameIsAsFastAsTheLink) {
  int lost = 1;
  cluster.drop = [&](const std::string&, const std::string& to, const Frame& frame) { return to == "c" && is<Data>(frame) && lost-- > 0; };
  constexpr std::uint64_t chunks = 100;
  for (std::uint64_t n = 1; n <= chunks; ++n) {
    ASSERT_TRUE(cluster.at("a").publish(cluster.now(), {0, 1}, n, 1, Lane{}, Level::agreed, Payload(std::vector<std::byte>(64 * 1024))));
    cluster.run_for(100us);
  }
  EXPECT_TRUE(delivers("c", chunks, 150ms));
}

/// The link a-b is cut for less than T; who orders is the parameter.
struct ShortCut : CatchUp, testing::WithParamInterface<const char*> {
  void SetUp() override {
    CatchUp::SetUp();
    const std::string sequencer = GetParam();
    const std::uint64_t session = static_cast<std::uint64_t>(sequencer.front() - 'a') + 1;
    const auto is_sequencer = [&] {
      const Status status = cluster.at("b").status();
      return status.view->at(*status.sequencer).node.name == sequencer;
    };
    for (std::uint64_t n = 1; !is_sequencer() && n < 2000; n += 10) {
      ASSERT_TRUE(cluster.publish(sequencer, session, n, 10));
      cluster.run_for(5ms);
    }
    ASSERT_TRUE(is_sequencer());
    cluster.open_session("a", 11);
    cluster.open_session("b", 12);
    cluster.run_for(100ms);
    before = changes("a");
    for (const std::string& name : abc) cluster.events(name).clear();
    cluster.cut("a", "b");
  }
  /// Publishes at `node` each 5 ms for `time`.
  void publish_for(const std::string& node, Duration time) {
    std::uint64_t& n = published[node];
    for (const TimePoint end = cluster.now() + time; cluster.now() < end; cluster.run_for(5ms)) {
      ASSERT_TRUE(cluster.publish(node, node == "a" ? 11 : 12, n + 1, 1, Level::safe));
      ++n;
    }
  }
  std::uint64_t before = 0;
  std::map<std::string, std::uint64_t> published;
};

TEST_P(ShortCut, DelaysDeliveryByTensOfMillisecondsAndChangesNoView) {
  publish_for("a", 150ms);
  publish_for("b", 150ms);
  const std::uint64_t all = published["a"] + published["b"];
  EXPECT_TRUE(cluster.run_until([&] { return cluster.delivered("a").size() >= all && cluster.delivered("b").size() >= all; }, 60ms));
  cluster.heal();
  cluster.run_for(2s);
  for (const std::string& name : abc) {
    EXPECT_EQ(changes(name), before);
    EXPECT_EQ(cluster.delivered(name).size(), all);
  }
}

TEST_P(ShortCut, BringsAcknowledgementsRound) {
  publish_for("a", 200ms);
  // Safe needs that of b.
  EXPECT_TRUE(cluster.run_until([&] { return cluster.all<Resolved>("a").size() >= published["a"]; }, 150ms));
  EXPECT_EQ(changes("a"), before);
}

INSTANTIATE_TEST_SUITE_P(WithTheSequencer, ShortCut, testing::Values("a", "b", "c"),
                         [](const auto& which) { return std::string(which.param); });

Config demanding() {
  Config config;
  config.min_weight = 2;
  return config;
}

TEST(MinimumWeight, OfAViewIsNeverMoreThanItHas) {
  Cluster cluster({"a", "b"}, demanding());
  cluster.start_all();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }));
  cluster.leave("b");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("b").left(); }));
  cluster.crash("b");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a"}); }));
  cluster.start("b");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.settled({"a", "b"}); }));
  cluster.crash("b");
  cluster.run_for(2s);
  EXPECT_EQ(cluster.at("a").status().component, ComponentState::blocked);
}

}  // namespace
}  // namespace vsync::protocol::test
