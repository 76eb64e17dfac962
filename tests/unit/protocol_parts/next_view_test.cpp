// What a coordinator proposes, given the answers: adoption, then who is in, with what weight, and who orders.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "messages.hpp"
#include "protocol/next_view.hpp"
#include "views.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Names = std::vector<std::string>;

/// Answers to one ballot; everybody who answers hears everybody else who does, unless a test says otherwise.
class Ask {
 public:
  explicit Ask(const Names& names) : view(view_of(names)) {}

  /// A living, loaded member that holds nothing.
  Answer& member(const std::string& name) {
    Answer& answer = add(node(name));
    answer.loaded = true;
    answer.lanes = {LaneHoldings{std::vector<Seqno>(view.size()), {}, {}}};
    return answer;
  }
  /// The successor of a member, answering from the disk it found.
  Answer& disk(const std::string& name) {
    Answer& answer = add(node(name, 2));
    answer.from_disk = true;
    return answer;
  }
  Answer& joiner(const std::string& name, std::uint64_t incarnation = 2) { return add(node(name, incarnation)); }
  void deaf(const NodeId& who, const NodeId& whom) { std::erase(answers.at(who).hears, whom); }

  std::optional<Choice> choose() {
    return choose_value(config, {&view, &answers, restart, sequencers, stuck, 99, {}, raise});
  }
  Names next() {
    const auto choice = choose();
    return choice ? names_of(choice->value.next) : Names{};
  }

  View view;
  Config config;
  std::map<NodeId, Answer> answers;
  std::vector<Rank> sequencers{Rank{0}};
  bool restart = false;
  bool stuck = false;
  bool raise = false;

 private:
  Answer& add(const NodeId& who) {
    for (auto& [other, answer] : answers) {
      answer.hears.push_back(who);
      answers[who].hears.push_back(other);
    }
    return answers[who];
  }
};

Accepted accepted(std::uint64_t round, const Names& next) {
  Value value;
  value.next = view_of(next);
  ++value.next.id.number;
  return {{round, Rank{0}}, value};
}

// ---------------------------------------------------------------- adoption

struct AdoptionCase {
  std::string rule;
  Names silent;
  std::map<std::string, std::uint64_t> accepted;  ///< round in which a member accepted; the value names the round
  std::uint64_t adopted = 0;                      ///< the round whose value is proposed; 0: a value of its own
};

class Adoption : public testing::TestWithParam<AdoptionCase> {};

TEST_P(Adoption, OfFiveMembers) {
  const AdoptionCase& given = GetParam();
  Ask ask({"a", "b", "c", "d", "e"});
  for (const std::string& name : Names{"a", "b", "c", "d", "e"}) {
    if (std::ranges::find(given.silent, name) != given.silent.end()) continue;
    Answer& answer = ask.member(name);
    const auto found = given.accepted.find(name);
    if (found != given.accepted.end()) answer.accepted = accepted(found->second, {"round" + std::to_string(found->second)});
  }
  const auto choice = ask.choose();
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->adopted, given.adopted != 0);
  if (given.adopted != 0) {
    EXPECT_EQ(choice->value, accepted(given.adopted, {"round" + std::to_string(given.adopted)}).value);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, Adoption,
    testing::Values(
        AdoptionCase{"nothing_accepted_is_free", {}, {}, 0},
        AdoptionCase{"accepted_by_a_majority_is_adopted", {}, {{"a", 3}, {"b", 3}, {"c", 3}}, 3},
        AdoptionCase{"accepted_by_few_with_enough_silent_may_be_chosen", {"d", "e"}, {{"a", 3}}, 3},
        AdoptionCase{"accepted_by_few_without_enough_silent_cannot_be_chosen", {"e"}, {{"a", 3}}, 0},
        AdoptionCase{"the_highest_ballot_wins", {"e"}, {{"a", 3}, {"b", 4}}, 4},
        AdoptionCase{"a_lower_ballot_of_more_members_does_not", {}, {{"a", 3}, {"b", 3}, {"c", 4}}, 4}),
    [](const auto& each) { return each.param.rule; });

