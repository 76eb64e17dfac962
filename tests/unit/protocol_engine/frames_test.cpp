// What a frame may say, and to whom: one that is late, repeated, or meant for another moment changes nothing and stops nobody.

#include <gmock/gmock.h>

#include "fixtures.hpp"
#include "protocol/durable_log.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct FrameTo : Settled {
  FrameTo() : Settled(abc) {}

  Frame frame(const std::string& from, const std::string& to, Body body) {
    return {cluster.at(from).status().cluster, cluster.at(from).self(), cluster.at(to).self(), std::move(body)};
  }
  void say(const std::string& from, const std::string& to, Body body) { cluster.inject(to, frame(from, to, std::move(body))); }
  /// Of these frames, how many leave `from` from now on.
  template <class Wanted>
  void count(const std::string& from) {
    cluster.drop = [this, from](const std::string& sender, const std::string&, const Frame& sent) {
      sent_ += sender == from && is<Wanted>(sent) ? 1 : 0;
      return false;
    };
  }
  /// What is dropped of a frame to a.
  std::uint64_t dropped(const Frame& sent) {
    const std::uint64_t before = cluster.at("a").status().dropped_frames;
    cluster.inject("a", sent);
    return cluster.at("a").status().dropped_frames - before;
  }
  ViewId view_id() { return cluster.at("a").status().view->id; }
  static Chunk chunk(std::uint64_t first, std::uint32_t count) {
    Chunk made;
    made.first = Seqno{first};
    made.count = count;
    made.session = {0, 2};
    made.first_n = first;
    made.payload = Payload(std::vector<std::byte>(8));
    return made;
  }
  /// Everybody still delivers the same, and nobody was left out for what came before.
  void goes_on() {
    const std::uint64_t views = changes("a");
    for (std::uint64_t n = 1; n <= 3; ++n) {
      ASSERT_TRUE(cluster.publish("a", 1, n));
      ASSERT_TRUE(cluster.publish("b", 2, n));
    }
    for (const std::string& name : abc) ASSERT_TRUE(delivers(name, 6)) << name;
    EXPECT_EQ(cluster.delivered("a"), cluster.delivered("b"));
    EXPECT_EQ(cluster.delivered("a"), cluster.delivered("c"));
    EXPECT_EQ(changes("a"), views);
  }

  std::size_t sent_ = 0;
  static constexpr Lane no_lane{9};
  static constexpr Rank no_rank{9};
};

TEST_F(FrameTo, ALaneOrMemberThatTheViewHasNotIsIgnored) {
  count<Data>("a");
  say("b", "a", Data{view_id(), no_lane, Rank{1}, {chunk(1, 1)}});
  say("b", "a", Data{view_id(), Lane{}, no_rank, {chunk(1, 1)}});
  say("b", "a", Order{view_id(), no_lane, Term{}, Seq{1}, {{Rank{1}, 1}}, std::nullopt, 0});
  say("b", "a", FetchData{view_id(), no_lane, Rank{0}, Seqno{1}, Seqno{1}});
  say("b", "a", FetchData{view_id(), Lane{}, no_rank, Seqno{1}, Seqno{1}});
  say("b", "a", FetchOrder{view_id(), no_lane, Seq{1}});
  EXPECT_EQ(sent_, 0u);
  EXPECT_THAT(cluster.delivered("a"), IsEmpty());
  goes_on();
}

TEST_F(FrameTo, ANodeTakesItsOwnMessagesFromNobody) {
  const Seqno end = cluster.at("a").status().ordered.value != 0 ? Seqno{100} : Seqno{1};
  say("b", "a", Data{view_id(), Lane{}, Rank{0}, {chunk(end.value, 1)}});
  goes_on();
}

TEST_F(FrameTo, AChunkWithoutMessagesIsNone) {
  say("b", "a", Data{view_id(), Lane{}, Rank{1}, {chunk(1, 0)}});
  cluster.run_for(100ms);
  EXPECT_THAT(cluster.delivered("a"), IsEmpty());
  goes_on();
}

TEST_F(FrameTo, WhatNobodyHoldsAnyMoreIsNotAnswered) {
  goes_on();
  cluster.run_for(100ms);
  count<Data>("a");
  say("b", "a", FetchData{view_id(), Lane{}, Rank{0}, Seqno{1}, Seqno{1}});
  EXPECT_EQ(sent_, 0u);
}

