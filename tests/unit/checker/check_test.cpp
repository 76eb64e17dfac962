// Each property notices what it is there for, and nothing else is noticed with it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checker/traces.hpp"

namespace vsync::checker::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr Ballot first_ballot{1, Rank{0}};

Story to_the_second_view() {
  Story story = one_message();
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b});
  return story;
}

TEST(Checker, FindsNothingInASoundTrace) {
  Story story = to_the_second_view();
  story.install({a, b}, second_view).publish(a, 2).deliver({a, b}, message(at(2, 1), a, 1, 2));
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, SelfInclusion) {
  Story story = to_the_second_view();
  story.install({a, c}, second_view);
  EXPECT_THAT(story.broken(), Contains("self_inclusion"));
}

TEST(Checker, ViewIdsGrow) {
  Story story = to_the_second_view();
  story.install({a}, second_view).install({a}, first_view);
  EXPECT_THAT(story.broken(), Contains("view_ids_grow"));
}

TEST(Checker, OneIdHasOneContent) {
  Story story = to_the_second_view();
  story.install({a}, second_view).install({b}, view(2, {b, a}));
  EXPECT_THAT(story.broken(), Contains("one_id_one_content"));
}

TEST(Checker, AVoteIsEarned) {
  View next = view(2, {a, b, node("d")});
  const auto broken = [&] {
    Story story = one_message();
    story.ballot(1, first_ballot, next, {a, b, node("d")}, {a, b}).install({a, b}, next);
    return story.broken();
  };
  EXPECT_THAT(broken(), ElementsAre("votes_are_earned"));
  next.members.back().weight = 0;
  EXPECT_THAT(broken(), IsEmpty());
}

TEST(Checker, OneBallotHasOneValue) {
  Story story = to_the_second_view();
  story.tell(b, BallotValue{.view = view_id(1), .ballot = first_ballot, .value = 3, .next = second_view});
  EXPECT_THAT(story.broken(), ElementsAre("one_ballot_one_value"));
}

TEST(Checker, APromiseBindsLaterIncarnationsWithTheirDisk) {
  Story story = one_message();
  story.tell(b, AnsweredBallot{.view = view_id(1), .ballot = {4, Rank{0}}}).tell(b, Crashed{});
  story.tell(node("b", 2), NodeStarted{});
  story.tell(node("b", 2), AnsweredBallot{.view = view_id(1), .ballot = first_ballot, .from_disk = true});
  EXPECT_THAT(story.broken(), ElementsAre("promises_are_kept"));
}

TEST(Checker, AJoinersAnswerIsNoPromise) {
  Story story = one_message();
  const NodeId joiner = node("d");
  story.tell(joiner, AnsweredBallot{.view = view_id(1), .ballot = {4, Rank{0}}});
  story.tell(joiner, AnsweredBallot{.view = view_id(1), .ballot = first_ballot});
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, APromiseEndsWithItsDisk) {
  Story story = one_message();
  story.tell(b, AnsweredBallot{.view = view_id(1), .ballot = {4, Rank{0}}}).tell(b, Crashed{});
  story.tell(node("b", 2), NodeStarted{.with_disk = false});
  story.tell(node("b", 2), AnsweredBallot{.view = view_id(1), .ballot = first_ballot, .from_disk = true});
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, TwoSuccessorsOfOneViewAreTwoPrimaries) {
  Story story = to_the_second_view();
  const View other = view(2, {b, c});
  story.ballot(1, {2, Rank{1}}, other, {b, c}, {b, c}).install({a}, second_view).install({b, c}, other);
  EXPECT_THAT(story.broken(), Contains("single_primary_chain"));
}

TEST(Checker, TwoFirstViewsAreTwoPrimaries) {
  Story story;
  story.install({a}, view(1, {a})).install({b}, view(2, {b}));
  EXPECT_THAT(story.broken(), ElementsAre("single_primary_chain"));
}