TEST(NextView, WeightsDecideWhatMayHaveBeenChosen) {
  Ask ask({"a", "b", "c"});
  ask.view.members[0].weight = 3;
  ask.member("a");
  ask.member("b").accepted = accepted(3, {"x"});
  ask.member("c").accepted = accepted(3, {"x"});
  EXPECT_FALSE(ask.choose()->adopted);  // b and c count 2 of 5
}

TEST(NextView, NeedsAnswersOfASetThatMayGoOn) {
  Ask ask(Names{"a", "b", "c"});
  ask.member("a");
  EXPECT_FALSE(ask.choose());
  ask.joiner("d");
  EXPECT_FALSE(ask.choose());
  ask.member("b");
  EXPECT_TRUE(ask.choose());
}

// ---------------------------------------------------------------- members

TEST(NextView, HasTheMembersThatAnsweredInTheirOrder) {
  Ask ask({"c", "a", "b"});
  ask.member("b");
  ask.member("c");
  EXPECT_THAT(ask.next(), ElementsAre("c", "b"));
  EXPECT_EQ(ask.choose()->value.next.id, (ViewId{ask.view.id.epoch, 6}));
}

TEST(NextView, LeavesOutWhoIsNotHeardByAll) {
  Ask ask({"a", "b", "c"});
  for (const char* name : {"a", "b", "c"}) ask.member(name);
  ask.deaf(node("a"), node("b"));
  EXPECT_THAT(ask.next(), ElementsAre("a", "c"));
}

TEST(NextView, AJoinerComesLastAsALearner) {
  Ask ask({"a", "b"});
  ask.member("a");
  ask.member("b");
  ask.joiner("0").full_weight = 3;
  ASSERT_THAT(ask.next(), ElementsAre("a", "b", "0"));
  const Member joined = ask.choose()->value.next.members[2];
  EXPECT_EQ(joined.weight, 0u);
  EXPECT_EQ(joined.full_weight, 3u);
  EXPECT_FALSE(joined.loaded);
}

TEST(NextView, AJoinerThatDoesNotHearAllWaits) {
  Ask ask({"a", "b"});
  ask.member("a");
  ask.member("b");
  ask.joiner("d");
  ask.deaf(node("b"), node("d", 2));
  EXPECT_THAT(ask.next(), ElementsAre("a", "b"));
}

TEST(NextView, IsSpokenInTheNewestVersionThatAllSpeak) {
  Ask ask({"a", "b"});
  ask.view.version = 3;
  ask.member("a").speaks = {3, 5};
  ask.member("b").speaks = {2, 4};
  EXPECT_EQ(ask.choose()->value.next.version, 4);
  ask.joiner("d").speaks = {3, 3};
  ASSERT_THAT(ask.next(), ElementsAre("a", "b", "d"));
  EXPECT_EQ(ask.choose()->value.next.version, 3);
}

TEST(NextView, KeepsItsVersionWhileAConfiguredNameIsMissing) {
  Ask ask({"a", "b"});
  ask.config.peers = {"b", "c"};
  ask.view.version = 3;
  ask.member("a").speaks = {3, 4};
  ask.member("b").speaks = {3, 4};
  EXPECT_EQ(ask.choose()->value.next.version, 3);
  ask.raise = true;
  EXPECT_EQ(ask.choose()->value.next.version, 4) << "it was waited for long enough";
  ask.raise = false;
  ask.joiner("c").speaks = {3, 4};
  EXPECT_EQ(ask.choose()->value.next.version, 4);
}

TEST(NextView, AJoinerThatDoesNotSpeakItsVersionIsNotAdmitted) {
  Ask ask({"a", "b"});
  ask.view.version = 4;
  ask.member("a").speaks = {3, 4};
  ask.member("b").speaks = {3, 4};
  ask.joiner("d").speaks = {3, 3};
  ask.joiner("e").speaks = {5, 5};
  EXPECT_THAT(ask.next(), ElementsAre("a", "b"));
}