TEST_F(FrameTo, AnotherNodeIsDropped) {
  Frame sent = frame("b", "a", Ack{view_id(), false, {}});
  sent.to = cluster.at("c").self();
  EXPECT_EQ(dropped(sent), 1u);
  sent.to = cluster.at("a").self();
  ++sent.to.incarnation.counter;
  EXPECT_EQ(dropped(sent), 1u) << "another life of this name";
  sent.to.incarnation = {};
  EXPECT_EQ(dropped(sent), 0u) << "whichever life it is";
}

TEST_F(FrameTo, OneOfAnotherClusterIsDropped) {
  Frame sent = frame("b", "a", Ack{view_id(), false, {}});
  ++sent.cluster.low;
  EXPECT_EQ(dropped(sent), 1u);
  sent.cluster = {};
  EXPECT_EQ(dropped(sent), 1u);
  sent.body = Formed{view_id()};
  EXPECT_EQ(dropped(sent), 0u) << "who has no cluster yet may say this";
  sent.body = Answer{};
  EXPECT_EQ(dropped(sent), 0u) << "and this";
}

TEST_F(FrameTo, OneFromItsOwnNameIsDropped) {
  Frame sent = frame("b", "a", Ack{view_id(), false, {}});
  sent.from.name = "a";
  EXPECT_EQ(dropped(sent), 1u);
}

TEST_F(FrameTo, WhoIsNotInTheViewHasNoSayInIt) {
  Frame sent = frame("b", "a", Ack{view_id(), false, {}});
  sent.from = {"d", {1, 1}};
  EXPECT_EQ(dropped(sent), 1u);
  sent.from = cluster.at("b").self();
  ++sent.from.incarnation.counter;
  EXPECT_EQ(dropped(sent), 1u) << "a later life of a member is none";
}

TEST_F(FrameTo, ABallotThatNobodyRunsIsNoReasonForAnything) {
  const Ballot ballot{1, Rank{0}};
  Answer answer;
  answer.view = view_id();
  answer.ballot = ballot;
  say("b", "a", answer);
  say("b", "a", Gathered{view_id(), ballot});
  say("b", "a", AcceptedBallot{view_id(), ballot});
  ViewId other = view_id();
  ++other.number;
  say("b", "a", Refused{other, ballot, Ballot{50, Rank{1}}});
  say("b", "a", Accept{other, ballot, Value{}});
  say("b", "a", Gather{other, ballot, Value{}});
  say("b", "a", Prepare{View{}, ballot, false});
  say("b", "a", Decided{});
  say("b", "a", Form{*cluster.at("b").status().view});
  EXPECT_FALSE(cluster.at("a").status().promised);
  goes_on();
}

TEST_F(FrameTo, ARefusalOfLongAgoMakesTheNextBallotHigherThanWhatStoodInTheWay) {
  say("b", "a", Refused{view_id(), Ballot{3, Rank{0}}, Ballot{50, Rank{1}}});
  std::uint64_t round = 0;
  cluster.drop = [&](const std::string& from, const std::string&, const Frame& sent) {
    if (from == "a" && is<Prepare>(sent)) round = std::get<Prepare>(sent.body).ballot.round;
    return false;
  };
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  EXPECT_GT(round, 50u);
}

TEST_F(FrameTo, AfterAPromiseNothingOfALowerBallotIsTaken) {
  const View view = *cluster.at("a").status().view;
  std::vector<Ballot> in_the_way;
  cluster.drop = [&](const std::string& from, const std::string&, const Frame& sent) {
    if (from == "c" && is<Refused>(sent)) in_the_way.push_back(std::get<Refused>(sent.body).promised);
    return from == "c" && is<AcceptedBallot>(sent);
  };
  const Ballot promised{70, Rank{1}};
  say("b", "c", Prepare{view, promised, false});
  say("a", "c", Prepare{view, Ballot{7, Rank{0}}, false});
  say("a", "c", Gather{view.id, Ballot{7, Rank{0}}, Value{}});
  say("a", "c", Accept{view.id, Ballot{7, Rank{0}}, Value{}});
  EXPECT_THAT(in_the_way, ElementsAre(promised, promised, promised));
  EXPECT_FALSE(cluster.at("c").status().accepted);
  cluster.drop = nullptr;
  EXPECT_TRUE(settled(abc)) << "and a wedge for a ballot that nobody runs ends";
}

