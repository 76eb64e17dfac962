// A replica that isn't like the others is found and leaves.

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct AuditOf : Settled {
  explicit AuditOf(const std::vector<std::string>& names, const Config& config = {}) : Settled(names, config) {}

  /// Of what `to` receives of a session's message `n` the payload is another one.
  void flip(const std::string& to, std::uint64_t n) {
    cluster.alter = [=](const std::string& receiver, Frame& frame) {
      auto* data = std::get_if<Data>(&frame.body);
      if (receiver != to || data == nullptr) return;
      for (Chunk& chunk : data->chunks) {
        if (!chunk.ops && chunk.first_n == n) chunk.payload = Payload(std::vector<std::byte>(chunk.payload.size(), std::byte{1}));
      }
    };
  }
  std::vector<std::string> wrong(const std::string& node) {
    std::vector<std::string> names;
    for (const Diverged& found : cluster.all<Diverged>(node)) {
      for (const NodeId& each : found.wrong) names.push_back(each.name);
    }
    return names;
  }
  bool finds(const std::string& node) {
    return cluster.run_until([&] { return !cluster.all<Diverged>(node).empty(); }, 1s);
  }
  std::byte logged_byte(const std::string& node) { return cluster.at(node).durable_log().entries(Lane{}).front().chunk.payload.bytes().front(); }
  Position position_of(const std::string& node, std::uint64_t n) {
    for (const Delivered& each : cluster.all<Delivered>(node)) {
      if (each.chunk.first_n == n && each.skip == 0) return each.first;
    }
    return {};
  }
};

struct AuditOfThree : AuditOf {
  AuditOfThree() : AuditOf(abc) {}
};

TEST_F(AuditOfThree, AnotherPayloadAtOneOfThemIsFoundWithinASecondAndThatOneReloads) {
  for (std::uint64_t n = 1; n <= 5; ++n) ASSERT_TRUE(cluster.publish("a", 1, n));
  ASSERT_TRUE(delivers("c", 5));
  flip("c", 6);
  ASSERT_TRUE(cluster.publish("a", 1, 6));
  ASSERT_TRUE(cluster.publish("a", 1, 7));
  for (const std::string& node : abc) {
    ASSERT_TRUE(finds(node)) << node;
    EXPECT_THAT(wrong(node), ElementsAre("c")) << node;
    EXPECT_EQ(cluster.all<Diverged>(node).front().differs, position_of("a", 6)) << node;
  }
  cluster.alter = nullptr;
  ASSERT_EQ(cluster.all<Resynced>("c").size(), 1u);
  EXPECT_LT(cluster.all<Resynced>("c").front().last_common, position_of("a", 6));
  EXPECT_THAT(cluster.all<Resynced>("a"), IsEmpty());
  EXPECT_THAT(cluster.all<Resynced>("b"), IsEmpty());
  ASSERT_TRUE(settled(abc));
  ASSERT_TRUE(cluster.publish("a", 1, 8));
  cluster.run_for(3s);
  EXPECT_THAT(wrong("a"), ElementsAre("c")) << "what came after is alike";
}

TEST_F(AuditOfThree, AnotherOrderIsFoundToo) {
  ASSERT_TRUE(cluster.publish("b", 2, 1));
  ASSERT_TRUE(delivers("c", 1));
  cluster.alter = [](const std::string& to, Frame& frame) {
    auto* order = std::get_if<Order>(&frame.body);
    if (to != "c" || order == nullptr) return;
    for (protocol::Run& run : order->runs) run.publisher = Rank{static_cast<std::uint16_t>(3 - run.publisher.value)};
  };
  ASSERT_TRUE(cluster.publish("b", 2, 2));
  ASSERT_TRUE(cluster.publish("c", 3, 1));
  ASSERT_TRUE(finds("a"));
  EXPECT_THAT(wrong("a"), ElementsAre("c"));
}

