// What the records on a disk add up to.

#include <gmock/gmock.h>

#include "messages.hpp"
#include "protocol/durable_log.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Lane lane{};
constexpr ViewId view_id(std::uint64_t number) { return {{1, 11}, number}; }
Position at(std::uint64_t view, std::uint64_t seq) { return {{1, 11}, view, lane, Seq{seq}}; }
LogEntry entry(std::uint64_t view, std::uint64_t seq, std::uint64_t stream = 1, std::uint32_t count = 1, std::size_t bytes = 0) {
  return {at(view, seq), {"a", {1, 1}}, 0, chunk(stream, count, 0, bytes)};
}

struct StoredLog : testing::Test {
  std::vector<std::uint64_t> seqs() const {
    std::vector<std::uint64_t> found;
    for (const LogEntry& one : log.entries(lane)) found.push_back(one.first.seq.value);
    return found;
  }
  DurableLog log{1 << 20};
};

TEST_F(StoredLog, HoldsEntriesInTheirOrderAndEachOnce) {
  EXPECT_TRUE(log.empty());
  log.apply(entry(1, 3));
  log.apply(entry(1, 5, 2, 4));
  log.apply(entry(1, 5, 2, 4));
  log.apply(entry(1, 8));
  log.apply(entry(1, 9));
  EXPECT_THAT(seqs(), ElementsAre(3, 5, 9));
}

TEST_F(StoredLog, TellsHowMuchOfWhatWasReadItHas) {
  EXPECT_EQ(log.common_part(at(1, 5)), at(0, 0));
  log.apply(entry(1, 3));
  log.apply(entry(1, 5, 2, 4));
  EXPECT_EQ(log.common_part(at(1, 2)), at(0, 0));
  EXPECT_EQ(log.common_part(at(1, 4)), at(1, 3));
  EXPECT_EQ(log.common_part(at(1, 7)), at(1, 7));
  EXPECT_EQ(log.common_part(at(1, 9)), at(1, 8));
  EXPECT_EQ(log.common_part(at(2, 1)), at(1, 8));
  DurableLog small{1};
  small.apply(entry(1, 3));
  small.apply(entry(1, 5));
  EXPECT_EQ(small.common_part(at(1, 4)), at(1, 4)) << "is older than what is kept";
}

TEST_F(StoredLog, TellsHowFarItReachesInAViewWithoutItsTail) {
  EXPECT_EQ(log.end_in(view_id(1), lane), Seq{});
  log.apply(entry(1, 3, 1, 2));
  log.apply(entry(1, tail_begin.value));
  log.apply(entry(2, 1));
  EXPECT_EQ(log.end_in(view_id(1), lane), Seq{4});
  EXPECT_EQ(log.end_in(view_id(2), lane), Seq{1});
  EXPECT_EQ(log.end_in(view_id(3), lane), Seq{});
}

TEST_F(StoredLog, ProvisionalEntriesStandOnlyIfTheirBallotIsDecided) {
  const Ballot one{1, Rank{0}}, two{2, Rank{0}};
  log.apply(entry(1, 3));
  log.apply(LogProvisional{view_id(1), one, {entry(1, 4)}});
  log.apply(LogProvisional{view_id(1), two, {entry(1, 4), entry(1, tail_begin.value)}});
  EXPECT_THAT(seqs(), ElementsAre(3));
  EXPECT_TRUE(log.has_provisional(view_id(1), one));
  log.apply(LogSettled{view_id(1), two});
  EXPECT_THAT(seqs(), ElementsAre(3, 4, tail_begin.value));
  EXPECT_FALSE(log.has_provisional());
}

TEST_F(StoredLog, WhatWasNotDecidedNeverHappened) {
  log.apply(LogProvisional{view_id(1), {1, Rank{0}}, {entry(1, 4)}});
  log.apply(LogSettled{view_id(1), std::nullopt});
  EXPECT_THAT(seqs(), IsEmpty());
  EXPECT_FALSE(log.has_provisional());
}

TEST_F(StoredLog, IsCutBackToWhatTheOthersHave) {
  for (std::uint64_t seq : {1u, 2u, 3u}) log.apply(entry(1, seq));
  log.apply(LogCutBack{lane, at(1, 2)});
  EXPECT_THAT(seqs(), ElementsAre(1, 2));
  log.apply(LogCutBack{lane, std::nullopt});
  EXPECT_THAT(seqs(), IsEmpty());
}

TEST_F(StoredLog, AgreesWhereBothHaveTheSameEntry) {
  log.apply(entry(1, 1));
  log.apply(entry(1, 7));
  log.apply(entry(2, 1));
  using Agreement = std::pair<bool, std::optional<Position>>;
  EXPECT_EQ(log.agreement(std::nullopt), (Agreement{true, std::nullopt}));
  EXPECT_EQ(log.agreement(LogMark{at(1, 7), {"a", {1, 1}}, Seqno{1}}), (Agreement{true, at(1, 7)}));
  // Something else stands there: only the view before is surely the same.
  EXPECT_EQ(log.agreement(LogMark{at(2, 1), {"b", {1, 1}}, Seqno{1}}), (Agreement{false, at(1, 7)}));
  EXPECT_EQ(log.agreement(LogMark{at(1, 9), {"a", {1, 1}}, Seqno{1}}), (Agreement{false, std::nullopt}));
}

TEST_F(StoredLog, ForgetsTheOldestBeyondItsBoundAndSaysSo) {
  log = DurableLog(3 * (100 + Chunk::overhead_bytes));
  for (std::uint64_t seq = 1; seq <= 5; ++seq) log.apply(entry(1, seq, seq, 1, 100));
  EXPECT_THAT(seqs(), ElementsAre(3, 4, 5));
  EXPECT_EQ(log.forgotten(lane), at(1, 2));
  EXPECT_EQ(log.after(at(1, 3))->first, at(1, 4));
  EXPECT_EQ(log.after(at(1, 5)), log.entries(lane).end());
}

TEST_F(StoredLog, AnEntryWithoutMessagesIsNone) {
  log.apply(entry(1, 3, 1, 0));
  EXPECT_THAT(seqs(), IsEmpty());
}

TEST_F(StoredLog, ABallotThatLeftNothingToStoreAddsNothing) {
  log.apply(entry(1, 3));
  log.apply(LogProvisional{view_id(1), {4, Rank{0}}, {entry(1, 5)}});
  log.apply(LogSettled{view_id(1), Ballot{5, Rank{0}}});
  EXPECT_THAT(seqs(), ElementsAre(3));
  EXPECT_FALSE(log.has_provisional());
}

TEST_F(StoredLog, TheEndOfAViewIsOfThatEpoch) {
  log.apply(entry(1, 3));
  EXPECT_EQ(log.end_in(view_id(1), lane), Seq{3});
  EXPECT_EQ(log.end_in({{2, 11}, 1}, lane), Seq{});
}

}  // namespace
}  // namespace vsync::protocol::test
