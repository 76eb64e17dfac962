// A replica that isn't like the others is found and leaves.

#include <gmock/gmock.h>

#include <algorithm>

#include "fixtures.hpp"
#include "protocol/audit.hpp"

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
  bool has_logged(const std::string& node, std::uint64_t n) {
    const auto& entries = cluster.at(node).durable_log().entries(Lane{});
    return std::any_of(entries.begin(), entries.end(), [&](const LogEntry& entry) { return entry.chunk.first_n == n; });
  }
  /// All crash and come back: what came before is of an earlier view.
  void begin_another_view(const std::string& without) {
    cluster.run_for(100ms);
    cluster.crash(without);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.view("c").size() == 2; }));
    cluster.start(without);
    ASSERT_TRUE(settled(abc));
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

// The first to judge changes the view at once, while the order goes on.
TEST_F(AuditOfThree, WhoeverJudgesLaterNamesTheWrongOneToo) {
  flip("c", 1);
  cluster.drop = [](const std::string& from, const std::string& to, const Frame& frame) {
    return from == "c" && to == "b" && is<Heartbeat>(frame);
  };
  for (std::uint64_t n = 1; wrong("a").empty(); ++n) {
    ASSERT_TRUE(cluster.publish("a", 1, n));
    cluster.run_for(2ms);
    if (n == 75) cluster.drop = nullptr;  // three heartbeats later than a
  }
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("b").size() == 2; }, 1s));
  ASSERT_TRUE(finds("c"));
  for (const std::string& node : abc) EXPECT_THAT(wrong(node), ElementsAre("c")) << node;
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

// Others may have judged, and the view changes, before the wrong one has.
TEST_F(AuditOfThree, WhatIsWrongOnItsDiskIsCutBackUnderTraffic) {
  std::uint64_t n = 0;
  for (int round = 0; round < 20; ++round) {
    cluster.pause("c");  // so that heartbeats come in another order
    cluster.run_for(Duration(1ms) * ((round * 17) % 50));
    cluster.resume("c");
    cluster.pause("b");
    cluster.run_for(Duration(1ms) * ((round * 29) % 50));
    cluster.resume("b");
    const std::uint64_t flipped = ++n;
    flip("c", flipped);
    ASSERT_TRUE(cluster.publish("a", 1, n, 1, Level::durable));
    for (int i = 0; i < 120; ++i) {
      cluster.run_for(10ms);
      if (cluster.publish("a", 1, n + 1)) ++n;
    }
    cluster.alter = nullptr;
    ASSERT_TRUE(settled(abc, 20s));
    cluster.run_for(1s);
    for (const LogEntry& entry : cluster.at("c").durable_log().entries(Lane{})) {
      EXPECT_TRUE(entry.chunk.first_n != flipped || entry.chunk.payload.bytes().front() == std::byte{0}) << "round " << round;
    }
  }
}

TEST_F(AuditOfThree, WhatWasLoggedBeforeTheViewIsKept) {
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(delivers("c", 1));
  begin_another_view("b");
  ASSERT_TRUE(has_logged("c", 1));
  flip("c", 2);
  for (std::uint64_t n = 2; n < 90; ++n) {
    ASSERT_TRUE(cluster.publish("a", 1, n));
    cluster.run_for(400us);
  }
  cluster.drop = [](const std::string&, const std::string&, const Frame& frame) { return is<LogPart>(frame); };
  ASSERT_TRUE(cluster.run_until([&] { return !cluster.all<Resynced>("c").empty(); }, 3s));
  cluster.run_for(100ms);
  EXPECT_TRUE(has_logged("c", 1)) << "at the beginning of the view all were alike";
}

// A crash in between must not leave a log with holes that passes for whole.
TEST_F(AuditOfThree, ALogIsCutBackOnlyWhenItDoesNotPassForWhole) {
  ASSERT_TRUE(cluster.publish("a", 1, 1, 1, Level::durable));
  ASSERT_TRUE(delivers("c", 1));
  flip("c", 2);
  ASSERT_TRUE(cluster.publish("a", 1, 2));
  bool cut = false;
  cluster.written = [&](const std::string& name, const Write& write) {
    for (const LogRecord& record : write.log) {
      if (name != "c" || !std::holds_alternative<LogCutBack>(record)) continue;
      cut = true;
      EXPECT_EQ(cluster.disk("c").log_reaches, ViewId{});
      EXPECT_FALSE(cluster.disk("c").installed) << "with such a log it has no vote";
    }
  };
  ASSERT_TRUE(cluster.run_until([&] { return cut; }, 3s));
  cluster.alter = nullptr;
  EXPECT_TRUE(settled(abc));
}