TEST(Checker, ASuccessorIsAcceptedByASetThatMayGoOn) {
  Story story = one_message();
  story.ballot(1, first_ballot, second_view, {a, b}, {a}).install({a, b}, second_view);
  EXPECT_THAT(story.broken(), ElementsAre("chosen_by_the_old_view"));
}

TEST(Checker, AcceptancesOfTheNextViewsMembersAloneAreNotEnough) {
  Story story = one_message();
  View alone = view(2, {a, node("d")});
  alone.members.back().weight = 0;  // a learner
  story.ballot(1, first_ballot, alone, {a, node("d")}, {a, node("d")}).install({a}, alone);
  EXPECT_THAT(story.broken(), ElementsAre("chosen_by_the_old_view"));
}

TEST(Checker, EveryMemberOfTheNextViewAnswered) {
  Story story = one_message();
  story.ballot(1, first_ballot, second_view, {a, c}, {a, b, c}).install({a, b}, second_view);
  EXPECT_THAT(story.broken(), ElementsAre("members_agreed"));
}

TEST(Checker, AWedgedMemberDeliversNothingButTheCut) {
  Story story = one_message();
  story.publish(b, 2).tell(a, AnsweredBallot{.view = view_id(1), .ballot = first_ballot});
  story.deliver({a}, message(at(1, 2), b, 2, 2));
  EXPECT_THAT(story.broken(), ElementsAre("wedged_delivers_only_the_cut"));
}

TEST(Checker, AWedgedMemberDeliversTheCutWithTheNextView) {
  Story story = one_message();
  story.publish(b, 2).ballot(1, first_ballot, second_view, {a, b}, {a, b});
  for (const NodeId& who : {a, b}) story.tell(who, message(in_tail(1, 0), b, 2, 2)).tell_now(who, ViewInstalled{.view = second_view});
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, AMessageBelongsToTheViewItWasSentIn) {
  Story story = to_the_second_view();
  story.publish(b, 2).install({a, b}, second_view).deliver({a}, message(at(1, 2), b, 2, 2));
  EXPECT_THAT(story.broken(), Contains("delivered_in_its_view"));
}

TEST(Checker, WhatWasNeverPublishedIsNotDelivered) {
  Story story = one_message();
  story.deliver({a}, message(at(1, 2), b, 2, 2));
  EXPECT_THAT(story.broken(), ElementsAre("integrity"));
}

TEST(Checker, APublishersStreamIsDeliveredOnceAndInOrder) {
  Story story = one_message();
  story.deliver({a}, message(at(1, 2), b, 1, 1));
  EXPECT_THAT(story.broken(), Contains("fifo_without_duplicates"));
}

TEST(Checker, TwoOrdersAreNoticed) {
  Story story = one_message();
  story.publish(b, 2).publish(a, 3);
  story.deliver({a}, message(at(1, 2), b, 2, 2)).deliver({b}, message(at(1, 2), a, 1, 3));
  EXPECT_THAT(story.broken(), Contains("total_order_without_holes"));
}

TEST(Checker, AHoleIsNoticed) {
  Story story = one_message();
  story.publish(b, 2).publish(a, 3);
  story.deliver({a, b}, message(at(1, 2), b, 2, 2)).deliver({a, c}, message(at(1, 3), a, 1, 3));
  EXPECT_THAT(story.broken(), ElementsAre("total_order_without_holes"));
}

TEST(Checker, OverlappingPositionsAreNoticed) {
  Story story = one_message();
  Delivered two = message(at(1, 2), b, 2, 2);
  two.count = 2;
  story.tell(b, Published{.session = session, .first_n = 2, .count = 2, .digest = two.digest, .accepted = true}).publish(b, 4);
  story.deliver({a}, two).deliver({a}, message(at(1, 3), b, 4, 4));
  EXPECT_THAT(story.broken(), ElementsAre("total_order_without_holes"));
}

TEST(Checker, WhoGoesTogetherDeliveredTheSame) {
  Story story = one_message();
  story.publish(b, 2).deliver({a}, message(at(1, 2), b, 2, 2));
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  EXPECT_THAT(story.broken(), ElementsAre("virtual_synchrony"));
}