TEST_F(FrameTo, ADecisionThatListsSomebodyElseAdmitsNobody) {
  cluster.configure = [](const std::string&, Config& config) { config.peers = abc; };
  cluster.start("d");
  Decision decision;
  decision.value.next = *cluster.at("a").status().view;
  say("a", "d", Decided{{decision}});
  EXPECT_THAT(cluster.view("d"), IsEmpty());
  EXPECT_TRUE(cluster.at("d").status().cluster.empty());
}

TEST_F(FrameTo, ALogIsTakenOnlyWhenItWasAskedFor) {
  LogPart part;
  part.view = view_id();
  part.entries.push_back({Position{view_id().epoch, view_id().number, Lane{}, Seq{50}}, cluster.at("b").self(), 0, chunk(1, 1)});
  say("b", "a", part);
  part.agrees = false;
  say("b", "a", part);
  EXPECT_THAT(cluster.at("a").durable_log().entries(Lane{}), IsEmpty());
  goes_on();
}

TEST_F(FrameTo, AStateIsTakenOnlyByWhoHasNone) {
  const DirectoryState before = cluster.at("a").directory().snapshot();
  say("b", "a", Snapshot{view_id(), {}, {}, false, {}});
  EXPECT_EQ(cluster.at("a").directory().snapshot(), before);
  goes_on();
}

// ---------------------------------------------------------------- who missed something

TEST_F(FrameTo, WhoIsToldOfALaterViewWithoutTheStepsBetweenComesBackAsANewNode) {
  View later = *cluster.at("a").status().view;
  later.id.number += 2;
  const NodeId before = cluster.at("c").self();
  Decision decision;
  decision.from = later.id;
  --decision.from.number;
  decision.value.next = later;
  say("a", "c", Decided{{decision}});
  EXPECT_EQ(cluster.at("c").status().node_state, NodeState::returning) << "its name has a place there";
  EXPECT_GT(cluster.at("c").self().incarnation, before.incarnation);
  EXPECT_EQ(cluster.all<Resynced>("c").size(), 1u);
}

TEST_F(FrameTo, WhatANodeHasAcceptedItselfMayBeTheMissingStep) {
  // a's decision to go on without b reaches nobody; only that it was decided is told, without the value.
  std::optional<Value> decided;
  cluster.drop = [&](const std::string& from, const std::string&, const Frame& sent) {
    if (from == "a" && is<Decided>(sent)) decided = std::get<Decided>(sent.body).chain.front().value;
    return is<Decided>(sent);
  };
  cluster.crash("b");
  ASSERT_TRUE(cluster.run_until([&] { return decided.has_value(); }));
  const NodeId before = cluster.at("c").self();
  Decision entry;
  entry.value.next = decided->next;
  say("a", "c", Decided{{entry}});
  EXPECT_THAT(cluster.view("c"), ElementsAre("a", "c"));
  EXPECT_EQ(cluster.at("c").self(), before);
  EXPECT_THAT(cluster.all<Resynced>("c"), IsEmpty());
}

TEST_F(FrameTo, WhoCannotAdoptTheDecidedCutComesBackAsANewNode) {
  const NodeId before = cluster.at("c").self();
  Decision decision;
  decision.from = view_id();
  decision.value.next = *cluster.at("c").status().view;
  ++decision.value.next.id.number;
  LaneCut beyond;
  beyond.held = {Seqno{100}, Seqno{0}, Seqno{0}};
  beyond.holder = {Rank{0}, Rank{0}, Rank{0}};
  decision.value.cut.lanes = {beyond};
  say("a", "c", Decided{{decision}});
  EXPECT_EQ(cluster.at("c").status().node_state, NodeState::returning);
  EXPECT_GT(cluster.at("c").self().incarnation, before.incarnation);
  EXPECT_EQ(cluster.all<Resynced>("c").size(), 1u);
}

struct FewDecisions : Settled {
  static Config few() {
    Config config;
    config.decisions_kept = 2;
    return config;
  }
  FewDecisions() : Settled(abc, few()) {}
};

TEST_F(FewDecisions, WhoMissedMoreThanIsKeptIsShownTheNewestViewAndJoins) {
  isolate("c");
  ASSERT_TRUE(settled({"a", "b"}));
  for (int i = 0; i < 3; ++i) {
    cluster.crash("b");
    ASSERT_TRUE(settled({"a"}));
    cluster.start("b");
    ASSERT_TRUE(settled({"a", "b"}));
  }
  cluster.heal();
  EXPECT_TRUE(settled(abc));
  EXPECT_EQ(cluster.all<Resynced>("c").size(), 1u);
}