struct AuditPartlyOff : AuditOf {
  AuditPartlyOff() : AuditOf(abc) {
    cluster.configure = [](const std::string& name, Config& config) { config.self_audit = name != "c"; };
  }
};

TEST_F(AuditPartlyOff, ADifferenceIsToldThoughNobodyCanBeNamed) {
  flip("b", 1);
  ASSERT_TRUE(cluster.publish("a", 1, 1));
  cluster.run_for(20s);
  ASSERT_EQ(cluster.all<Diverged>("a").size(), 1u);
  EXPECT_THAT(wrong("a"), IsEmpty());
  EXPECT_THAT(cluster.view("a"), ElementsAre("a", "b", "c"));
}

TEST(Divergence, WhoIsWrongByAMajorityIsSoThoughAnotherBrokeLater) {
  View view;
  for (const char* name : {"a", "b", "c"}) view.members.push_back({{name, {1, 1}}});
  const AuditsTold told{{Rank{0}, {{Seq{5}, 66}, {Seq{9}, 67}}}, {Rank{1}, {{Seq{5}, 1}, {Seq{9}, 2}}}, {Rank{2}, {{Seq{5}, 1}, {Seq{9}, 3}}}};
  const auto found = divergence(view, told, RankSet::first_n(3));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->differs, Seq{5});
  EXPECT_EQ(found->wrong, RankSet{Rank{0}});
}

struct AuditOfFive : AuditOf {
  AuditOfFive() : AuditOf({"a", "b", "c", "d", "e"}) {}
  /// d has another payload of message 2 than everybody else.
  void make_d_wrong() {
    ASSERT_TRUE(cluster.publish("a", 1, 1));
    ASSERT_TRUE(delivers("e", 1));
    flip("d", 2);
    ASSERT_TRUE(cluster.publish("a", 1, 2));
    for (const char* name : {"b", "c", "d", "e"}) ASSERT_TRUE(delivers(name, 2));
  }
};

TEST_F(AuditOfFive, AMinorityJudgesNobody) {
  make_d_wrong();
  for (const char* here : {"d", "e"}) {
    for (const char* there : {"a", "b", "c"}) cluster.cut(here, there);
  }
  cluster.run_for(5s);
  EXPECT_THAT(cluster.all<Diverged>("e"), IsEmpty()) << "it has what the majority has";
  EXPECT_EQ(cluster.view("e").size(), 5u);
}

TEST_F(AuditOfFive, ABlockedViewLosesNoMember) {
  make_d_wrong();
  for (const char* name : {"a", "b", "c"}) cluster.crash(name);
  cluster.run_for(5s);
  cluster.start("c");
  EXPECT_TRUE(cluster.run_until([&] { return cluster.view("e").size() == 3; }, 60s)) << cluster.at("e").status().waits_for;
}

TEST_F(AuditOfFive, WhatIsDurableIsNotLostByASplitInWhichReplicasDiffer) {
  make_d_wrong();
  cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) { return (to == "c" || to == "d") && is<Data>(frame); };
  ASSERT_TRUE(cluster.publish("a", 1, 3, 1, Level::durable));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.at("a").status().durable >= cluster.at("a").status().ordered && has_logged("e", 3); }, 150ms));
  for (const char* x : {"a", "b", "c"}) {
    for (const char* y : {"a", "b", "c", "d", "e"}) {
      if (*x != *y) cluster.cut(x, y);
    }
  }
  cluster.run_for(5s);
  for (const char* name : {"a", "b", "c", "d", "e"}) cluster.crash(name, false);
  cluster.heal();
  cluster.drop = nullptr;
  cluster.alter = nullptr;
  for (const char* name : {"c", "d", "e"}) cluster.start(name);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.view("c").size() == 3; }));
  cluster.run_for(1s);
  EXPECT_TRUE(has_logged("c", 3));
}

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
  for (const char* node : {"a", "b"}) EXPECT_EQ(cluster.all<Diverged>(node).size(), 1u) << "it is told once by " << node;
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

TEST(LaneAudit, APlaceThatIsKeptLongerIsToldOnce) {
  LaneAudit audit(ViewId{{1, 1}, 1}, 0);
  Chunk chunk;
  chunk.count = 1024;
  audit.add(Seq{1}, NodeId{"a", {1, 1}}, chunk, 0, 7);
  ASSERT_EQ(audit.latest().size(), 1u);
  EXPECT_EQ(audit.latest().front().last, Seq{1024});
  chunk.count = 1;
  audit.add(Seq{1025}, NodeId{"a", {1, 1}}, chunk, 0, 7);
  EXPECT_EQ(audit.latest().size(), 2u);
}

}  // namespace
}  // namespace vsync::protocol::test
