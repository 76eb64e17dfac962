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

}  // namespace
}  // namespace vsync::protocol::test
