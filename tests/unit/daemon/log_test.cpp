// What the log writes where there is no journal.

#include "daemon/log.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace vsync::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

template <class Action>
std::string written(Action action) {
  ::testing::internal::CaptureStderr();
  action();
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, ALineHasTimeNodeSeverityTextFieldsAndView) {
  Log log(Severity::info);
  log.set_node("a");
  log.set_view("1.7");
  const std::string line = written([&] { log.warning("something happened", {{"PEER", "b"}, {"NOTHING", ""}}); });
  EXPECT_THAT(line, ::testing::ContainsRegex("^[0-9:.]+ vsyncd\\[a\\] warning: something happened peer=b view=1.7\n$"));
}

TEST(Log, WhatOthersSayCanNeitherForgeLinesNorDriveATerminal) {
  Log log(Severity::info);
  const std::string line = written([&] { log.notice("text\nforged", {{"FIELD", "\033[2Jvalue\r\n"}}); });
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, Not(HasSubstr("\033")));
  EXPECT_THAT(line, HasSubstr("text?forged"));
}

TEST(Log, NothingBelowItsThreshold) {
  Log log(Severity::warning);
  EXPECT_EQ(written([&] { log.notice("quiet"); }), "");
  EXPECT_NE(written([&] { log.error("loud"); }), "");
}

TEST(Log, ALimitLetsABurstThroughAndCountsTheRest) {
  RateLimit limit;
  const protocol::TimePoint start{100s};
  int allowed = 0;
  for (int i = 0; i < 1000; ++i) allowed += limit.allow(start) ? 1 : 0;
  EXPECT_EQ(allowed, 5);
  EXPECT_TRUE(limit.allow(start + 10s));
  EXPECT_EQ(limit.take_suppressed(), 995u);
  EXPECT_EQ(limit.take_suppressed(), 0u);
}

}  // namespace
}  // namespace vsync::daemon
