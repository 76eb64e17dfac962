// What goes ahead of the order, and what stands in it instead.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Fifo : Settled {
  Fifo() : Settled(abc) {}
  void without_order() {
    cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<Order>(frame); };
  }
};

TEST_F(Fifo, IsHandedOutWithoutAnOrderAndOnce) {
  without_order();
  ASSERT_TRUE(cluster.publish("b", 2, 1, 3, Level::fifo));
  for (const std::string& node : abc) {
    ASSERT_TRUE(delivers(node, 3, 50ms)) << node;
    EXPECT_TRUE(cluster.all<Delivered>(node).front().ahead());
  }
  cluster.drop = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.all<Resolved>("b").empty(); }));
  EXPECT_EQ(cluster.all<Resolved>("b").front().outcome, Outcome::ok);
  for (const std::string& node : abc) {
    const auto all = cluster.all<Delivered>(node);
    ASSERT_EQ(all.size(), 2u) << node;
    EXPECT_EQ(all.back().skip, 3u) << "its place is a marker";
    EXPECT_EQ(all.back().first, cluster.all<Resolved>("b").front().first);
  }
}

TEST_F(Fifo, WaitsForItsPublishersEarlierMessagesAndForNobodyElses) {
  without_order();
  ASSERT_TRUE(cluster.publish("b", 2, 1));
  ASSERT_TRUE(cluster.publish("b", 2, 2, 1, Level::fifo));
  ASSERT_TRUE(cluster.publish("c", 3, 1, 1, Level::fifo));
  cluster.run_for(50ms);
  EXPECT_THAT(cluster.delivered("b"), ElementsAre("3:1"));
  cluster.drop = nullptr;
  ASSERT_TRUE(delivers("b", 3));
  EXPECT_THAT(cluster.delivered("b"), ElementsAre("3:1", "2:1", "2:2"));
}

TEST_F(Fifo, OfASessionThatIsNotKnownYetWaitsForTheOrder) {
  without_order();
  cluster.open_session("b", 9);
  ASSERT_TRUE(cluster.publish("b", 9, 1, 1, Level::fifo));
  cluster.run_for(50ms);
  EXPECT_THAT(cluster.delivered("b"), IsEmpty());
  cluster.drop = nullptr;
  for (const std::string& node : abc) ASSERT_TRUE(delivers(node, 1)) << node;
}

TEST_F(Fifo, ARetryThroughAnotherDaemonIsNotHandedOutAgain) {
  without_order();
  ASSERT_TRUE(cluster.publish("b", 2, 1, 2, Level::fifo));
  cluster.run_for(20ms);
  cluster.open_session("c", 2);
  ASSERT_TRUE(cluster.publish("c", 2, 1, 4, Level::fifo));
  cluster.drop = nullptr;
  for (const std::string& node : abc) {
    ASSERT_TRUE(delivers(node, 4)) << node;
    cluster.run_for(100ms);
    EXPECT_THAT(cluster.delivered(node), ElementsAre("2:1", "2:2", "2:3", "2:4")) << node;
  }
}

// c doesn't know yet that session 3 was at b in between, and with it nobody whose order is as late.
TEST_F(Fifo, OfASessionThatCameBackUnnoticedWaitsForWhatItPublishedElsewhere) {
  ASSERT_TRUE(cluster.publish("c", 3, 1, 1, Level::fifo));
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.all<Resolved>("c").empty(); }));
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return to == "c" && is<Order>(frame); };
  cluster.open_session("b", 3);
  cluster.run_for(20ms);
  ASSERT_TRUE(cluster.publish("b", 3, 2, 1, Level::fifo));
  cluster.run_for(20ms);
  ASSERT_TRUE(cluster.publish("c", 3, 3, 1, Level::fifo));
  cluster.run_for(20ms);
  EXPECT_THAT(cluster.delivered("c"), ElementsAre("3:1"));
  cluster.drop = nullptr;
  for (const std::string& node : abc) {
    ASSERT_TRUE(delivers(node, 3)) << node;
    EXPECT_THAT(cluster.delivered(node), ElementsAre("3:1", "3:2", "3:3")) << node;
  }
}

TEST_F(Fifo, WhoGoesOnTogetherGetsTheSameBeforeTheNextView) {
  cluster.drop = [](const std::string& from, const std::string& to, const Frame& frame) {
    return is<Order>(frame) || (from == "b" && to == "c" && is<Data>(frame));
  };
  ASSERT_TRUE(cluster.publish("b", 2, 1, 2, Level::fifo));
  cluster.run_for(5ms);
  ASSERT_THAT(cluster.delivered("c"), IsEmpty());
  cluster.drop = nullptr;
  cluster.crash("b");
  ASSERT_TRUE(settled({"a", "c"}));
  EXPECT_THAT(cluster.delivered("a"), ElementsAre("2:1", "2:2"));
  EXPECT_THAT(cluster.delivered("c"), ElementsAre("2:1", "2:2"));
}

}  // namespace
}  // namespace vsync::protocol::test
