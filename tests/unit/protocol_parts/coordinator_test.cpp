// One attempt to end a view, step by step, and what the loss of each step costs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/coordinator.hpp"
#include "views.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Step = Coordinator::Step;
using Names = std::vector<std::string>;

/// The coordinator a of {a, b, c}, which all hear each other.
struct Ballots : testing::Test {
  Ballots() { begin({"a", "b", "c"}, {}); }
  void begin(const Names& acceptors, const Names& joiners, TimePoint until = TimePoint::max()) {
    Coordinator::Plan plan;
    plan.view = view_of({"a", "b", "c"});
    plan.ballot = ballot;
    for (const std::string& name : acceptors) plan.acceptors.push_back(node(name));
    for (const std::string& name : joiners) plan.joiners.push_back(node(name));
    plan.sequencers = {Rank{0}};
    plan.patience = 600ms;
    plan.patience_with_needed = config.lag_exclude_after;
    plan.until = until;
    coordinator.emplace(config, std::move(plan), t);
    coordinator->on_promised(t);
  }
  [[nodiscard]] Answer answer_of(const std::string& name) const {
    Answer given;
    given.view = coordinator->view().id;
    given.ballot = ballot;
    for (const char* other : {"a", "b", "c", "d"}) given.hears.push_back(node(other));
    given.loaded = name != "d";
    if (given.loaded) given.lanes = {LaneHoldings{std::vector<Seqno>(3), {}, {}}};
    return given;
  }
  void answer(const std::string& name, const std::function<void(Answer&)>& change = nullptr) {
    Answer given = answer_of(name);
    if (change) change(given);
    coordinator->on_answer(t, node(name), given);
  }
  void gathered(const std::string& name) { coordinator->on_gathered(t, node(name)); }
  void accepted(const std::string& name) { coordinator->on_accepted(node(name)); }
  void tick(Duration after) { coordinator->on_tick(t + after); }
  /// Whom it asks now, all with the same request.
  template <class Request>
  Names asks() {
    Names names;
    for (const Coordinator::Send& one : coordinator->take()) {
      EXPECT_TRUE(std::holds_alternative<Request>(one.body));
      names.push_back(one.to.name);
    }
    return names;
  }
  const Config config;
  const Ballot ballot{3, Rank{0}};
  const TimePoint t{100s};
  std::optional<Coordinator> coordinator;
};

TEST_F(Ballots, GoFromAnswersOverTheFetchToAcceptance) {
  EXPECT_THAT(asks<Prepare>(), ElementsAre("a", "b", "c"));
  for (const char* name : {"a", "b", "c"}) answer(name);
  EXPECT_EQ(coordinator->step(), Step::gathering);
  EXPECT_THAT(asks<Gather>(), ElementsAre("a", "b", "c"));
  for (const char* name : {"a", "b", "c"}) gathered(name);
  EXPECT_EQ(coordinator->step(), Step::accepting);
  EXPECT_THAT(asks<Accept>(), ElementsAre("a", "b", "c"));
  accepted("a");
  EXPECT_EQ(coordinator->step(), Step::accepting);
  accepted("c");
  EXPECT_EQ(coordinator->step(), Step::chosen);
  EXPECT_EQ(names_of(coordinator->value().next), (Names{"a", "b", "c"}));
}

TEST_F(Ballots, AskForNothingBeforeTheirPromiseIsOnDisk) {
  Coordinator::Plan plan;
  plan.view = view_of({"a"});
  plan.ballot = ballot;
  plan.acceptors = {node("a")};
  Coordinator late(config, std::move(plan), t);
  late.on_tick(t + 1h);
  EXPECT_THAT(late.take(), IsEmpty());
  EXPECT_EQ(late.step(), Step::promise);
  EXPECT_EQ(late.deadline(), TimePoint::max());
  late.on_promised(t + 1h);
  EXPECT_EQ(late.take().size(), 1u);
  late.on_promised(t + 2h);
  EXPECT_THAT(late.take(), IsEmpty()) << "once";
}

TEST_F(Ballots, ARepeatedAcceptanceCountsOnce) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  accepted("b");
  accepted("b");
  EXPECT_EQ(coordinator->step(), Step::accepting);
}

TEST_F(Ballots, AnAcceptanceOfNoMemberCountsNothing) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  accepted("a");
  accepted("d");
  EXPECT_EQ(coordinator->step(), Step::accepting);
}