TEST(NextView, TheSuccessorOfAMemberThatStaysIsNotAdmittedBesideIt) {
  Ask ask({"a", "b"});
  ask.member("a");
  ask.member("b");
  ask.joiner("b");
  EXPECT_THAT(ask.next(), ElementsAre("a", "b"));
}

TEST(NextView, ALearnerGetsItsWeightOnceLoaded) {
  Ask ask({"a", "b"});
  ask.view.members[1].weight = 0;
  ask.view.members[1].loaded = false;
  ask.member("a");
  Answer& learner = ask.member("b");
  learner.full_weight = 2;
  learner.loaded = false;
  EXPECT_EQ(ask.choose()->value.next.members[1].weight, 0u);
  learner.loaded = true;
  EXPECT_EQ(ask.choose()->value.next.members[1].weight, 2u);
  EXPECT_TRUE(ask.choose()->value.next.members[1].loaded);
}

TEST(NextView, AWitnessThatJoinsGetsItsWeightInALaterChange) {
  Ask ask({"a"});
  ask.member("a");
  ask.joiner("w").witness = true;
  EXPECT_EQ(ask.choose()->value.next.members[1].weight, 0u);
  EXPECT_TRUE(ask.choose()->value.next.members[1].witness);

  Ask later({"a", "w"});
  later.view.members[1] = {node("w"), 0, 1, true, true};
  later.member("a");
  later.joiner("w", 1).witness = true;
  EXPECT_EQ(later.choose()->value.next.members[1].weight, 1u);
}

TEST(NextView, LeaversAreLeftOut) {
  Ask ask({"a", "b", "c"});
  for (const char* name : {"a", "b", "c"}) ask.member(name);
  ask.answers.at(node("a")).leaving = true;
  EXPECT_THAT(ask.next(), ElementsAre("b", "c"));
}

TEST(NextView, TheOnlyHolderOfTheStateCannotLeaveYet) {
  Ask ask({"a", "b"});
  ask.member("a").leaving = true;
  ask.member("b").loaded = false;
  EXPECT_THAT(ask.next(), testing::UnorderedElementsAre("a", "b"));
}

// ---------------------------------------------------------------- who orders, who decides ties

TEST(NextView, TheSequencerStays) {
  Ask ask({"a", "b", "c"});
  ask.sequencers = {Rank{2}};
  for (const char* name : {"b", "c"}) ask.member(name);
  EXPECT_THAT(ask.choose()->value.next.sequencers, ElementsAre(Rank{1}));
}

TEST(NextView, AStuckSequencerIsReplaced) {
  Ask ask({"a", "b", "c"});
  ask.stuck = true;
  for (const char* name : {"a", "b", "c"}) ask.member(name);
  EXPECT_THAT(ask.choose()->value.next.sequencers, ElementsAre(Rank{1}));
}

TEST(NextView, NeitherAWitnessNorALearnerOrders) {
  Ask ask({"a", "b", "c", "d"});
  ask.view.members[1].witness = true;
  ask.view.members[2].loaded = false;
  ask.member("b").witness = true;
  ask.member("c").loaded = false;
  ask.member("d");
  EXPECT_THAT(ask.choose()->value.next.sequencers, ElementsAre(Rank{2}));
}

TEST(NextView, TheTieBreakerIsTheConfiguredOneIfItIsThereOrElseTheMostSenior) {
  Ask ask({"a", "b", "c"});
  for (const char* name : {"a", "b"}) ask.member(name);
  ask.config.tie_breaker = "b";
  EXPECT_EQ(ask.choose()->value.next.tie_breaker, Rank{1});
  ask.config.tie_breaker = "c";
  EXPECT_EQ(ask.choose()->value.next.tie_breaker, Rank{0});
}

// ---------------------------------------------------------------- restart

