#include "daemon/replay.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace vsync::daemon {
namespace {

using protocol::DurableLog;
using protocol::LogEntry;
using protocol::Position;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Position at(std::uint64_t seq, std::uint64_t view = 1) { return {.epoch = {1, 1}, .view = view, .lane = {}, .seq = {seq}}; }

/// `count` messages numbered from `n` of one session.
LogEntry entry(Position first, std::uint32_t count, std::uint64_t n, std::uint64_t session = 1) {
  LogEntry entry{.first = first, .publisher = {"a", {1, 1}}, .ordered_at = 0, .chunk = {}};
  entry.chunk = {.first = {1}, .count = count, .level = protocol::Level::durable, .session = {session, 1}, .first_n = n};
  return entry;
}

struct Given {
  std::uint64_t seq;
  std::uint32_t skip;
  bool operator==(const Given&) const = default;
};
void PrintTo(const Given& given, std::ostream* out) { *out << given.seq << " skip " << given.skip; }

std::vector<Given> all_of(Replay& replay, const DurableLog& log, std::size_t steps_each = 100) {
  std::vector<Given> given;
  while (true) {
    Replay::Next found;
    std::size_t steps = steps_each;
    switch (replay.next(log, steps, found)) {
      case Replay::Found::entry:
        given.push_back({found.entry->first.seq.value, found.skip});
        replay.pass(*found.entry);
        break;
      case Replay::Found::gap: (void)replay.take_gap(*log.forgotten({})); break;
      case Replay::Found::later: break;
      case Replay::Found::end: return given;
    }
  }
}

struct ReplayTest : ::testing::Test {
  DurableLog log{1 << 20};
};

TEST_F(ReplayTest, GivesWhatLiesBetweenInItsOrder) {
  for (std::uint64_t seq = 1; seq <= 9; seq += 2) log.apply(entry(at(seq), 2, seq));
  Replay replay(at(2), at(8));
  EXPECT_THAT(all_of(replay, log), ElementsAre(Given{3, 0}, Given{5, 0}, Given{7, 0}));
  Replay none(at(10), at(20));
  EXPECT_THAT(all_of(none, log), IsEmpty());
}

TEST_F(ReplayTest, GoesThroughViews) {
  log.apply(entry(at(1, 1), 1, 1));
  log.apply(entry(at(protocol::tail_begin.value, 1), 1, 2));
  log.apply(entry(at(1, 3), 1, 3));
  log.apply(entry(at(2, 3), 1, 4));
  Replay replay(at(1, 1), at(1, 3));
  EXPECT_THAT(all_of(replay, log), ElementsAre(Given{protocol::tail_begin.value, 0}, Given{1, 0}));
}

TEST_F(ReplayTest, ARetryIsGivenOnce) {
  log.apply(entry(at(1), 5, 1));
  log.apply(entry(at(6), 5, 11));
  log.apply(entry(at(11), 5, 1));      // the second copy of the first
  log.apply(entry(at(16), 8, 8));      // numbers that were passed over don't come any more
  log.apply(entry(at(24), 5, 1, 2));   // another session
  Replay replay(at(0), at(100));
  EXPECT_THAT(all_of(replay, log), ElementsAre(Given{1, 0}, Given{6, 0}, Given{24, 0}));
}

TEST_F(ReplayTest, OfARetryThatBringsMoreOnlyThatIsGiven) {
  log.apply(entry(at(1), 5, 1));
  log.apply(entry(at(6), 5, 3));
  Replay replay(at(0), at(100));
  EXPECT_THAT(all_of(replay, log), ElementsAre(Given{1, 0}, Given{6, 3}));
}

TEST_F(ReplayTest, ARetryOfWhatWasReadBeforeIsNotGivenAgain) {
  log.apply(entry(at(1), 5, 1));
  log.apply(entry(at(6), 5, 1));
  log.apply(entry(at(11), 1, 6));
  Replay replay(at(5), at(100));
  EXPECT_THAT(all_of(replay, log), ElementsAre(Given{11, 0}));
}

TEST_F(ReplayTest, LooksAtAFewEntriesAtATime) {
  for (std::uint64_t seq = 1; seq <= 50; ++seq) log.apply(entry(at(seq), 1, seq));
  Replay replay(at(40), at(100));
  std::size_t steps = 10;
  Replay::Next found;
  EXPECT_EQ(replay.next(log, steps, found), Replay::Found::later);
  EXPECT_EQ(steps, 0u);
  EXPECT_EQ(all_of(replay, log, 3).size(), 10u);
}

TEST_F(ReplayTest, WhatTheLogHasForgottenIsAGap) {
  DurableLog small(10 * protocol::Chunk::overhead_bytes);
  for (std::uint64_t seq = 1; seq <= 50; ++seq) small.apply(entry(at(seq), 1, seq));
  Replay replay(at(20), at(45));
  std::size_t steps = 100;
  Replay::Next found;
  ASSERT_EQ(replay.next(small, steps, found), Replay::Found::gap);
  EXPECT_EQ(replay.take_gap(*small.forgotten({})), std::pair(at(21), at(40)));
  EXPECT_EQ(all_of(replay, small).size(), 5u);

  Replay all_gone(at(20), at(30));
  ASSERT_EQ(all_gone.next(small, steps, found), Replay::Found::gap);
  EXPECT_EQ(all_gone.take_gap(*small.forgotten({})), std::pair(at(21), at(30)));
  EXPECT_THAT(all_of(all_gone, small), IsEmpty());
}

TEST_F(ReplayTest, WhatIsForgottenMeanwhileIsAGapToo) {
  DurableLog small(10 * protocol::Chunk::overhead_bytes);
  for (std::uint64_t seq = 1; seq <= 10; ++seq) small.apply(entry(at(seq), 1, seq));
  Replay replay(at(0), at(15));
  std::size_t steps = 100;
  Replay::Next found;
  ASSERT_EQ(replay.next(small, steps, found), Replay::Found::entry);
  replay.pass(*found.entry);
  for (std::uint64_t seq = 11; seq <= 15; ++seq) small.apply(entry(at(seq), 1, seq));
  ASSERT_EQ(replay.next(small, steps, found), Replay::Found::gap);
  EXPECT_EQ(replay.take_gap(*small.forgotten({})), std::pair(at(2), at(5)));
  EXPECT_EQ(all_of(replay, small).size(), 10u);
}

// The node was excluded: behind the common part the log is another one now, and another replay's.
TEST_F(ReplayTest, EndsWhereTheLogWasCutBack) {
  for (std::uint64_t seq = 1; seq <= 20; ++seq) log.apply(entry(at(seq), 1, seq));
  Replay replay(at(5), at(20));
  std::size_t steps = 100;
  Replay::Next found;
  for (std::uint64_t seq = 6; seq <= 8; ++seq) {
    ASSERT_EQ(replay.next(log, steps, found), Replay::Found::entry);
    EXPECT_EQ(found.entry->first.seq.value, seq);
    replay.pass(*found.entry);
  }
  log.apply(protocol::LogCutBack{{}, at(10)});
  replay.cut_back(at(10));
  EXPECT_THAT(all_of(replay, log), ElementsAre(Given{9, 0}, Given{10, 0}));
}

}  // namespace
}  // namespace vsync::daemon
