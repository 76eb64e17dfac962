// Traces that don't show everything: no false alarm for what may have happened elsewhere, and what they show is judged.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "checker/assemble.hpp"
#include "tests/unit/checker/traces.hpp"

namespace vsync::checker::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr Ballot first_ballot{1, Rank{0}};
constexpr Options partial{.partial = true, .logs_are_bounded = true};

/// Two views with four messages in the first one, marks and outcomes; c is gone after it.
Story whole_story() {
  Story story = one_message();
  for (std::uint64_t n = 2; n <= 4; ++n) story.publish(b, n).deliver({a, b, c}, message(at(1, n), b, n, n, n - 1));
  story.hold({a, b, c}, 1, 4);
  story.tell(a, Marked{.up_to = at(1, 4), .level = Level::safe, .of_view = view_id(1)});
  story.resolve(b, 2, Outcome::ok, at(1, 2));
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  story.publish(a, 5).deliver({a, b}, message(at(2, 1), a, 1, 5));
  return story;
}

/// Of `who` only what follows its first `left_out` events, in the view that it was in by then.
Trace without_beginning(const Trace& trace, const NodeId& who, std::size_t left_out) {
  Trace made;
  std::size_t seen = 0;
  std::optional<View> view;
  for (const TraceEvent& event : trace.events) {
    if (event.node != who || seen > left_out) {
      made.events.push_back(event);
      continue;
    }
    if (seen++ == left_out) {
      made.add(event.time, who, Continued{.view = view});
      made.events.push_back(event);
    } else if (const auto* installed = std::get_if<ViewInstalled>(&event.body)) {
      view = installed->view;
    }
  }
  return made;
}

TEST(PartialTrace, WhereverItsPartsBeginNothingIsFoundInASoundRun) {
  const Trace whole = whole_story().trace();
  ASSERT_THAT(check(whole), IsEmpty());
  const auto count = [&](const NodeId& who) {
    return static_cast<std::size_t>(std::count_if(whole.events.begin(), whole.events.end(), [&](const auto& event) { return event.node == who; }));
  };
  for (std::size_t of_a = 0; of_a < count(a); ++of_a) {
    for (std::size_t of_b = 0; of_b < count(b); ++of_b) {
      for (std::size_t of_c = 0; of_c < count(c); ++of_c) {
        const Trace cut = without_beginning(without_beginning(without_beginning(whole, a, of_a), b, of_b), c, of_c);
        for (const Violation& violation : check(cut, partial)) {
          ADD_FAILURE() << violation.property << ": " << violation.text << " without the first " << of_a << ", " << of_b << ", " << of_c;
        }
      }
    }
  }
}

TEST(PartialTrace, WhereverItsPartsEndNothingIsFoundInASoundRun) {
  const Trace whole = whole_story().trace();
  for (const NodeId& who : {a, b, c}) {
    for (std::size_t shown = 0; shown < whole.events.size(); ++shown) {
      Trace cut;
      for (std::size_t i = 0; i < whole.events.size(); ++i) {
        if (i < shown || whole.events[i].node != who) cut.events.push_back(whole.events[i]);
      }
      EXPECT_THAT(check(cut, partial), IsEmpty()) << who.name << " up to event " << shown;
    }
  }
}

TEST(PartialTrace, TheTraceOfOneNodeAloneGivesNoAlarm) {
  for (const NodeId& who : {a, b, c}) {
    Trace alone = whole_story().trace();
    std::erase_if(alone.events, [&](const TraceEvent& event) { return event.node != who; });
    EXPECT_THAT(check(alone, partial), IsEmpty()) << who.name;
  }
}

Story continued_in_the_first_view() {
  Story story;
  for (const NodeId& who : {a, b, c}) story.tell(who, Continued{.view = first_view});
  return story;
}

TEST(PartialTrace, OneOrderIsJudgedByPosition) {
  Story story = continued_in_the_first_view();
  story.deliver({a}, message(at(1, 7), b, 7, 7)).deliver({a, b}, message(at(1, 8), b, 8, 8)).deliver({a, b}, message(at(1, 9), b, 9, 9));
  EXPECT_THAT(story.broken(partial), IsEmpty()) << "b's part begins later";
  Story hole = story;
  hole.deliver({c}, message(at(1, 7), b, 7, 7)).deliver({c}, message(at(1, 9), b, 9, 9));
  EXPECT_THAT(hole.broken(partial), Contains("total_order_without_holes"));
  Story other = story;
  other.deliver({c}, message(at(1, 8), a, 1, 8));
  EXPECT_THAT(other.broken(partial), Contains("total_order_without_holes"));
}

TEST(PartialTrace, WhoGoesOnTogetherEndsTheViewAlike) {
  Story story = continued_in_the_first_view();
  story.deliver({a}, message(at(1, 7), b, 7, 7)).deliver({a, b}, message(at(1, 8), b, 8, 8));
  Story sound = story;
  sound.install({a, b}, second_view);
  EXPECT_THAT(sound.broken(partial), IsEmpty());
  story.deliver({a}, message(at(1, 9), b, 9, 9)).install({a, b}, second_view);
  EXPECT_THAT(story.broken(partial), ElementsAre("virtual_synchrony"));
}

