// Leases of daemons that are configured differently, as all are while a new configuration is on its way to them.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

/// a is the sequencer, and orders for longer without an echo than the others would let it by their own configuration.
struct LongLease : Settled {
  LongLease() : Settled({"a", "b", "c", "d", "e"}) {
    cluster.configure = [](const std::string& name, Config& config) {
      if (name != "a") return;
      config.lease = 2s;
      config.suspect_after_min = 3s;
      config.suspect_after_max = 4s;
      config.admit_after = 4s;
    };
  }
  void cut_off(const std::string& node, const std::vector<std::string>& from) {
    for (const std::string& other : from) cluster.cut(node, other);
  }
  [[nodiscard]] TimePoint orders_until(const std::string& node) {
    while (cluster.at(node).status().lease) cluster.run_for(5ms);
    return cluster.now();
  }
};

TEST_F(LongLease, NothingIsConfirmedBehindItBeforeItHasEnded) {
  cut_off("a", {"b", "c", "d", "e"});
  ASSERT_TRUE(settled({"b", "c", "d", "e"}));
  ASSERT_TRUE(cluster.publish("b", 2, 1, 1, Level::uniform));
  ASSERT_TRUE(delivers("b", 1));
  ASSERT_TRUE(cluster.at("a").status().lease) << "it may still order in the former view";
  const TimePoint ended = orders_until("a");
  EXPECT_TRUE(cluster.all<Resolved>("b").empty());
  EXPECT_TRUE(cluster.run_until([&] { return !cluster.all<Resolved>("b").empty(); }, 2s));
  EXPECT_GE(cluster.now(), ended);
}

TEST_F(LongLease, AViewChangeRightBehindTheExclusionMakesTheWaitNoShorter) {
  cut_off("a", {"b", "c", "d", "e"});
  ASSERT_TRUE(settled({"b", "c", "d", "e"}));
  cluster.leave("e");
  ASSERT_TRUE(settled({"b", "c", "d"}));
  ASSERT_TRUE(cluster.publish("b", 2, 1, 1, Level::uniform));
  ASSERT_TRUE(delivers("b", 1));
  (void)orders_until("a");
  EXPECT_TRUE(cluster.all<Resolved>("b").empty());
  EXPECT_TRUE(cluster.run_until([&] { return !cluster.all<Resolved>("b").empty(); }, 2s));
}

TEST_F(LongLease, EverybodyIsHeardAsOftenAsTheShortestLeaseNeedsIt) {
  cluster.configure = nullptr;
  const auto slower = cluster.tell("a", [](Engine& engine, TimePoint now) {
    Config slow;
    slow.peers = {"b", "c", "d", "e"};
    slow.heartbeat_every = 1s;
    slow.lease = 2s;
    slow.suspect_after_min = 3s;
    slow.suspect_after_max = 4s;
    slow.admit_after = 4s;
    return engine.reconfigure(now, slow);
  });
  ASSERT_TRUE(slower);
  const std::uint64_t before = changes("b");
  cluster.run_for(5s);
  EXPECT_EQ(changes("b"), before) << "the others judge it by 600 ms";
}

}  // namespace
}  // namespace vsync::protocol::test