TEST(Checker, TheOneLeftBehindMayHaveDeliveredLess) {
  Story story = one_message();
  story.publish(b, 2).deliver({a, b}, message(at(1, 2), b, 2, 2));
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, FifoMessagesGoAheadOfTheOrder) {
  Story story = one_message();
  story.publish(b, 2).publish(c, 3).deliver({a, b, c}, fifo_message(at(1, 1), b, 2, 2));
  story.deliver({a, b, c}, message(at(1, 2), c, 1, 3)).deliver({a, b, c}, fifo_marker(at(1, 3), b, 2, 2));
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, AFifoMessageDoesNotOvertakeItsPublisher) {
  Story story = one_message();
  story.publish(b, 2).publish(b, 3).deliver({a}, fifo_message(at(1, 1), b, 3, 3)).deliver({a}, message(at(1, 2), b, 2, 2));
  EXPECT_THAT(story.broken(), ElementsAre("fifo_publisher_order"));
}

TEST(Checker, AFifoMessageIsHandedOutOnce) {
  Story story = one_message();
  story.publish(b, 2).deliver({a}, fifo_message(at(1, 1), b, 2, 2)).deliver({a}, fifo_message(at(1, 2), b, 3, 2));
  EXPECT_THAT(story.broken(), Contains("fifo_delivered_once"));
}

TEST(Checker, WhoGoesTogetherWasHandedTheSameFifoMessages) {
  Story story = one_message();
  story.publish(b, 2).deliver({a}, fifo_message(at(1, 1), b, 2, 2));
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  EXPECT_THAT(story.broken(), ElementsAre("fifo_virtual_synchrony"));
}

TEST(Checker, AFifoMessageCrossesNoView) {
  Story story = to_the_second_view();
  story.publish(b, 2).install({a, b}, second_view).deliver({a, b}, fifo_message(at(2, 0), b, 1, 2));
  EXPECT_THAT(story.broken(), ElementsAre("delivered_in_its_view"));
}

TEST(Checker, AMessageSaysTrulyWhatItMayAnswer) {
  Story story = one_message();
  story.publish(a, 2).deliver({a}, message(at(1, 2), a, 1, 2, 0));
  EXPECT_THAT(story.broken(), ElementsAre("causality"));
}

TEST(Checker, AnAnswerIsNotDeliveredWithoutItsCause) {
  Story story = one_message();
  story.publish(c, 2).deliver({c}, message(at(1, 2), c, 1, 2, 1)).publish(c, 3);
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b});
  for (const NodeId& who : {a, b}) story.tell(who, message(in_tail(1, 0), c, 2, 3, 2)).tell_now(who, ViewInstalled{.view = second_view});
  EXPECT_THAT(story.broken(), ElementsAre("causality"));
}

TEST(Checker, ACauseThatLostItsPlaceComesFirstInTheTail) {
  Story story = one_message();
  story.publish(c, 2).deliver({c}, message(at(1, 2), c, 1, 2, 1)).publish(c, 3);
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b});
  for (const NodeId& who : {a, b}) {
    story.tell(who, message(in_tail(1, 0), c, 1, 2, 1)).tell_now(who, message(in_tail(1, 1), c, 2, 3, 2));
    story.tell_now(who, ViewInstalled{.view = second_view});
  }
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, GroupViewsAreTheSameEverywhere) {
  Story story = one_message();
  GroupView group{.position = at(1, 2), .group = "g", .number = 1, .members = {session}, .digest = 5};
  story.tell(a, group);
  group.digest = 6;
  story.tell(b, group);
  EXPECT_THAT(story.broken(), ElementsAre("group_views_identical"));
}

TEST(Checker, ADifferenceBetweenReplicasIsAFault) {
  Story story = one_message();
  story.tell(a, Diverged{.agreed = at(1, 0), .differs = at(1, 1), .wrong = {b}});
  EXPECT_THAT(story.broken(), ElementsAre("replicas_found_alike"));
}

