#include <gmock/gmock.h>

#include "directories.hpp"
#include "protocol/session_table.hpp"

namespace vsync::protocol {
namespace {

using test::position;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

SessionRun run(std::uint64_t first_n, std::uint32_t count, Position first) { return {first_n, count, first}; }

TEST(RunWindow, KnowsNothingAtFirst) {
  const RunWindow window(4);
  EXPECT_EQ(window.last_n(), 0u);
  EXPECT_EQ(window.run_of(1), std::nullopt);
  EXPECT_THAT(window.recent(), IsEmpty());
}

TEST(RunWindow, MergesARunThatGoesOnInNumberAndPosition) {
  RunWindow window(4);
  window.record(run(1, 3, position(10)));
  window.record(run(4, 2, position(13)));
  EXPECT_THAT(window.recent(), ElementsAre(run(1, 5, position(10))));
  EXPECT_EQ(window.last_n(), 5u);
}

TEST(RunWindow, DoesNotMergeAcrossAGapInNumberPositionOrView) {
  RunWindow window(8);
  window.record(run(1, 3, position(10)));
  window.record(run(5, 1, position(13)));
  window.record(run(6, 1, position(15)));
  window.record(run(7, 1, position(16, 2)));
  EXPECT_EQ(window.recent().size(), 4u);
}

TEST(RunWindow, ACountNeverOverflowsByMerging) {
  RunWindow window(4);
  window.record(run(1, 0xffff'ffff, position(1)));
  window.record(run(0x1'0000'0000, 1, position(0x1'0000'0000)));
  EXPECT_EQ(window.recent().size(), 2u);
}

TEST(RunWindow, AtItsBoundForgetsTheOldest) {
  RunWindow window(3);
  for (std::uint64_t n = 1; n <= 5; ++n) window.record(run(n, 1, position(2 * n)));
  EXPECT_THAT(window.recent(), ElementsAre(run(3, 1, position(6)), run(4, 1, position(8)), run(5, 1, position(10))));
  EXPECT_EQ(window.run_of(2), std::nullopt);
  EXPECT_EQ(window.run_of(3), run(3, 1, position(6)));
}

TEST(RunWindow, FindsTheRestOfTheRunFromANumberOn) {
  RunWindow window(4);
  window.record(run(1, 4, position(10)));
  window.record(run(7, 3, position(20)));
  EXPECT_EQ(window.run_of(1), run(1, 4, position(10)));
  EXPECT_EQ(window.run_of(3), run(3, 2, position(12)));
  EXPECT_EQ(window.run_of(9), run(9, 1, position(22)));
}

TEST(RunWindow, NumbersLeftOutHaveNoPosition) {
  RunWindow window(4);
  window.record(run(1, 4, position(10)));
  window.record(run(7, 3, position(20)));
  EXPECT_EQ(window.run_of(0), std::nullopt);
  EXPECT_EQ(window.run_of(5), std::nullopt);
  EXPECT_EQ(window.run_of(10), std::nullopt);
}

TEST(RunWindow, RestoresItsLatestRunsWhateverTheGiverKept) {
  const SessionLane state{Lane{}, 9, {run(1, 1, position(2)), run(2, 0, position(3)), run(4, 1, position(4)), run(6, 1, position(6))}};
  const RunWindow window(2, state);
  EXPECT_EQ(window.last_n(), 9u);
  EXPECT_THAT(window.recent(), ElementsAre(run(4, 1, position(4)), run(6, 1, position(6))));
}

}  // namespace
}  // namespace vsync::protocol