TEST(PartialTrace, AnOutcomeIsFalseWhereSomethingElseStands) {
  Story story = continued_in_the_first_view();
  story.deliver({a, b, c}, message(at(1, 8), b, 8, 8)).resolve(b, 3, Outcome::ok, at(1, 3));
  EXPECT_THAT(story.broken(partial), IsEmpty()) << "where it stands isn't shown";
  story.resolve(b, 9, Outcome::ok, at(1, 8));
  EXPECT_THAT(story.broken(partial), ElementsAre("outcomes_true"));
}

TEST(PartialTrace, TwoSuccessorsOfAViewAreFound) {
  Story story = continued_in_the_first_view();
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  EXPECT_THAT(story.broken(partial), IsEmpty());
  story.ballot(1, {2, Rank{2}}, view(3, {c}), {c}, {c}).install({c}, view(3, {c}));
  EXPECT_THAT(story.broken(partial), ElementsAre("single_primary_chain"));
}

TEST(PartialTrace, NoLifeDeliversAMessageTwice) {
  Story story = continued_in_the_first_view();
  story.deliver({a}, message(at(1, 7), b, 7, 7)).deliver({a}, message(at(1, 8), c, 1, 7));
  EXPECT_THAT(story.broken(partial), Contains("delivered_once"));
}

TEST(PartialTrace, WhatNeedsMoreIsNamedAndNotJudged) {
  const auto names = [](const Options& options) {
    std::vector<std::string> found;
    for (const NotJudged& property : not_judged(options)) found.push_back(property.property);
    return found;
  };
  EXPECT_THAT(names(partial), Contains("integrity"));
  EXPECT_THAT(names(partial), Contains("uniform_marks_not_early"));
  EXPECT_THAT(names(partial), Not(Contains("total_order_without_holes")));
  EXPECT_THAT(names({.one_clock = false}), Contains("safe_marks_not_early"));
  EXPECT_THAT(names({.one_clock = false}), Not(Contains("integrity")));
  EXPECT_THAT(names({}), Not(Contains("integrity")));
}

TEST(ClocksThatDiffer, NothingIsInferredFromTheOrderOfDifferentNodes) {
  Story story = whole_story();
  Trace by_node;
  for (const NodeId& who : {a, b, c}) {
    std::copy_if(story.trace().events.begin(), story.trace().events.end(), std::back_inserter(by_node.events),
                 [&](const TraceEvent& event) { return event.node == who; });
  }
  EXPECT_THAT(check(by_node, {.one_clock = false}), IsEmpty());
  EXPECT_THAT(check(by_node), Not(IsEmpty())) << "which it would be otherwise";
  Story invented = story;
  invented.deliver({a}, message(at(2, 2), b, 1, 17));
  EXPECT_THAT(invented.broken({.one_clock = false}), Contains("integrity"));
}

TEST(BoundedLogs, WhatIsOlderThanTheOldestMayHaveBeenDropped) {
  Story story = one_message();
  for (std::uint64_t n = 2; n <= 3; ++n) {
    Delivered durable = message(at(1, n), b, n, n, n - 1);
    durable.level = Level::durable;
    story.publish(b, n).deliver({a, b, c}, durable);
  }
  for (const NodeId& who : {a, b, c}) story.tell(who, Stored{.view = view_id(1), .stored = Seq{3}});
  story.tell(a, Marked{.up_to = at(1, 3), .level = Level::durable, .of_view = view_id(1)});
  story.ballot(1, first_ballot, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  const Logged newest{.runs = {{.first = at(1, 3), .count = 1, .session = session, .first_n = 3, .digest = 1003}}};
  const Logged oldest{.runs = {{.first = at(1, 2), .count = 1, .session = session, .first_n = 2, .digest = 1002}}};
  Story dropped = story;
  dropped.tell(a, newest);
  EXPECT_THAT(dropped.broken({.logs_are_bounded = true}), IsEmpty());
  EXPECT_THAT(dropped.broken(), ElementsAre("durable_survives"));
  story.tell(a, oldest);
  EXPECT_THAT(story.broken({.logs_are_bounded = true}), ElementsAre("durable_survives"));
}

// a and b decided the second view in a ballot that isn't shown, and told the joiner of the third one.
TEST(PartialTrace, AViewThatOnlyAFailedBallotTellsOfIsNoPredecessor) {
  const NodeId joiner = node("d");
  View third = view(3, {a, b, joiner});
  third.members.back().weight = 0;
  third.members.back().loaded = false;
  Story story = one_message();
  story.ballot(1, first_ballot, view(2, {b, c}), {b, c}, {b}).tell(joiner, NodeStarted{});
  story.tell(joiner, BallotValue{.view = view_id(2), .ballot = first_ballot, .value = digest_of(third), .next = third});
  story.install({joiner}, third);
  EXPECT_THAT(story.broken(partial), IsEmpty());
}

}  // namespace
}  // namespace vsync::checker::testing