TEST(Checker, WhoFallsOutOfItsViewSaysSo) {
  Story story = one_message();
  story.tell(c, StateChanged{});
  EXPECT_THAT(story.broken(), ElementsAre("resync_names_what_was_lost"));
}

TEST(Checker, AReturningNodeNamesWhatItDeliveredInVain) {
  Story story = one_message();
  story.publish(c, 2).deliver({c}, message(at(1, 2), c, 1, 2, 1));
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  Story silent = story;
  silent.tell(c, Resynced{.last_common = at(1, 1)});
  EXPECT_THAT(silent.broken(), ElementsAre("resync_names_what_was_lost"));
  story.tell(c, Resynced{.last_common = at(1, 1), .orphaned_from = at(1, 2), .orphaned_to = at(1, 2)});
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, AUniformMarkNeedsAUniformSet) {
  Story story = one_message();
  const Marked mark{.up_to = at(1, 1), .level = Level::uniform, .of_view = view_id(1)};
  Story early = story;
  early.tell(a, mark);
  EXPECT_THAT(early.broken(), ElementsAre("uniform_marks_not_early"));
  story.hold({b}, 1, 1).tell(a, mark);
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, AcknowledgementsOfAnotherViewDontCount) {
  Story story = one_message();
  story.hold({b, c}, 2, 1).tell(a, Marked{.up_to = at(1, 1), .level = Level::uniform, .of_view = view_id(1)});
  EXPECT_THAT(story.broken(), ElementsAre("uniform_marks_not_early"));
}

TEST(Checker, AMarkInTheNextViewNeedsItsInstallation) {
  Story story = to_the_second_view();
  story.install({b}, second_view);  // a is the tie-breaker: without it the other half can't keep anything
  Story early = story;
  early.tell(b, Marked{.up_to = at(1, 1), .level = Level::uniform, .of_view = view_id(2)});
  EXPECT_THAT(early.broken(), ElementsAre("uniform_marks_not_early"));
  story.install({a}, second_view).tell(b, Marked{.up_to = at(1, 1), .level = Level::uniform, .of_view = view_id(2)});
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, SafeNeedsAllPayloadHolders) {
  Story story = one_message();
  const Marked mark{.up_to = at(1, 1), .level = Level::safe, .of_view = view_id(1)};
  story.hold({b}, 1, 1);
  Story early = story;
  early.tell(a, mark);
  EXPECT_THAT(early.broken(), ElementsAre("safe_marks_not_early"));
  story.hold({c}, 1, 1).tell(a, mark);
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, ASafeMarkTellsOfALoss) {
  Story story = to_the_second_view();
  story.install({a, b}, second_view);
  Marked mark{.up_to = at(1, 1), .level = Level::safe, .of_view = view_id(2)};
  Story silent = story;
  silent.tell(b, mark);
  EXPECT_THAT(silent.broken(), ElementsAre("safe_marks_tell_of_losses"));
  mark.member_lost_before = true;
  story.tell(b, mark);
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, AMarkComesBehindWhatItConfirms) {
  Story story;
  for (const NodeId& who : {a, b, c}) story.tell(who, NodeStarted{});
  story.install({a, b, c}, first_view).publish(b, 1).deliver({b, c}, message(at(1, 1), b, 1, 1)).hold({a, b, c}, 1, 1);
  const Marked mark{.up_to = at(1, 1), .of_view = view_id(1)};
  Story early = story;
  early.tell(a, mark).deliver({a}, message(at(1, 1), b, 1, 1));
  EXPECT_THAT(early.broken(), ElementsAre("marks_follow_deliveries"));
  story.deliver({a}, message(at(1, 1), b, 1, 1)).tell(a, mark);
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, DurableNeedsDisks) {
  Story story = one_message();
  const Marked mark{.up_to = at(1, 1), .level = Level::durable, .of_view = view_id(1)};
  story.hold({b, c}, 1, 1);
  Story early = story;
  early.tell(a, mark);
  EXPECT_THAT(early.broken(), ElementsAre("durable_marks_not_early"));
  story.tell(b, Stored{.view = view_id(1), .lane = {}, .stored = Seq{1}}).tell(a, mark);
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, WhatWasToldDurableIsInTheLogThatAnEpochBeginsWith) {
  Story story;
  story.install({a, b, c}, first_view);
  Delivered durable = message(at(1, 1), b, 1, 1);
  durable.level = Level::durable;
  story.publish(b, 1).deliver({a, b, c}, durable).hold({b, c}, 1, 1);
  story.tell(b, Stored{.view = view_id(1), .lane = {}, .stored = Seq{1}});
  story.tell(a, Marked{.up_to = at(1, 1), .level = Level::durable, .of_view = view_id(1)});
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  Story lost = story;
  lost.tell(a, Logged{});
  EXPECT_THAT(lost.broken(), ElementsAre("durable_survives"));
  story.tell(a, Logged{.runs = {{.first = at(1, 1), .count = 1, .session = session, .first_n = 1, .digest = durable.digest}}});
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, OkOfARetryMayNameNoPositionIfItStandsSomewhere) {
  Story story = one_message();
  Story wrong = story;
  wrong.publish(b, 5).resolve(b, 5, Outcome::ok, Position{});
  EXPECT_THAT(wrong.broken(), ElementsAre("outcomes_true"));
  story.resolve(b, 1, Outcome::ok, Position{});
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, UniformIsNeverLost) {
  Story story = one_message();
  story.publish(c, 2).deliver({c}, message(at(1, 2), c, 1, 2, 1)).resolve(c, 2, Outcome::ok, at(1, 2));
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  EXPECT_THAT(story.broken(), ElementsAre("uniform_is_never_lost"));
}