// ---------------------------------------------------------------- answers

TEST_F(Ballots, WaitForEverybodyThatIsHeard) {
  answer("a");
  answer("b");
  EXPECT_EQ(coordinator->step(), Step::answers);
}

TEST_F(Ballots, ChooseWithoutWhoIsSilentForT) {
  answer("a");
  answer("b");
  tick(599ms);
  EXPECT_EQ(coordinator->step(), Step::answers);
  tick(600ms);
  EXPECT_EQ(coordinator->step(), Step::gathering);
  EXPECT_EQ(coordinator->value().next.size(), 2u);
}

TEST_F(Ballots, ChooseAtOnceWithoutWhoIsLost) {
  answer("a");
  answer("b");
  coordinator->on_lost(t, node("c"));
  EXPECT_EQ(coordinator->step(), Step::gathering);
}

TEST_F(Ballots, AskOnForAVoteWithoutWhichNobodyMayGoOn) {
  answer("a");
  (void)coordinator->take();
  tick(600ms);
  EXPECT_EQ(coordinator->step(), Step::answers);
  EXPECT_THAT(asks<Prepare>(), ElementsAre("b", "c"));
  EXPECT_GT(coordinator->deadline(), t + 600ms) << "not due again at once";
  tick(9s);
  EXPECT_THAT(asks<Prepare>(), ElementsAre("b", "c"));
  answer("b");
  EXPECT_EQ(coordinator->step(), Step::answers) << "c's may be as late";
  tick(599ms);
  EXPECT_EQ(coordinator->step(), Step::answers);
  tick(600ms);
  EXPECT_EQ(coordinator->step(), Step::gathering);
}

TEST_F(Ballots, FailWithoutAnswersOfASetThatMayGoOnOnceTheirDisksAreTakenForHung) {
  answer("a");
  tick(600ms);
  tick(config.lag_exclude_after - 1ms);
  EXPECT_EQ(coordinator->step(), Step::answers);
  tick(config.lag_exclude_after);
  EXPECT_EQ(coordinator->step(), Step::failed);
  EXPECT_TRUE(coordinator->ran_out_of_patience());
}

TEST_F(Ballots, AskOnForNobodyThatIsLost) {
  answer("a");
  tick(600ms);
  coordinator->on_lost(t + 700ms, node("b"));
  EXPECT_EQ(coordinator->step(), Step::answers) << "c's vote is enough";
  coordinator->on_lost(t + 800ms, node("c"));
  EXPECT_EQ(coordinator->step(), Step::failed);
  EXPECT_FALSE(coordinator->ran_out_of_patience());
}

TEST_F(Ballots, IgnoreAnswersToAnotherBallot) {
  answer("a");
  answer("b");
  answer("c", [](Answer& given) { given.ballot = {2, Rank{1}}; });
  EXPECT_EQ(coordinator->step(), Step::answers);
}

TEST_F(Ballots, AskAgainThoseThatHaveNotAnswered) {
  (void)asks<Prepare>();
  answer("b");
  tick(99ms);
  EXPECT_THAT(asks<Prepare>(), IsEmpty());
  EXPECT_EQ(coordinator->deadline(), t + 100ms);
  tick(100ms);
  EXPECT_THAT(asks<Prepare>(), ElementsAre("a", "c"));
}

TEST_F(Ballots, AdmitAJoinerThatAnswers) {
  begin({"a", "b", "c"}, {"d"});
  for (const char* name : {"a", "b", "c", "d"}) answer(name);
  EXPECT_EQ(names_of(coordinator->value().next), (Names{"a", "b", "c", "d"}));
}

TEST_F(Ballots, AJoinerCannotStopThem) {
  begin({"a", "b", "c"}, {"d"});
  for (const char* name : {"a", "b", "c"}) answer(name);
  EXPECT_EQ(coordinator->step(), Step::answers);
  coordinator->on_lost(t, node("d"));
  EXPECT_EQ(coordinator->step(), Step::gathering);
  EXPECT_EQ(coordinator->value().next.size(), 3u);
}

// ---------------------------------------------------------------- the fetch

TEST_F(Ballots, NothingIsAcceptedBeforeAllHoldersOfTheNextViewHoldTheCut) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  (void)coordinator->take();
  gathered("a");
  gathered("b");
  EXPECT_EQ(coordinator->step(), Step::gathering);
  EXPECT_THAT(coordinator->take(), IsEmpty());
}

