// What holds where an operator has forced a primary: each history by itself, and never the two together.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/checker/traces.hpp"

namespace vsync::checker::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Ballot first_ballot{1, Rank{0}};

/// What c went on to by itself, out of the first view.
View forced_view(std::uint64_t number, const std::vector<NodeId>& members, const std::string& by = "c") {
  View made = view(number, members);
  made.id.epoch = {2, 5};
  made.forced = {{.epoch = {2, 5}, .from = first_view.id, .by = by, .at = 1}};
  return made;
}

Position in_forced(std::uint64_t number, std::uint64_t seq) { return {{2, 5}, number, {}, Seq{seq}}; }

/// a and b went on to the second view, and c, at which an operator said so, to one of its own.
Story parted(bool also_the_others = true) {
  Story story = one_message();
  const View alone = forced_view(2, {c});
  story.tell(c, AnsweredBallot{.view = view_id(1), .ballot = {2, Rank{2}}});
  story.tell(c, BallotValue{.view = view_id(1), .ballot = {2, Rank{2}}, .value = digest_of(alone), .next = alone});
  story.tell(c, AcceptedBallot{.view = view_id(1), .ballot = {2, Rank{2}}});
  story.tell(c, ViewInstalled{.view = alone, .restart = true, .forced = true});
  if (also_the_others) story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  return story;
}

TEST(PartedHistories, EachIsSoundByItself) {
  Story story = parted();
  story.publish(a, 2).deliver({a, b}, message(at(2, 1), a, 1, 2));
  story.publish(c, 2).deliver({c}, message(in_forced(2, 1), c, 1, 2, 0));
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(PartedHistories, WhatTheOthersTurnedDownOneSideMayKeep) {
  Story story = one_message();
  story.publish(a, 2).deliver({c}, message(at(1, 2), a, 1, 2));
  const View alone = forced_view(2, {c});
  story.tell(c, AnsweredBallot{.view = view_id(1), .ballot = {2, Rank{2}}});
  story.tell(c, BallotValue{.view = view_id(1), .ballot = {2, Rank{2}}, .value = digest_of(alone), .next = alone});
  story.tell(c, AcceptedBallot{.view = view_id(1), .ballot = {2, Rank{2}}});
  story.tell(c, ViewInstalled{.view = alone, .restart = true, .forced = true});
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  story.resolve(a, 2, Outcome::rejected);
  EXPECT_THAT(story.broken(), IsEmpty());
}

// a went on without c, which was told so and had nothing in vain there. Then b, which hadn't heard of it, was made a primary, and c came to that.
TEST(PartedHistories, WhoWasLeftOutByOneAndCameBackToTheOtherHadNothingInVain) {
  Story story = one_message();
  story.publish(a, 2).deliver({a, c}, message(at(1, 2), a, 1, 2));
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a}, second_view);
  story.tell(c, Resynced{.last_common = at(1, 2)});
  const View alone = forced_view(2, {b}, "b");
  const Ballot forced{2, Rank{1}};
  story.tell(b, AnsweredBallot{.view = view_id(1), .ballot = forced});
  story.tell(b, BallotValue{.view = view_id(1), .ballot = forced, .value = digest_of(alone), .next = alone});
  story.tell(b, AcceptedBallot{.view = view_id(1), .ballot = forced});
  story.tell(b, ViewInstalled{.view = alone, .restart = true, .forced = true});
  const NodeId again = node("c", 2);
  View both = forced_view(3, {b, again}, "b");
  both.members[1].weight = 0;
  both.members[1].loaded = false;
  story.tell(again, NodeStarted{});
  for (const NodeId& who : {b, again}) story.tell(who, AnsweredBallot{.view = alone.id, .ballot = first_ballot});
  story.tell(b, BallotValue{.view = alone.id, .ballot = first_ballot, .value = digest_of(both), .next = both});
  story.tell(b, AcceptedBallot{.view = alone.id, .ballot = first_ballot});
  story.install({b, again}, both);
  EXPECT_THAT(story.broken(), IsEmpty());
}

TEST(PartedHistories, AFaultInOneIsFound) {
  Story story = parted();
  story.publish(c, 2).deliver({c}, message(in_forced(2, 1), c, 1, 2, 0)).deliver({c}, message(in_forced(2, 2), c, 2, 2, 0));
  EXPECT_THAT(story.broken(), Contains("delivered_once"));
}

TEST(PartedHistories, NeverMerge) {
  Story story = parted();
  story.tell(c, ViewInstalled{.view = view(3, {a, b, c})});
  EXPECT_THAT(story.broken(), Contains("forced_primaries_stay_recorded"));
}

TEST(PartedHistories, AForcedPrimaryStaysOnRecord) {
  for (const bool also_the_others : {false, true}) {
    Story story = parted(also_the_others);
    View later = forced_view(3, {c});
    story.tell(c, ViewInstalled{.view = later});
    EXPECT_THAT(story.broken(), ElementsAre("single_primary_chain")) << "no ballot carries it, and that is all";
    later = forced_view(4, {c});
    later.forced.clear();
    story.tell(c, ViewInstalled{.view = later});
    EXPECT_THAT(story.broken(), Contains("forced_primaries_stay_recorded"));
  }
}

TEST(PartedHistories, WhatIsDurableIsKeptInEach) {
  Story story = parted();
  Delivered durable = message(at(2, 1), a, 1, 2);
  durable.level = Level::durable;
  story.publish(a, 2).deliver({a, b}, durable);
  for (const NodeId& who : {a, b}) story.tell(who, Stored{.view = view_id(2), .stored = Seq{1}});
  story.tell(a, Marked{.up_to = at(2, 1), .level = Level::durable, .of_view = view_id(2)});
  story.tell(c, Logged{});
  EXPECT_THAT(story.broken(), IsEmpty()) << "it isn't of c's history";
  story.ballot(2, first_ballot, view(3, {a, b}), {a, b}, {a, b}).install({a, b}, view(3, {a, b}));
  story.tell(b, Logged{});
  EXPECT_THAT(story.broken(), ElementsAre("durable_survives"));
}

}  // namespace
}  // namespace vsync::checker::testing