TEST(Checker, OkNamesTheTruePosition) {
  Story story = one_message();
  Story wrong = story;
  wrong.resolve(b, 1, Outcome::ok, at(1, 2));
  EXPECT_THAT(wrong.broken(), ElementsAre("outcomes_true"));
  story.resolve(b, 1, Outcome::ok, at(1, 1));
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, APublishIsResolvedOnce) {
  Story story = one_message();
  story.resolve(b, 1, Outcome::ordered, at(1, 1)).resolve(b, 1, Outcome::ok, at(1, 1)).resolve(b, 1, Outcome::ok, at(1, 1));
  EXPECT_THAT(story.broken(), ElementsAre("outcomes_true"));
}

TEST(Checker, RejectedIsDeliveredNowhere) {
  Story story = one_message();
  story.resolve(b, 1, Outcome::rejected);
  EXPECT_THAT(story.broken(), ElementsAre("rejected_is_nowhere"));
}

TEST(Checker, ARetryThroughAnotherDaemonIsDeliveredOnce) {
  Story story = one_message();
  Delivered retry = message(at(1, 2), a, 1, 1, 1);
  Story twice = story;
  twice.publish(a, 1).deliver({a, b, c}, retry);
  EXPECT_THAT(twice.broken(), ElementsAre("delivered_once", "session_order"));
  retry.skip = 1;
  story.publish(a, 1).deliver({a, b, c}, retry);
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(Checker, TheLeaseBoundsWhatIsLost) {
  Story story = to_the_second_view();
  story.install({a, b}, second_view).publish(c, 2).deliver({c}, message(at(1, 2), c, 1, 2, 1));
  EXPECT_THAT(story.broken({.lease = 100ms}), IsEmpty());
  EXPECT_THAT(story.broken({.lease = 1ms}), ElementsAre("lease_bounds_what_is_lost"));
}

TEST(Checker, NothingIsOrderedOnceTheNextViewHasConfirmedSomething) {
  const Marked mark{.up_to = at(1, 1), .level = Level::uniform, .of_view = view_id(2)};
  Story story = to_the_second_view();
  story.install({a, b}, second_view).publish(c, 2);
  Story late = story;
  late.deliver({c}, message(at(1, 2), c, 1, 2, 1)).tell(a, mark);
  EXPECT_THAT(late.broken(), IsEmpty());
  late.publish(c, 3).deliver({c}, message(at(1, 3), c, 2, 3, 2));
  EXPECT_THAT(late.broken(), ElementsAre("marks_wait_for_leases"));
}

TEST(Checker, AWokenNodeDeliversNothingAtOnce) {
  Story story = one_message();
  story.publish(b, 2).tell(b, Resumed{.paused_ns = 500'000'000}).tell_now(b, message(at(1, 2), b, 2, 2));
  EXPECT_THAT(story.broken({.lease = 600ms}), IsEmpty());
  EXPECT_THAT(story.broken({.lease = 300ms}), ElementsAre("doubts_itself_after_a_pause"));
}

class CheckerAtTheEnd : public ::testing::Test {
 protected:
  CheckerAtTheEnd() : story(to_the_second_view()) {
    story.install({a, b}, second_view);
    for (const NodeId& who : {a, b}) story.tell(who, StateChanged{protocol::ComponentState::primary});
    story.resolve(b, 1, Outcome::ok, at(1, 1));
  }
  [[nodiscard]] std::vector<std::string> broken(const std::vector<NodeId>& connected) const {
    return story.broken({.liveness = Liveness{.connected = connected, .quiet_from = quiet_from}});
  }
  Story story;
  std::optional<TimePoint> quiet_from;
};

TEST_F(CheckerAtTheEnd, FindsNothingWhenTheConnectedShareTheLastView) { EXPECT_THAT(broken({a, b}), IsEmpty()); }

TEST_F(CheckerAtTheEnd, MissesAConnectedNode) {
  story.tell(c, StateChanged{protocol::ComponentState::primary});
  EXPECT_THAT(broken({a, b, c}), ElementsAre("settles_on_the_connected"));
}

TEST_F(CheckerAtTheEnd, NoticesADeadMember) { EXPECT_THAT(broken({a}), ElementsAre("settles_on_the_connected")); }

TEST_F(CheckerAtTheEnd, NoticesWhoIsLeftOutAndDoesNotSaySo) {
  story.tell(c, StateChanged{protocol::ComponentState::blocked});
  const Liveness apart{.connected = {a, b}, .left_out = {c}, .quiet_from = std::nullopt};
  EXPECT_THAT(story.broken({.liveness = apart}), IsEmpty());
  story.tell(c, StateChanged{protocol::ComponentState::primary});
  EXPECT_THAT(story.broken({.liveness = apart}), ElementsAre("left_out_and_says_so"));
}

TEST_F(CheckerAtTheEnd, NoticesWhoStaysBlocked) {
  story.tell(b, StateChanged{protocol::ComponentState::blocked});
  EXPECT_THAT(broken({a, b}), ElementsAre("nobody_waits"));
}

TEST_F(CheckerAtTheEnd, NoticesWhoStaysWedged) {
  story.tell(b, AnsweredBallot{.view = view_id(2), .ballot = first_ballot});
  EXPECT_THAT(broken({a, b}), ElementsAre("nobody_waits"));
}

TEST_F(CheckerAtTheEnd, NoticesAnOpenPublish) {
  story.publish(a, 2);
  EXPECT_THAT(broken({a, b}), ElementsAre("everything_resolved"));
}

TEST_F(CheckerAtTheEnd, NoticesAMissingDelivery) {
  story.publish(a, 2).deliver({a}, message(at(2, 1), a, 1, 2)).resolve(a, 2, Outcome::ok, at(2, 1));
  EXPECT_THAT(broken({a, b}), ElementsAre("same_end"));
}

TEST_F(CheckerAtTheEnd, NoticesAViewInAnIdleCluster) {
  quiet_from = story.now();
  const View again = view(3, {a, b});
  story.ballot(2, first_ballot, again, {a, b}, {a, b}).install({a, b}, again);
  EXPECT_THAT(broken({a, b}), ElementsAre("quiet_when_idle"));
}

}  // namespace
}  // namespace vsync::checker::testing