// ---------------------------------------------------------------- more, or less, than the receiver knows of

TEST_F(FrameTo, WhatIsToldOfLanesThatTheViewHasNotIsIgnored) {
  const auto one_more = [](auto& of_lanes) { of_lanes.emplace_back(); };
  cluster.alter = [&](const std::string&, Frame& sent) {
    if (auto* beat = std::get_if<Heartbeat>(&sent.body)) {
      one_more(beat->lanes);
      one_more(beat->relay);
      one_more(beat->audit);
    }
    if (auto* ack = std::get_if<Ack>(&sent.body)) one_more(ack->lanes);
    if (auto* gather = std::get_if<Gather>(&sent.body)) one_more(gather->value.cut.lanes);
    if (auto* accept = std::get_if<Accept>(&sent.body)) one_more(accept->value.cut.lanes);
    if (auto* decided = std::get_if<Decided>(&sent.body)) one_more(decided->chain.back().value.cut.lanes);
    if (auto* state = std::get_if<Snapshot>(&sent.body)) one_more(state->audited);
  };
  goes_on();
  cluster.crash("c");
  ASSERT_TRUE(settled({"a", "b"}));
  cluster.start("c");
  ASSERT_TRUE(settled(abc));
}

TEST_F(FrameTo, WhoTellsLessOfTheOthersIsBelievedInWhatItTells) {
  cluster.alter = [](const std::string&, Frame& sent) {
    auto* beat = std::get_if<Heartbeat>(&sent.body);
    for (LaneRelay* lane : beat == nullptr || beat->relay.empty() ? std::vector<LaneRelay*>{} : std::vector{&beat->relay.front()}) {
      lane->received.resize(1);
      lane->stored.resize(1);
    }
  };
  goes_on();
}

struct FrameToAWitness : FrameTo {
  void SetUp() override {
    cluster.configure = [](const std::string& name, Config& config) { config.witness = name == "c"; };
    cluster.start_all();
    ASSERT_TRUE(cluster.run_until([&] { return cluster.view("a").size() == 3 && cluster.view("c").size() == 3; }));
    cluster.run_for(100ms);
  }
};

TEST_F(FrameToAWitness, AboutPayloadIsNeitherTakenNorAnswered) {
  std::size_t answered = 0;
  cluster.drop = [&](const std::string& from, const std::string&, const Frame& sent) {
    answered += from == "c" && (is<Data>(sent) || is<Order>(sent)) ? 1 : 0;
    return false;
  };
  say("b", "c", Data{view_id(), Lane{}, Rank{1}, {chunk(1, 1)}});
  say("b", "c", Order{view_id(), Lane{}, Term{1}, Seq{1}, {{Rank{1}, 1}}, std::nullopt, 0});
  say("b", "c", FetchData{view_id(), Lane{}, Rank{1}, Seqno{1}, Seqno{1}});
  say("b", "c", FetchOrder{view_id(), Lane{}, Seq{1}});
  cluster.run_for(100ms);
  EXPECT_EQ(answered, 0u);
  EXPECT_THAT(cluster.delivered("c"), IsEmpty());
  EXPECT_FALSE(cluster.publish("c", 3, 1)) << "nor does it publish";
}

// ---------------------------------------------------------------- first formation

struct Forming : testing::Test {
  /// A formation by `from` of `members` is proposed to b, which waits for a: does it agree?
  bool agrees(const std::string& from, const std::vector<std::string>& members) {
    Cluster cluster(abc);
    bool agreed = false;
    cluster.drop = [&](const std::string&, const std::string&, const Frame& sent) {
      agreed = agreed || is<Formed>(sent);
      return false;
    };
    cluster.start("b");
    View view;
    view.id = {{1, 1}, 1};
    for (const std::string& name : members) view.members.push_back({name == "b" ? cluster.at("b").self() : NodeId{name, {1, 1}}});
    cluster.inject("b", Frame{{1, 1}, {from, {1, 1}}, cluster.at("b").self(), Form{view}});
    cluster.run_for(100ms);
    EXPECT_EQ(cluster.disk("b").cluster.empty(), !agreed);
    return agreed;
  }
};

TEST_F(Forming, IsTheLowestNamesAndOfThoseThatItLists) {
  EXPECT_TRUE(agrees("a", abc));
  EXPECT_FALSE(agrees("c", abc));
  EXPECT_FALSE(agrees("a", {"a", "c"}));
}

}  // namespace
}  // namespace vsync::protocol::test