TEST(NextView, WithoutALivingHolderTheDisksStartANewEpoch) {
  Ask ask({"a", "b", "c"});
  ask.restart = true;
  ask.disk("a");
  ask.disk("b");
  const auto choice = ask.choose();
  ASSERT_TRUE(choice);
  EXPECT_TRUE(choice->value.restart);
  EXPECT_EQ(choice->value.next.id, (ViewId{{2, 99}, 6}));
  EXPECT_TRUE(choice->value.next.members[0].loaded);
  EXPECT_EQ(choice->value.next.members[0].node, node("a", 2));
  EXPECT_THAT(choice->value.loaded, IsEmpty());
  EXPECT_THAT(choice->gather, IsEmpty());
}

TEST(NextView, ALivingHolderGivesTheStateToTheDisks) {
  Ask ask({"a", "b", "c"});
  ask.restart = true;
  ask.disk("a");
  ask.member("b");
  const auto choice = ask.choose();
  ASSERT_TRUE(choice);
  EXPECT_FALSE(choice->value.next.members[0].loaded);
  EXPECT_EQ(choice->value.next.members[0].weight, 1u);
  EXPECT_TRUE(choice->value.next.members[1].loaded);
  EXPECT_THAT(choice->gather, ElementsAre(node("b")));
  EXPECT_THAT(choice->value.next.sequencers, ElementsAre(Rank{1}));
}

TEST(NextView, OfTheDisksTheLongestLogGoesOnAndTheOthersCompleteTheirs) {
  Ask ask({"a", "b", "c"});
  ask.restart = true;
  ask.disk("a").logged = {Seq{4}};
  ask.disk("b").logged = {Seq{7}};
  ask.disk("c").logged = {Seq{7}};
  const auto choice = ask.choose();
  ASSERT_TRUE(choice);
  EXPECT_THAT(choice->value.stored, ElementsAre(StoredEnd{Rank{1}, Seq{7}}));
  EXPECT_THAT(choice->gather, ElementsAre(node("a", 2)));
}

TEST(NextView, ADiskWhoseLogHasHolesIsNoHistoryToGoOnFrom) {
  Ask ask({"a", "b", "c"});
  ask.restart = true;
  ask.disk("a").logged = {Seq{4}};
  ask.disk("b");
  const auto choice = ask.choose();
  ASSERT_TRUE(choice);
  EXPECT_THAT(choice->value.stored, ElementsAre(StoredEnd{Rank{0}, Seq{4}}));
  EXPECT_TRUE(choice->value.next.members[0].loaded);
  EXPECT_FALSE(choice->value.next.members[1].loaded);
}

TEST(NextView, ADiskThatKnowsMoreThanTheLivingGoesOnInTheirPlace) {
  Ask ask({"a", "b", "c"});
  ask.restart = true;
  ask.disk("a").logged = {Seq{4}};
  ask.member("b").lanes = {LaneHoldings{seqnos({3, 0, 0}), Seq{0}, {run(1, 0, 1, 3)}}};
  EXPECT_THAT(ask.next(), ElementsAre("a"));
  ask.disk("a").logged = {Seq{3}};
  EXPECT_THAT(ask.next(), ElementsAre("a", "b"));
  EXPECT_THAT(ask.choose()->value.stored, IsEmpty());
}

TEST(NextView, ALeaverThatAloneHoldsTheStateGivesItToTheDisksFirst) {
  Ask ask({"a", "b", "c"});
  ask.restart = true;
  ask.disk("a");
  ask.disk("b");
  ask.member("c").leaving = true;
  EXPECT_THAT(ask.next(), ElementsAre("a", "b", "c"));
}

TEST(NextView, IsNeverEmpty) {
  Ask ask({"a"});
  ask.restart = true;
  ask.disk("a").leaving = true;
  EXPECT_THAT(ask.next(), ElementsAre("a"));
}

TEST(NextView, DisksCountInARestartOnly) {
  Ask ask({"a", "b", "c"});
  ask.member("a");
  ask.disk("b");
  EXPECT_FALSE(ask.choose());
}

