#include "protocol/session_table.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <map>
#include <random>

#include "directories.hpp"

namespace vsync::protocol {
namespace {

using test::position;
using test::session_id;

constexpr std::uint64_t n_max = std::numeric_limits<std::uint64_t>::max();

struct OpenTable : SessionTable {
  explicit OpenTable(std::size_t runs_max = 16) : SessionTable(runs_max) { open(session_id(1)); }
  Admission take(std::uint64_t first_n, std::uint32_t count, std::uint64_t seq) {
    return admit(session_id(1), Lane{}, first_n, count, position(seq));
  }
};

TEST(SessionTable, AllMessagesOfAnUnknownSessionAreMarkers) {
  SessionTable table(16);
  const Admission admission = table.admit(session_id(1), Lane{}, 1, 3, position(10));
  EXPECT_FALSE(admission.known);
  EXPECT_EQ(admission.skip, 3u);
  EXPECT_EQ(table.last_n(session_id(1), Lane{}), 0u);
}

TEST(SessionTable, NewMessagesAreDelivered) {
  OpenTable table;
  const Admission admission = table.take(1, 3, 10);
  EXPECT_TRUE(admission.known);
  EXPECT_EQ(admission.skip, 0u);
  EXPECT_EQ(admission.first_position_of_duplicate, std::nullopt);
  EXPECT_EQ(table.last_n(session_id(1), Lane{}), 3u);
  EXPECT_EQ(table.position_of(session_id(1), Lane{}, 2), position(11));
}

TEST(SessionTable, ARetryIsAMarkerAndTellsTheFirstPosition) {
  OpenTable table;
  table.take(1, 3, 10);
  const Admission admission = table.take(2, 2, 20);
  EXPECT_EQ(admission.skip, 2u);
  EXPECT_EQ(admission.first_position_of_duplicate, position(11));
  EXPECT_EQ(table.position_of(session_id(1), Lane{}, 3), position(12));
}

TEST(SessionTable, ARetryThatReachesBeyondIsDeliveredInItsNewPart) {
  OpenTable table;
  table.take(1, 3, 10);
  EXPECT_EQ(table.take(2, 5, 20).skip, 2u);
  EXPECT_EQ(table.last_n(session_id(1), Lane{}), 6u);
  EXPECT_EQ(table.position_of(session_id(1), Lane{}, 3), position(12));
  EXPECT_EQ(table.position_of(session_id(1), Lane{}, 4), position(22));
}

TEST(SessionTable, NumbersMayBeLeftOut) {
  OpenTable table;
  table.take(1, 1, 10);
  EXPECT_EQ(table.take(5, 1, 11).skip, 0u);
  EXPECT_EQ(table.position_of(session_id(1), Lane{}, 3), std::nullopt);
}

TEST(SessionTable, ALeftOutNumberComesTooLate) {
  OpenTable table;
  table.take(1, 1, 10);
  table.take(5, 1, 11);
  const Admission admission = table.take(3, 1, 12);
  EXPECT_EQ(admission.skip, 1u);
  EXPECT_EQ(admission.first_position_of_duplicate, std::nullopt);
}

TEST(SessionTable, ARetryOlderThanTheWindowIsStillAMarker) {
  OpenTable table(2);
  for (std::uint64_t n = 1; n <= 5; ++n) table.take(n, 1, 10 * n);
  const Admission admission = table.take(1, 1, 100);
  EXPECT_EQ(admission.skip, 1u);
  EXPECT_EQ(admission.first_position_of_duplicate, std::nullopt);
}

TEST(SessionTable, LanesCountApart) {
  OpenTable table;
  table.take(1, 3, 10);
  EXPECT_EQ(table.admit(session_id(1), Lane{2}, 1, 1, position(7)).skip, 0u);
  EXPECT_EQ(table.last_n(session_id(1), Lane{}), 3u);
  EXPECT_EQ(table.last_n(session_id(1), Lane{2}), 1u);
  EXPECT_EQ(table.position_of(session_id(1), Lane{2}, 1), position(7));
  EXPECT_EQ(table.position_of(session_id(1), Lane{1}, 1), std::nullopt);
}

TEST(SessionTable, SessionsCountApart) {
  OpenTable table;
  table.open(session_id(2));
  table.take(1, 3, 10);
  EXPECT_EQ(table.admit(session_id(2), Lane{}, 1, 1, position(20)).skip, 0u);
}

TEST(SessionTable, OpeningAnOpenSessionForgetsNothing) {
  OpenTable table;
  table.take(1, 3, 10);
  table.open(session_id(1));
  EXPECT_EQ(table.last_n(session_id(1), Lane{}), 3u);
}

TEST(SessionTable, AClosedSessionIsUnknown) {
  OpenTable table;
  table.take(1, 3, 10);
  table.close(session_id(1));
  EXPECT_FALSE(table.knows(session_id(1)));
  EXPECT_FALSE(table.take(4, 1, 20).known);
}

TEST(SessionTable, TakesAnyNumbersAnApplicationMaySend) {
  OpenTable table;
  EXPECT_EQ(table.take(1, 0, 5).skip, 0u);
  EXPECT_EQ(table.take(0, 1, 6).skip, 1u);
  EXPECT_EQ(table.take(n_max, 2, 7).skip, 2u);
  EXPECT_EQ(table.last_n(session_id(1), Lane{}), 0u);
  EXPECT_EQ(table.take(n_max - 1, 2, 8).skip, 0u);
  EXPECT_EQ(table.last_n(session_id(1), Lane{}), n_max);
  EXPECT_EQ(table.take(1, 0xffff'ffff, 9).skip, 0xffff'ffff);
  EXPECT_EQ(table.take(n_max, 1, 10).skip, 1u);
}

TEST(SessionTable, RestoresWhatItsSnapshotHolds) {
  OpenTable table;
  table.take(1, 3, 10);
  table.take(9, 1, 20);
  table.admit(session_id(1), Lane{4}, 1, 1, position(1));
  SessionTable copy(16);
  copy.restore(session_id(1), table.snapshot(session_id(1)));
  EXPECT_EQ(copy.snapshot(session_id(1)), table.snapshot(session_id(1)));
  EXPECT_TRUE(copy.knows(session_id(1)));
  EXPECT_EQ(copy.admit(session_id(1), Lane{}, 3, 1, position(30)).first_position_of_duplicate, position(12));
}

// The twin remembers every message one by one.
TEST(SessionTable, EqualsItsNaiveTwinOnRandomChunks) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    OpenTable table(1000);
    std::map<std::uint64_t, Position> twin;
    std::uint64_t seq = 1;
    for (int step = 0; step < 50; ++step) {
      const std::uint64_t first_n = 1 + random() % 60;
      const auto count = static_cast<std::uint32_t>(1 + random() % 6);
      const std::uint64_t last = twin.empty() ? 0 : twin.rbegin()->first;
      std::uint32_t skip = 0;
      for (std::uint32_t i = 0; i < count; ++i) {
        if (first_n + i <= last) ++skip;
        else twin[first_n + i] = position(seq + i);
      }
      ASSERT_EQ(table.take(first_n, count, seq).skip, skip);
      seq += count + random() % 2;
    }
    for (std::uint64_t n = 0; n < 70; ++n) {
      const auto expected = twin.contains(n) ? std::optional(twin[n]) : std::nullopt;
      ASSERT_EQ(table.position_of(session_id(1), Lane{}, n), expected);
    }
  }
}

TEST(SessionTable, OfAnUnknownSessionNothingIsToldAndNothingCounts) {
  OpenTable table;
  table.take(1, 3, 10);
  EXPECT_FALSE(table.has_spoken(session_id(2)));
  EXPECT_THAT(table.snapshot(session_id(2)), testing::IsEmpty());
  EXPECT_EQ(table.last_n(session_id(2), Lane{}), 0u);
  Digest with, without;
  table.add_to(with, session_id(2));
  EXPECT_EQ(with.value(), without.value());
}

}  // namespace
}  // namespace vsync::protocol
