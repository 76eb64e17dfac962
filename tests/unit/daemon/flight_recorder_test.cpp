// The ring, what a dump of it says, and what a fatal signal leaves.

#include "daemon/flight_recorder.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "checker/assemble.hpp"
#include "protocol/assert.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using checker::Continued;
using checker::Interrupted;
using checker::NodeStarted;
using checker::Resumed;
using checker::TraceEvent;
using checker::ViewInstalled;
using ::testing::EndsWith;
using ::testing::HasSubstr;

const protocol::NodeId self{"a", {3, 300}};

protocol::View view(std::uint64_t number) {
  protocol::View made{.id = {{1, 9}, number}};
  made.members.push_back({.node = self});
  made.sequencers = {protocol::Rank{0}};
  return made;
}

struct FlightRecorderTest : ::testing::Test {
  TemporaryDirectory directory;

  FlightRecorderTest() { std::filesystem::create_directories(directory / "state"); }
  FlightRecorder make(std::size_t bytes = 64 << 10) { return {directory / "state", self.incarnation.counter, bytes}; }
  void tell(FlightRecorder& recorder, checker::TraceBody body) {
    const TraceEvent event{protocol::TimePoint(std::chrono::nanoseconds(++now)), self, std::move(body)};
    recorder.append(event, checker::to_line(event) + "\n");
    recorder.publish();
  }
  static checker::Trace read(const std::string& path) {
    std::ifstream file(path);
    auto trace = checker::read_trace(std::string{std::istreambuf_iterator<char>(file), {}});
    EXPECT_TRUE(trace) << path << ":" << trace.error().number << ": " << checker::describe(trace.error().error);
    return trace ? *trace : checker::Trace{};
  }
  checker::Trace dumped(FlightRecorder& recorder) {
    const auto path = recorder.dump_now();
    EXPECT_TRUE(path);
    return read(*path);
  }
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory / "state")) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  /// Runs `act` in a process of its own with an armed recorder that has lost its beginning, and returns how that ended.
  template <class Act>
  int child(Act act) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      FlightRecorder recorder = make(4096);
      recorder.dump_on_fatal_signals();
      tell(recorder, NodeStarted{});
      tell(recorder, ViewInstalled{.view = view(7)});
      for (std::uint64_t i = 0; i < 1000; ++i) tell(recorder, Resumed{i});
      act();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
  }
  void expect_the_newest(const checker::Trace& trace) {
    ASSERT_GT(trace.events.size(), 10u);
    const auto* continued = std::get_if<Continued>(&trace.events.front().body);
    ASSERT_NE(continued, nullptr);
    EXPECT_EQ(continued->view, view(7));
    EXPECT_EQ(trace.events.back().body, checker::TraceBody(Resumed{999}));
  }

  std::int64_t now = 0;
};

TEST_F(FlightRecorderTest, WhileNothingIsPushedOutADumpBeginsWithTheStart) {
  FlightRecorder recorder = make();
  tell(recorder, NodeStarted{.clock = 5});
  tell(recorder, ViewInstalled{.view = view(1)});
  const checker::Trace trace = dumped(recorder);
  ASSERT_EQ(trace.events.size(), 3u);
  EXPECT_EQ(trace.events[0].body, checker::TraceBody(NodeStarted{.clock = 5}));
  EXPECT_EQ(trace.events[2].body, checker::TraceBody(Interrupted{}));
}

TEST_F(FlightRecorderTest, TheRingKeepsTheNewestWholeLinesAndTheViewBeforeThem) {
  constexpr std::size_t bytes = 4096;
  FlightRecorder recorder = make(bytes);
  tell(recorder, NodeStarted{.clock = 5});
  for (std::uint64_t number = 1; number < 2000; ++number) {
    if (number % 50 == 0) tell(recorder, ViewInstalled{.view = view(number)});
    tell(recorder, Resumed{number});
    if (number % 7 != 0) continue;
    const auto path = recorder.dump_now();
    ASSERT_TRUE(path);
    const checker::Trace trace = read(*path);
    ASSERT_LE(std::filesystem::file_size(*path), bytes + 1024);
    std::uint64_t last = 0;
    std::uint64_t in_view = number / 50 * 50;
    for (const TraceEvent& event : trace.events) {
      if (const auto* resumed = std::get_if<Resumed>(&event.body)) {
        ASSERT_TRUE(last == 0 || resumed->paused_ns == last + 1);
        if (last == 0) in_view = resumed->paused_ns / 50 * 50;
        last = resumed->paused_ns;
      }
    }
    EXPECT_EQ(last, number);
    if (const auto* continued = std::get_if<Continued>(&trace.events.front().body)) {
      EXPECT_EQ(continued->clock, 5u);
      EXPECT_EQ(trace.events[1].time, trace.events[0].time);
      if (const auto* next = std::get_if<ViewInstalled>(&trace.events[1].body)) in_view = next->view.id.number - 50;
      EXPECT_EQ(continued->view ? continued->view->id.number : 0, in_view);
    } else {
      EXPECT_LT(number, 200u) << "long enough, and the beginning is gone";
    }
  }
}

TEST_F(FlightRecorderTest, ADumpOfADaemonThatHasEndedSaysSo) {
  FlightRecorder recorder = make();
  tell(recorder, NodeStarted{});
  tell(recorder, checker::Crashed{});
  EXPECT_EQ(dumped(recorder).events.back().body, checker::TraceBody(checker::Crashed{}));
}

