// An orderly leave costs those that stay nothing and loses nothing of the leaver's.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

struct Leave : Settled {
  Leave() : Settled({"a", "b"}) {}
};

struct LeaveOfThree : Settled {
  LeaveOfThree() : Settled(abc) {}
};

TEST_F(Leave, WaitsUntilThoseThatStayHaveTheNextView) {
  int lost = 3;
  cluster.drop = [&](const std::string& from, const std::string&, const Frame& frame) {
    return from == "a" && is<Decided>(frame) && lost-- > 0;
  };
  cluster.leave("a");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("a").left(); }));
  cluster.crash("a");
  EXPECT_TRUE(settled({"b"}));
}

TEST_F(Leave, TellsTheOutcomesOfWhatWasPublishedBefore) {
  int lost = 4;
  cluster.drop = [&](const std::string&, const std::string&, const Frame& frame) {
    return (is<Data>(frame) || is<Order>(frame) || is<Ack>(frame)) && lost-- > 0;
  };
  ASSERT_TRUE(cluster.publish("b", 2, 1, 3, Level::safe));
  cluster.leave("b");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("b").left(); }));
  ASSERT_EQ(cluster.all<Resolved>("b").size(), 1u);
  EXPECT_EQ(cluster.all<Resolved>("b").front().outcome, Outcome::ok);
}

TEST_F(Leave, OfAllAtOnceEnds) {
  cluster.leave("a");
  cluster.leave("b");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("a").left() && cluster.at("b").left(); }));
}

// a, without which b could not be sure, is cut off from c when it has decided.
TEST_F(LeaveOfThree, EndsWhereOneThatStaysTellsOfThoseThatAreNotHeard) {
  cluster.drop = [&](const std::string& from, const std::string& to, const Frame& frame) {
    if (from == "a" && to == "c" && is<Decided>(frame)) cluster.cut("a", "c");
    return false;
  };
  cluster.leave("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.at("c").left(); }));
  EXPECT_TRUE(settled({"a", "b"}));
}

TEST_F(Leave, ShowsTheNextViewToARestartedNameThatMissedIt) {
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return to == "b" && is<Decided>(frame); };
  cluster.leave("a");
  cluster.run_for(200ms);
  cluster.drop = nullptr;
  cluster.crash("b");
  cluster.start("b");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("a").left(); }));
  EXPECT_TRUE(settled({"b"}));
}

TEST_F(Leave, OfTheLastHolderOfTheStateWaitsQuietlyForAnother) {
  cluster.crash("b");
  ASSERT_TRUE(settled({"a"}));
  cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<Snapshot>(frame); };
  cluster.start("b");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("b").size() == 2; }));
  cluster.leave("a");
  const auto before = changes("a");
  cluster.run_for(2s);
  EXPECT_FALSE(cluster.at("a").left());
  EXPECT_EQ(changes("a"), before);
  cluster.drop = nullptr;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("a").left(); }));
  EXPECT_TRUE(settled({"b"}));
}

}  // namespace
}  // namespace vsync::protocol::test