TEST_F(AuditOfThree, WhatIsWrongOnItsDiskIsCutBack) {
  flip("c", 1);
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(finds("c"));
  cluster.alter = nullptr;
  ASSERT_TRUE(settled(abc));
  EXPECT_EQ(logged_byte("c"), logged_byte("a"));
}

TEST_F(AuditOfThree, WithoutAMajorityNobodyIsJudgedWhileOneIsBehind) {
  ASSERT_TRUE(cluster.publish("c", 3, 1));
  ASSERT_TRUE(delivers("b", 1));
  flip("a", 2);
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return to == "b" && is<Data>(frame); };
  ASSERT_TRUE(cluster.publish("c", 3, 2));
  cluster.run_for(1s);
  EXPECT_THAT(wrong("c"), IsEmpty()) << "it might be a, and it might be c";
  cluster.drop = [](const std::string& from, const std::string& to, const Frame& frame) { return from == "a" && to == "b" && is<Data>(frame); };
  ASSERT_TRUE(finds("c"));
  EXPECT_THAT(wrong("c"), ElementsAre("a"));
}

struct AuditOfFive : AuditOf {
  AuditOfFive() : AuditOf({"a", "b", "c", "d", "e"}) {}
};

TEST_F(AuditOfFive, AMajorityDoesNotWaitForWhoIsBehind) {
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  ASSERT_TRUE(delivers("e", 1));
  flip("c", 2);
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return to == "e" && is<Data>(frame); };
  ASSERT_TRUE(cluster.publish("a", 1, 2));
  ASSERT_TRUE(finds("a"));
  EXPECT_THAT(wrong("a"), ElementsAre("c"));
}

// What differs goes along into the next view, in which nothing need be said.
TEST_F(AuditOfFive, AViewChangeHidesNothing) {
  flip("c", 1);
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(delivers("c", 1));
  cluster.crash("e");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("c").size() == 4; }, 100ms));
  ASSERT_THAT(wrong("c"), IsEmpty());
  ASSERT_TRUE(finds("c"));
  EXPECT_THAT(wrong("c"), ElementsAre("c"));
  cluster.alter = nullptr;
  ASSERT_TRUE(settled({"a", "b", "c", "d"}));
  EXPECT_EQ(logged_byte("c"), logged_byte("a"));
}

struct AuditOfTwo : AuditOf {
  AuditOfTwo() : AuditOf({"a", "b"}) {}
};

TEST_F(AuditOfTwo, WithoutAMajorityAllButTheMostSeniorReload) {
  flip("b", 1);
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  ASSERT_TRUE(finds("a"));
  EXPECT_THAT(wrong("a"), ElementsAre("b"));
  cluster.alter = nullptr;
  EXPECT_TRUE(settled({"a", "b"}));
}

struct AuditOfTwoThatNeedTheJunior : AuditOf {
  static Config junior() {
    Config config;
    config.tie_breaker = "b";
    return config;
  }
  AuditOfTwoThatNeedTheJunior() : AuditOf({"a", "b"}, junior()) {}
};

TEST_F(AuditOfTwoThatNeedTheJunior, WhoIsNeededIsNamedAndStays) {
  flip("b", 1);
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  ASSERT_TRUE(finds("a"));
  EXPECT_THAT(wrong("a"), ElementsAre("b"));
  cluster.run_for(3s);
  EXPECT_THAT(cluster.all<Resynced>("b"), IsEmpty());
  EXPECT_EQ(cluster.all<Diverged>("a").size(), 1u) << "it is told once";
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b"));
}

struct NoAudit : AuditOf {
  static Config off() {
    Config config;
    config.self_audit = false;
    return config;
  }
  NoAudit() : AuditOf(abc, off()) {}
};

TEST_F(NoAudit, FindsNothing) {
  flip("c", 1);
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  cluster.run_for(3s);
  EXPECT_THAT(wrong("a"), IsEmpty());
}

}  // namespace
}  // namespace vsync::protocol::test