TEST_F(FlightRecorderTest, ALifeWhoseStartIsTheFirstThatIsHeldIsWhole) {
  FlightRecorder recorder = make(4096);
  tell(recorder, NodeStarted{});
  tell(recorder, ViewInstalled{.view = view(1)});
  tell(recorder, NodeStarted{.clock = 5});  // back after an exclusion
  tell(recorder, ViewInstalled{.view = view(2)});
  bool as_the_first = false;
  for (std::uint64_t i = 0; i < 200; ++i) {
    tell(recorder, Resumed{i});
    const checker::Trace trace = dumped(recorder);
    const auto again = std::find_if(trace.events.begin() + 1, trace.events.end(),
                                    [](const TraceEvent& event) { return event.body == checker::TraceBody(NodeStarted{.clock = 5}); });
    as_the_first = as_the_first || trace.events.front().body == checker::TraceBody(NodeStarted{.clock = 5});
    EXPECT_FALSE(again == trace.events.begin() + 1 && std::holds_alternative<Continued>(trace.events.front().body));
  }
  EXPECT_TRUE(as_the_first);
}

TEST_F(FlightRecorderTest, ALineThatIsTooLongTakesWhatIsBeforeItAlong) {
  FlightRecorder recorder = make(4096);
  tell(recorder, NodeStarted{});
  tell(recorder, checker::GroupView{.group = std::string(3000, 'g')});
  tell(recorder, Resumed{1});
  const checker::Trace trace = dumped(recorder);
  ASSERT_EQ(trace.events.size(), 3u);
  EXPECT_EQ(trace.events[0].body, checker::TraceBody(Continued{}));
  EXPECT_EQ(trace.events[1].body, checker::TraceBody(Resumed{1}));
}

TEST_F(FlightRecorderTest, OfAllDumpsTheNewestAreKept) {
  for (const char* other : {"flight.2.11.trace", "flight.1.9.trace", ".flight.1.10.trace", "flight.x.trace", "state"}) {
    std::ofstream(directory / ("state/" + std::string(other))) << "x";
  }
  FlightRecorder recorder = make();
  tell(recorder, NodeStarted{});
  EXPECT_THAT(files(), ::testing::Contains("flight.1.9.trace"));
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(recorder.dump_now());
  const auto left = files();
  EXPECT_EQ(left.size(), FlightRecorder::files_kept + 2) << "what has another name isn't ours";
  EXPECT_THAT(left, ::testing::Contains("flight.3.12.trace"));
  EXPECT_THAT(left, ::testing::Not(::testing::Contains("flight.3.4.trace")));
}

TEST_F(FlightRecorderTest, ADumpThatCantBeWrittenSaysWhy) {
  FlightRecorder recorder = make();
  tell(recorder, NodeStarted{});
  std::filesystem::remove_all(directory / "state");
  const auto dumped = recorder.dump_now();
  ASSERT_FALSE(dumped);
  EXPECT_THAT(dumped.error(), HasSubstr("/state/flight.3.1.trace: No such file"));
}

TEST_F(FlightRecorderTest, OnAWorkerOneAfterTheOther) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  FlightRecorder recorder = make();
  tell(recorder, NodeStarted{});
  std::string path;
  const auto done = [&](const FlightRecorder::Dumped& dumped) { path = dumped ? *dumped : dumped.error(); };
  EXPECT_TRUE(recorder.dump(&loop, done));
  tell(recorder, Resumed{1});
  EXPECT_FALSE(recorder.dump(&loop, done)) << "one is under way";
  uv_run(&loop, UV_RUN_DEFAULT);
  EXPECT_EQ(read(path).events.size(), 2u) << "as it was when it was asked for";
  EXPECT_TRUE(recorder.dump(&loop, done));
  uv_run(&loop, UV_RUN_DEFAULT);
  EXPECT_THAT(path, EndsWith("flight.3.2.trace"));
  uv_loop_close(&loop);
}

TEST_F(FlightRecorderTest, AFatalSignalLeavesADumpAndEndsTheProcessAsItWouldHave) {
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    const int status = child([number] { ::kill(::getpid(), number); });
#if defined(VSYNC_SANITIZED)
    EXPECT_NE(status, 0) << "the sanitizer's handler, which was there before, reports it and exits";
#else
    ASSERT_TRUE(WIFSIGNALED(status)) << number;
    EXPECT_EQ(WTERMSIG(status), number);
#endif
    ASSERT_EQ(files().size(), 1u);
    expect_the_newest(read(directory / ("state/" + files().front())));
    std::filesystem::remove(directory / ("state/" + files().front()));
  }
}

TEST_F(FlightRecorderTest, SoDoesAFailedAssertion) {
  const int status = child([] { VSYNC_ASSERT(false); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  expect_the_newest(read(directory / "state/flight.3.1.trace"));
}

TEST_F(FlightRecorderTest, SoDoesAStackThatIsFull) {
#if defined(VSYNC_SANITIZED)
  GTEST_SKIP() << "the sanitizer has a stack for signals of its own";
#endif
  const int status = child([] {
    struct Deep {
      static int fall(int depth) {
        volatile char room[1 << 16];
        room[0] = static_cast<char>(depth);
        return depth < 0 ? 0 : fall(depth + 1) + room[0];  // it never is
      }
    };
    ::_exit(Deep::fall(0));
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  expect_the_newest(read(directory / "state/flight.3.1.trace"));
}

}  // namespace
}  // namespace vsync::daemon
