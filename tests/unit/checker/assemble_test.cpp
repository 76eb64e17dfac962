// One trace out of several files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checker/assemble.hpp"
#include "tests/unit/checker/traces.hpp"

namespace vsync::checker::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string text_of(const Trace& trace) {
  std::string text;
  for (const TraceEvent& event : trace.events) text += to_line(event) + '\n';
  return text;
}

/// A life of a: started at 1, then one event per number, which its time tells again.
Trace life(std::vector<int> times) {
  Trace trace;
  trace.add(TimePoint{1ns}, a, NodeStarted{});
  for (const int time : times) trace.add(TimePoint{std::chrono::nanoseconds(time)}, a, Resumed{static_cast<std::uint64_t>(time)});
  return trace;
}
Trace dump(std::vector<int> times) {
  Trace trace = life(std::move(times));
  trace.events.erase(trace.events.begin());
  trace.events.insert(trace.events.begin(), {trace.events.front().time, a, Continued{}});
  trace.add(trace.events.back().time, a, Interrupted{});
  return trace;
}
std::string shape_of(const Trace& trace) {
  std::string shape;
  for (const TraceEvent& event : trace.events) {
    if (std::holds_alternative<NodeStarted>(event.body)) shape += "[";
    if (std::holds_alternative<Continued>(event.body)) shape += "<";
    if (std::holds_alternative<Interrupted>(event.body)) shape += ">";
    if (const auto* resumed = std::get_if<Resumed>(&event.body)) shape += std::to_string(resumed->paused_ns);
  }
  return shape;
}
std::string assembled(std::vector<Trace> files) { return shape_of(assemble(std::move(files)).trace); }

TEST(ReadTrace, NamesTheLineThatIsWrong) {
  const std::string good = text_of(life({2, 3}));
  EXPECT_EQ(read_trace(good)->events.size(), 3u);
  const auto bad = read_trace(good + "nonsense\n" + good.substr(good.find('\n') + 1));
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().number, 4u);
  EXPECT_EQ(read_trace(good + "9 a/1/1 dreamt\n").error().error, LineError::unknown_event);
}

TEST(ReadTrace, LeavesOutWhatAKilledDaemonHadNotWrittenWhole) {
  const std::string good = text_of(life({2, 3}));
  EXPECT_EQ(read_trace(good + "4 a/1/100 resu")->events.size(), 3u);
  EXPECT_EQ(read_trace(good + "4 a/1/100 resu\n" + good)->events.size(), 6u) << "the next start";
}

TEST(Assemble, FilesThatOverlapTellEachEventOnce) {
  EXPECT_EQ(assembled({life({2, 3, 4})}), "[234");
  EXPECT_EQ(assembled({dump({3, 4, 5}), life({2, 3, 4})}), "[2345>");
  EXPECT_EQ(assembled({dump({2, 3, 4}), dump({3, 4, 5})}), "<2345>");
  EXPECT_EQ(assembled({dump({3, 4}), life({2, 3, 4, 5})}), "[2345") << "the dump is a part of what is known whole";
  EXPECT_EQ(assembled({dump({2, 3}), dump({6, 7})}), "<23><67>") << "what lies between is missing";
}

TEST(Assemble, OfOneMomentTheFileCountsThatShowsMoreOfIt) {
  EXPECT_EQ(assembled({dump({2, 3}), dump({3, 3, 3, 4})}), "<23334>");
  EXPECT_EQ(assembled({dump({2, 3, 3, 3}), dump({3, 4})}), "<23334>");
}

TEST(Assemble, SaysWhatIsMissing) {
  EXPECT_FALSE(assemble({life({2, 3})}).partial());
  EXPECT_THAT(assemble({dump({2, 3})}).in_part, ElementsAre(a));
  Trace headless = life({2, 3});
  headless.events.erase(headless.events.begin());
  EXPECT_THAT(assemble({headless}).in_part, ElementsAre(a));
  Trace in_a_view = life({2});
  in_a_view.add(TimePoint{3ns}, a, ViewInstalled{.view = second_view});
  EXPECT_THAT(assemble({in_a_view}).without, ElementsAre(b));
  Trace other;
  other.add(TimePoint{3ns}, b, NodeStarted{});
  EXPECT_THAT(assemble({in_a_view, other}).without, IsEmpty());
}

TEST(Assemble, TimesAreComparedOnOneClockOnly) {
  Trace first, second;
  first.add(TimePoint{5ns}, a, NodeStarted{.clock = 1});
  first.add(TimePoint{7ns}, a, Resumed{7});
  second.add(TimePoint{6ns}, b, NodeStarted{.clock = 1});
  second.add(TimePoint{8ns}, b, Resumed{8});
  EXPECT_TRUE(assemble({second, first}).one_clock);
  EXPECT_EQ(assembled({second, first}), "[[78");
  second.events.front().body = NodeStarted{.clock = 2};
  EXPECT_FALSE(assemble({second, first}).one_clock);
  EXPECT_EQ(assembled({second, first}), "[7[8") << "each node for itself";
}

}  // namespace
}  // namespace vsync::checker::testing