TEST_F(Ballots, FailWhenTheFetchTakesTooLong) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  gathered("a");
  tick(600ms);
  EXPECT_EQ(coordinator->step(), Step::failed);
  EXPECT_TRUE(coordinator->ran_out_of_patience());
}

TEST_F(Ballots, WaitForTheCutAsLongAsDisksHaveShownThatTheyNeed) {
  answer("a");
  answer("b");
  coordinator->on_answer(t + 500ms, node("c"), answer_of("c"));
  ASSERT_EQ(coordinator->step(), Step::gathering);
  tick(500ms + 999ms);
  EXPECT_EQ(coordinator->step(), Step::gathering) << "c's promise took half a second";
  tick(500ms + 1s);
  EXPECT_EQ(coordinator->step(), Step::failed);
}

TEST_F(Ballots, WaitForADiskThatIsNeededThoughItIsTakenForHung) {
  const Duration write = config.lag_exclude_after + 2s;
  answer("a");
  tick(600ms);
  coordinator->on_lost(t + 600ms, node("c"));
  coordinator->on_answer(t + write, node("b"), answer_of("b"));
  ASSERT_EQ(coordinator->step(), Step::gathering) << "with what the two have told";
  const Duration asked = write;
  gathered("a");
  tick(asked + 2 * write - 1ms);
  ASSERT_EQ(coordinator->step(), Step::gathering);
  coordinator->on_gathered(t + asked + write, node("b"));
  ASSERT_EQ(coordinator->step(), Step::accepting);
  accepted("a");
  tick(asked + 3 * write - 1ms);
  EXPECT_EQ(coordinator->step(), Step::accepting) << "b's acceptance is one more such write";
  tick(asked + 3 * write);
  EXPECT_EQ(coordinator->step(), Step::failed);
}

TEST_F(Ballots, WaitNoLongerThanForAHungDiskForTheCutOfWhoIsNotNeeded) {
  const Duration write = config.lag_exclude_after * 3;
  for (const char* name : {"a", "b"}) answer(name);
  coordinator->on_answer(t + write, node("c"), answer_of("c"));
  ASSERT_EQ(coordinator->step(), Step::gathering);
  for (const char* name : {"a", "b"}) gathered(name);
  tick(write + config.lag_exclude_after - 1ms);
  EXPECT_EQ(coordinator->step(), Step::gathering);
  tick(write + config.lag_exclude_after);
  EXPECT_EQ(coordinator->step(), Step::failed);
}

TEST_F(Ballots, EndWhereOthersAreBackThatCouldGoOnWithoutADiskThatIsTakenForHung) {
  const auto present = [&](std::initializer_list<Rank> ranks, Duration after) { coordinator->on_present(t + after, RankSet(ranks)); };
  begin({"a", "b"}, {});
  answer("a");
  tick(600ms);
  ASSERT_TRUE(coordinator->asks_on());
  present({Rank{0}, Rank{1}}, config.lag_exclude_after);
  EXPECT_EQ(coordinator->step(), Step::answers) << "nobody else is there";
  present({Rank{0}, Rank{1}, Rank{2}}, config.lag_exclude_after - 1ms);
  EXPECT_EQ(coordinator->step(), Step::answers);
  present({Rank{0}, Rank{1}, Rank{2}}, config.lag_exclude_after);
  EXPECT_EQ(coordinator->step(), Step::failed);
}

TEST_F(Ballots, AreNotDelayedByAnAnswerThatComesTwice) {
  answer("a");
  answer("b");
  coordinator->on_answer(t + 500ms, node("b"), answer_of("b"));
  answer("c");
  ASSERT_EQ(coordinator->step(), Step::gathering);
  tick(600ms);
  EXPECT_EQ(coordinator->step(), Step::failed);
}

TEST_F(Ballots, OfAnOperatorAreNotGivenUpOnceTheirValueIsOut) {
  begin({"a", "b", "c"}, {}, t + 500ms);
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  tick(500ms);
  EXPECT_EQ(coordinator->step(), Step::accepting) << "who has accepted it may yet be asked by another";
}