TEST(NextView, WhatADiskAcceptedIsAdopted) {
  Ask ask({"a", "b", "c"});
  ask.restart = true;
  ask.disk("a");
  ask.disk("b").accepted = accepted(3, {"x"});
  EXPECT_TRUE(ask.choose()->adopted);
}

TEST(NextView, ARestartedNameThatIsBoundToALaterViewSpeaksForNobody) {
  // b and c have accepted {b, c}; c, restarted, has learnt that it was chosen and is bound to it: its answer is a joiner's.
  Ask ask({"a", "b", "c"});
  ask.restart = true;
  ask.disk("a");
  ask.disk("b").accepted = accepted(3, {"b", "c"});
  ask.joiner("c");
  ASSERT_TRUE(ask.choose());
  EXPECT_TRUE(ask.choose()->adopted);
}

TEST(NextView, OfMembersThatHoldNoStateNobodyGoesOn) {
  Ask ask({"a", "b", "c"});
  for (const char* name : {"a", "b", "c"}) ask.member(name).loaded = false;
  EXPECT_FALSE(ask.choose());
}

TEST(NextView, ThoseThatAnswerAndDoNotHearEachOtherDoNotGoOn) {
  Ask ask({"a", "b", "c"});
  for (const char* name : {"a", "b", "c"}) ask.member(name);
  for (const char* name : {"a", "b", "c"}) ask.answers.at(node(name)).hears.clear();
  EXPECT_FALSE(ask.choose());
}

TEST(NextView, TheDiskOfAWitnessIsNoHistory) {
  Ask ask({"a", "b", "c"});
  ask.view.members[0].witness = true;
  ask.restart = true;
  Answer& witness = ask.disk("a");
  witness.witness = true;
  witness.logged = {Seq{9}};
  ask.disk("b").logged = {Seq{4}};
  const auto choice = ask.choose();
  ASSERT_TRUE(choice);
  EXPECT_THAT(choice->value.stored, ElementsAre(StoredEnd{Rank{1}, Seq{4}}));
  EXPECT_THAT(choice->gather, IsEmpty());
}

TEST(NextView, AWitnessGoesAlongWithTheHistoryOfTheDisks) {
  Ask ask({"a", "b", "c"});
  ask.view.members[2].witness = true;
  ask.restart = true;
  ask.disk("a").logged = {Seq{4}};
  ask.member("b").lanes = {LaneHoldings{seqnos({3, 0, 0}), Seq{0}, {run(1, 0, 1, 3)}}};
  Answer& witness = ask.member("c");
  witness.witness = true;
  witness.lanes.clear();
  EXPECT_THAT(ask.next(), ElementsAre("a", "c")) << "it holds nothing that the disk might lack";
}

TEST(NextView, IsNoLargerThanAViewMayBe) {
  Names names;
  for (std::size_t i = 0; i < members_max; ++i) names.push_back("n" + std::to_string(i));
  Ask ask(names);
  for (const std::string& name : names) ask.member(name);
  ask.joiner("x");
  EXPECT_EQ(ask.next().size(), members_max);
}

TEST(NextView, ALaneThatNobodyOrderedIsGivenToTheMostSenior) {
  Ask ask({"a", "b"});
  ask.config.lanes = 2;
  ask.sequencers = {Rank{1}};
  ask.member("a");
  ask.member("b");
  const auto choice = ask.choose();
  ASSERT_TRUE(choice);
  EXPECT_THAT(choice->value.next.sequencers, ElementsAre(Rank{1}, Rank{0}));
}

TEST(NextView, ASequencerWithoutTheStateIsReplaced) {
  Ask ask({"a", "b", "c"});
  ask.member("a").loaded = false;
  ask.member("b");
  ask.member("c");
  EXPECT_THAT(ask.choose()->value.next.sequencers, ElementsAre(Rank{1}));
}

}  // namespace
}  // namespace vsync::protocol::test
