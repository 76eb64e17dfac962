#include <gtest/gtest.h>

#include <string>

#include "checker/trace_text.hpp"
#include "tests/unit/checker/traces.hpp"

namespace vsync::checker::testing {
namespace {

std::vector<TraceEvent> one_of_each() {
  const NodeId odd = node("host 1/ü", 3);
  const TimePoint time{1234567ns};
  std::vector<TraceEvent> events;
  const auto add = [&](TraceBody body) { events.push_back({time, odd, std::move(body)}); };
  add(NodeStarted{.with_disk = false, .clock = 12});
  add(Crashed{});
  add(Published{.session = session, .first_n = 4, .count = 2, .lane = {1}, .level = Level::safe, .digest = ~0ull, .accepted = true});
  add(message(in_tail(3, 2), odd, 9, 4, 3));
  add(ViewInstalled{.view = first_view, .restart = true});
  add(GroupView{.position = at(2, 3), .group = "eq.us.>", .number = 3, .members = {session, {1, 2}}, .digest = 7});
  add(SessionChanged{.session = session, .node = odd, .open = true});
  add(Marked{.up_to = at(1, 5), .level = Level::safe, .of_view = view_id(2), .member_lost_before = true});
  add(Resolved{.session = session, .first_n = 1, .count = 3, .outcome = Outcome::unresolved, .first = at(1, 1)});
  add(StateChanged{protocol::ComponentState::blocked});
  add(Diverged{.agreed = at(1, 5), .differs = at(1, 9), .wrong = {a, b}});
  add(Resynced{.last_common = at(1, 5), .orphaned_from = at(1, 6), .orphaned_to = std::nullopt});
  add(AnsweredBallot{.view = view_id(3), .ballot = {4, Rank{2}}, .from_disk = true});
  add(BallotValue{.view = view_id(3), .ballot = {4, Rank{2}}, .value = 99, .next = second_view});
  add(AcceptedBallot{.view = view_id(3), .ballot = {4, Rank{2}}, .own = true});
  add(Held{.view = view_id(3), .lane = {1}, .held = Seq{17}});
  add(Resumed{.paused_ns = 5});
  add(Stored{.view = view_id(3), .lane = {1}, .stored = Seq{16}});
  add(Logged{.runs = {{.first = at(2, 3), .count = 2, .session = session, .first_n = 4, .digest = 8}, {.first = in_tail(2, 1), .count = 1}}});
  add(Continued{.view = first_view, .clock = 12});
  add(Continued{});
  add(Interrupted{});
  return events;
}

TEST(TraceText, EveryEventIsReadBackAsItWasWritten) {
  const std::vector<TraceEvent> events = one_of_each();
  ASSERT_EQ(events.back().body.index() + 1, std::variant_size_v<TraceBody>);
  for (const TraceEvent& event : events) {
    const std::string line = to_line(event);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto read = parse_line(line);
    ASSERT_TRUE(read.has_value()) << line << ": " << describe(read.error());
    EXPECT_EQ(*read, event) << line;
  }
}

TEST(TraceText, ALineThatIsCutShortIsRefused) {
  for (const TraceEvent& event : one_of_each()) {
    const std::string line = to_line(event);
    for (std::size_t length = 0; length < line.size(); ++length) {
      const auto read = parse_line(line.substr(0, length));
      EXPECT_FALSE(read.has_value() && *read == event) << line.substr(0, length);  // a shorter last number is another number
    }
    EXPECT_EQ(parse_line(line + " 1").error(), LineError::text_after_event);
  }
}

TEST(TraceText, WhatNoFieldCanHoldIsRefused) {
  EXPECT_EQ(parse_line("1 a/1/1 dreamt 1").error(), LineError::unknown_event);
  EXPECT_EQ(parse_line("1 a/1/1 started 2 0").error(), LineError::out_of_range);
  EXPECT_EQ(parse_line("1 a/1/1 state 3").error(), LineError::out_of_range);
  EXPECT_EQ(parse_line("1 a/1/1 held 1.1/1 65536 1").error(), LineError::out_of_range);
  EXPECT_EQ(parse_line("1 a/1/99999999999999999999 crashed").error(), LineError::out_of_range);
  EXPECT_EQ(parse_line("1 a/1 crashed").error(), LineError::bad_field);
  EXPECT_EQ(parse_line("1 a%4/1/1 crashed").error(), LineError::bad_field);
  EXPECT_EQ(parse_line("").error(), LineError::bad_field);
}

TEST(TraceText, ARunOfMoreMessagesThanABatchHoldsIsRefused) {
  TraceEvent event{.time = {}, .node = a, .body = message(at(1, 1), a, 1, 1)};
  std::get<Delivered>(event.body).count = 1u << 16;
  EXPECT_TRUE(parse_line(to_line(event)).has_value());
  std::get<Delivered>(event.body).count += 1;
  EXPECT_EQ(parse_line(to_line(event)).error(), LineError::out_of_range);
}

TEST(TraceText, AListLongerThanItsLineAllocatesNothing) {
  EXPECT_EQ(parse_line("1 a/1/1 view 1.1/1 0 1 3 4000000000 a/1/1:1:1:0:1:3-3 0 0 0").error(), LineError::list_too_long);
}

}  // namespace
}  // namespace vsync::checker::testing