TEST_F(Ballots, EndWithTheOperatorsWish) {
  begin({"a", "b", "c"}, {}, t + 500ms);
  for (const char* name : {"a", "b", "c"}) answer(name);
  EXPECT_LE(coordinator->deadline(), t + 500ms);
  tick(499ms);
  EXPECT_EQ(coordinator->step(), Step::gathering);
  tick(500ms);
  EXPECT_EQ(coordinator->step(), Step::failed);
  EXPECT_FALSE(coordinator->ran_out_of_patience());
}

TEST_F(Ballots, FailWhenAHolderDiesBeforeItHoldsTheCut) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  gathered("a");
  coordinator->on_lost(t, node("c"));
  EXPECT_EQ(coordinator->step(), Step::failed);
  EXPECT_FALSE(coordinator->ran_out_of_patience());
}

TEST_F(Ballots, AHolderThatDiesAfterwardsStaysInTheValue) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  coordinator->on_lost(t, node("c"));
  accepted("a");
  accepted("b");
  EXPECT_EQ(coordinator->step(), Step::chosen);
  EXPECT_EQ(coordinator->value().next.size(), 3u);
}

TEST_F(Ballots, AnAdoptedValueIsAcceptedUnchangedAndWithoutAFetch) {
  Value earlier;
  earlier.next = view_of({"b", "c"});
  ++earlier.next.id.number;
  answer("a");
  answer("b", [&](Answer& given) { given.accepted = Accepted{{2, Rank{1}}, earlier}; });
  coordinator->on_lost(t, node("c"));
  EXPECT_EQ(coordinator->step(), Step::accepting);
  EXPECT_EQ(coordinator->value(), earlier);
}

// ---------------------------------------------------------------- acceptance

TEST_F(Ballots, AskOnForAnAcceptanceWithoutWhichNobodyMayGoOn) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  accepted("a");
  tick(600ms);
  (void)coordinator->take();
  coordinator->on_lost(t + 700ms, node("c"));
  tick(9s);
  EXPECT_THAT(asks<Accept>(), ElementsAre("b"));
  accepted("b");
  EXPECT_EQ(coordinator->step(), Step::chosen);
}

TEST_F(Ballots, FailWhenAllThatCouldStillAcceptAreLost) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  accepted("a");
  coordinator->on_lost(t, node("b"));
  coordinator->on_lost(t, node("c"));
  EXPECT_EQ(coordinator->step(), Step::accepting) << "they may have accepted before";
  tick(600ms);
  coordinator->on_lost(t + 600ms, node("b"));
  coordinator->on_lost(t + 600ms, node("c"));
  EXPECT_EQ(coordinator->step(), Step::failed);
}

TEST_F(Ballots, FailWithoutAcceptanceByASetThatMayGoOn) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  accepted("a");
  tick(600ms);
  tick(config.lag_exclude_after);
  EXPECT_EQ(coordinator->step(), Step::failed);
  EXPECT_TRUE(coordinator->ran_out_of_patience());
}

TEST_F(Ballots, FailOnceAnybodyHasPromisedMore) {
  coordinator->on_refused();
  EXPECT_EQ(coordinator->step(), Step::failed);
  EXPECT_FALSE(coordinator->ran_out_of_patience());
}

TEST_F(Ballots, WhatIsChosenStaysChosen) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  accepted("a");
  accepted("b");
  coordinator->on_refused();
  tick(10s);
  EXPECT_EQ(coordinator->step(), Step::chosen);
}

TEST_F(Ballots, WhatBelongsToAnotherStepIsNoPartOfThisOne) {
  gathered("a");
  accepted("a");
  accepted("b");
  EXPECT_EQ(coordinator->step(), Step::answers);
  for (const char* name : {"a", "b", "c"}) answer(name);
  accepted("a");
  accepted("b");
  EXPECT_EQ(coordinator->step(), Step::gathering);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  gathered("a");
  accepted("d");
  EXPECT_EQ(coordinator->step(), Step::accepting);
}

TEST_F(Ballots, WhatIsChosenIsNotRefusedAnyMore) {
  for (const char* name : {"a", "b", "c"}) answer(name);
  for (const char* name : {"a", "b", "c"}) gathered(name);
  accepted("a");
  accepted("b");
  coordinator->on_refused();
  EXPECT_EQ(coordinator->step(), Step::chosen);
}

}  // namespace
}  // namespace vsync::protocol::test
