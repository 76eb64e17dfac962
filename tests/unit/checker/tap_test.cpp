#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checker/tap.hpp"
#include "tests/unit/checker/traces.hpp"

namespace vsync::checker::testing {
namespace {

using ::testing::ElementsAre;

std::shared_ptr<const protocol::Frame> frame(protocol::Body body) {
  return std::make_shared<protocol::Frame>(protocol::Frame{.cluster = {1, 1}, .from = a, .to = b, .body = std::move(body)});
}

std::vector<std::size_t> kinds(const Trace& trace) {
  std::vector<std::size_t> found;
  for (const TraceEvent& event : trace.events) found.push_back(event.body.index());
  return found;
}

TEST(Tap, TellsARepeatedAnswerOnce) {
  Tap tap(a);
  Trace trace;
  protocol::Outbox outbox;
  outbox.frames.push_back({.to = "b", .frame = frame(protocol::Answer{.view = view_id(1), .ballot = {1, Rank{1}}})});
  outbox.frames.push_back(outbox.frames.front());
  tap.record(trace, {}, a, outbox);
  tap.record(trace, {}, a, outbox);
  EXPECT_THAT(kinds(trace), ElementsAre(TraceBody(AnsweredBallot{}).index()));
}

TEST(Tap, RemembersTheNewestBallotsOnly) {
  Tap tap(a);
  Trace trace;
  const auto answer = [&](std::uint64_t round) {
    protocol::Outbox outbox;
    outbox.frames.push_back({.to = "b", .frame = frame(protocol::Answer{.view = view_id(1), .ballot = {round, Rank{1}}})});
    tap.record(trace, {}, a, outbox);
  };
  for (std::uint64_t round = 1; round <= 1000; ++round) {
    answer(round);
    answer(round);
    if (round > 1) answer(round - 1);
  }
  EXPECT_EQ(trace.events.size(), 1000u) << "each once";
  answer(1);
  EXPECT_EQ(trace.events.size(), 1001u) << "forgotten: what a tap holds doesn't grow with its daemon's life";
}

TEST(Tap, TellsAcknowledgementsThatGrow) {
  Tap tap(a);
  Trace trace;
  for (const std::uint64_t held : {3, 3, 2, 5}) {
    protocol::Outbox outbox;
    outbox.frames.push_back({.to = "b", .frame = frame(protocol::Ack{.view = view_id(1), .lanes = {{.held = Seq{held}}}})});
    tap.record(trace, {}, a, outbox);
  }
  ASSERT_EQ(trace.events.size(), 2u);
  EXPECT_EQ(std::get<Held>(trace.events[0].body).held, Seq{3});
  EXPECT_EQ(std::get<Held>(trace.events[1].body).held, Seq{5});
}

TEST(Tap, ACoordinatorsOwnVoteIsKnownFromWhatItWrites) {
  Tap tap(a);
  Trace trace;
  protocol::Outbox outbox;
  protocol::PersistentState state{.installed = first_view, .promised = {1, Rank{0}}};
  state.accepted = protocol::Accepted{{1, Rank{0}}, {.next = second_view}};
  outbox.writes.push_back({.token = 1, .state = state});
  tap.record(trace, {}, a, outbox);
  EXPECT_THAT(kinds(trace), ElementsAre(TraceBody(BallotValue{}).index(), TraceBody(AnsweredBallot{}).index(),
                                        TraceBody(AcceptedBallot{}).index()));
}

TEST(Tap, WhatAnExcludedNodeDidBeforeItsResyncIsItsFormersAndTheRestItsOwn) {
  Tap tap(a);
  Trace trace;
  protocol::Outbox outbox;
  outbox.events.emplace_back(protocol::StateChanged{protocol::ComponentState::blocked});
  outbox.events.emplace_back(protocol::Resynced{});
  outbox.events.emplace_back(protocol::StateChanged{protocol::ComponentState::joining});
  const NodeId later = node("a", 2);
  tap.record(trace, {}, later, outbox);
  ASSERT_EQ(trace.events.size(), 4u);
  EXPECT_EQ(trace.events[1].node, a);
  EXPECT_TRUE(std::holds_alternative<NodeStarted>(trace.events[2].body));
  EXPECT_EQ(trace.events[2].node, later);
  EXPECT_EQ(trace.events[3].node, later);
}

}  // namespace
}  // namespace vsync::checker::testing
