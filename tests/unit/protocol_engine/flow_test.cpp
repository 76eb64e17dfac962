// Flow control is state and not an edge: whatever word of it is lost, late or repeated, publishers wait as long as somebody is behind, and
// no longer.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

struct HoldBack : Settled {
  HoldBack() : Settled(abc) {}
  void hold_back(const std::string& node, bool on) {
    cluster.tell(node, [on](Engine& engine, TimePoint now) { return engine.hold_back(now, on), true; });
  }
  /// Whether daemon a takes one more message.
  bool takes() {
    const auto taken = cluster.publish("a", 1, n_ + 1);
    if (taken) {
      ++n_;
    } else {
      EXPECT_EQ(taken.error(), PublishError::window_full);
    }
    return taken.has_value();
  }
  bool takes_within(Duration limit) { return cluster.run_until([&] { return takes(); }, limit); }

 private:
  std::uint64_t n_ = 0;
};

TEST_F(HoldBack, HoldsThePublishersOfAllDaemonsUntilItEnds) {
  hold_back("c", true);
  cluster.run_for(100ms);
  EXPECT_FALSE(takes());
  hold_back("c", false);
  cluster.run_for(100ms);
  EXPECT_FALSE(cluster.all<Writable>("a").empty());
  EXPECT_TRUE(takes());
}

TEST_F(HoldBack, HoldsAtItsOwnDaemonAtOnce) {
  hold_back("a", true);
  EXPECT_FALSE(takes());
  hold_back("a", false);
  EXPECT_TRUE(takes());
}

TEST_F(HoldBack, IsNotForgottenWhereTheFirstWordOfItIsLost) {
  cluster.drop = [](const std::string& from, const std::string&, const Frame&) { return from == "c"; };
  hold_back("c", true);
  cluster.run_for(10ms);
  EXPECT_TRUE(takes());
  cluster.drop = nullptr;
  cluster.run_for(100ms);
  EXPECT_FALSE(takes());
}

TEST_F(HoldBack, EndsThoughTheWordOfItsEndIsLost) {
  hold_back("c", true);
  cluster.run_for(100ms);
  cluster.drop = [](const std::string& from, const std::string&, const Frame&) { return from == "c"; };
  hold_back("c", false);
  cluster.run_for(10ms);
  EXPECT_FALSE(takes());
  cluster.drop = nullptr;
  EXPECT_TRUE(takes_within(100ms));
}

TEST_F(HoldBack, EndsWithTheMemberThatAskedForIt) {
  hold_back("c", true);
  cluster.run_for(100ms);
  ASSERT_FALSE(takes());
  cluster.crash("c");
  EXPECT_TRUE(takes_within(2s));
}

TEST_F(HoldBack, GoesThroughAViewChange) {
  hold_back("b", true);
  cluster.run_for(100ms);
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.run_for(100ms);
  EXPECT_FALSE(takes());
  hold_back("b", false);
  EXPECT_TRUE(takes_within(100ms));
}

}  // namespace
}  // namespace vsync::protocol::test
