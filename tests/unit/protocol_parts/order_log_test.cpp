// The order of one lane as a node learns it: without holes, from the sequencer of the current term only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "messages.hpp"
#include "protocol/order_log.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Append = OrderLog::Append;

Order record(std::uint64_t term, std::uint64_t first, std::vector<Run> runs, std::optional<Rank> hand_off = std::nullopt,
             std::int64_t ordered_at = 0) {
  return {ViewId{}, Lane{}, Term{term}, Seq{first}, std::move(runs), hand_off, ordered_at};
}
Run of(std::uint16_t publisher, std::uint32_t count) { return {Rank{publisher}, count}; }

struct Log : testing::Test {
  OrderLog log{3, Rank{0}};
};

TEST_F(Log, ResolvesRunsToTheNextMessagesOfTheirPublishers) {
  EXPECT_EQ(log.append(record(1, 1, {of(1, 2), of(2, 1)}, {}, 5)), Append::appended);
  EXPECT_EQ(log.append(record(1, 4, {of(1, 3)}, {}, 6)), Append::appended);
  EXPECT_THAT(log.runs(), ElementsAre(run(1, 1, 1, 2), run(3, 2, 1, 1), run(4, 1, 3, 3)));
  EXPECT_EQ(log.end(), Seq{6});
  EXPECT_EQ(log.next_of(Rank{1}), Seqno{6});
  EXPECT_EQ(log.at(Seq{5}).run.first, Seq{4});
}

TEST_F(Log, MergesRunsOfOneMoment) {
  log.append(record(1, 1, {of(1, 2)}, {}, 5));
  log.append(record(1, 3, {of(1, 2)}, {}, 5));
  EXPECT_THAT(log.runs(), ElementsAre(run(1, 1, 1, 4)));
  log.append(record(1, 5, {of(1, 2)}, {}, 6));
  EXPECT_EQ(log.runs().size(), 2u);
}

TEST_F(Log, TakesARecordOnce) {
  log.append(record(1, 1, {of(1, 2)}));
  EXPECT_EQ(log.append(record(1, 1, {of(1, 2)})), Append::duplicate);
  EXPECT_EQ(log.end(), Seq{2});
}

TEST_F(Log, TakesWhatIsNewOfARecordThatOverlaps) {
  log.append(record(1, 1, {of(1, 2)}));
  EXPECT_EQ(log.append(record(1, 1, {of(1, 3), of(2, 1)})), Append::appended);
  EXPECT_EQ(log.end(), Seq{4});
  EXPECT_EQ(log.next_of(Rank{1}), Seqno{4});
  EXPECT_EQ(log.next_of(Rank{2}), Seqno{2});
}

TEST_F(Log, KeepsNothingBeyondAGap) {
  EXPECT_EQ(log.append(record(1, 2, {of(1, 1)})), Append::gap);
  EXPECT_EQ(log.end(), Seq{0});
}

TEST_F(Log, RefusesARunOfNobody) { EXPECT_EQ(log.append(record(1, 1, {of(3, 1)})), Append::void_term); }

// ---------------------------------------------------------------- terms

TEST_F(Log, AHandOffEndsTheTerm) {
  EXPECT_EQ(log.append(record(1, 1, {of(1, 1)}, Rank{2})), Append::appended);
  EXPECT_EQ(log.sequencer(), Rank{2});
  EXPECT_EQ(log.term(), Term{2});
  EXPECT_EQ(log.append(record(2, 2, {of(1, 1)})), Append::appended);
}

TEST_F(Log, ARecordOfATermNotOpenedYetWaits) {
  EXPECT_EQ(log.append(record(2, 1, {of(1, 1)})), Append::gap);
  log.append(record(1, 1, {}, Rank{2}));
  EXPECT_EQ(log.append(record(2, 1, {of(1, 1)})), Append::appended);
}

TEST_F(Log, WhatAnEndedTermAddsIsVoid) {
  log.append(record(1, 1, {of(1, 1)}, Rank{2}));
  EXPECT_EQ(log.append(record(1, 2, {of(1, 1)})), Append::void_term);
  EXPECT_EQ(log.append(record(1, 1, {of(1, 1)}, Rank{2})), Append::duplicate);
  EXPECT_EQ(log.term(), Term{2});
}

TEST_F(Log, AHandOffBeyondAGapWaits) {
  EXPECT_EQ(log.append(record(1, 3, {}, Rank{2})), Append::gap);
  EXPECT_EQ(log.sequencer(), Rank{0});
}

// ---------------------------------------------------------------- forgetting and telling

TEST_F(Log, ForgetsWholeEntriesOnly) {
  log.append(record(1, 1, {of(1, 2), of(2, 2)}));
  log.forget(Seq{3});
  EXPECT_EQ(log.base(), Seq{2});
  EXPECT_THAT(log.runs(), ElementsAre(run(3, 2, 1, 2)));
  EXPECT_EQ(log.end(), Seq{4});
}

TEST_F(Log, TellsNothingThatIsForgottenOrUnknown) {
  log.append(record(1, 1, {of(1, 2), of(2, 2)}));
  log.forget(Seq{2});
  EXPECT_THAT(log.from(Seq{2}, {}, {}), IsEmpty());
  EXPECT_THAT(log.from(Seq{6}, {}, {}), IsEmpty());
  EXPECT_EQ(log.from(Seq{3}, {}, {}).size(), 1u);
}

TEST_F(Log, TellsABareHandOffAtItsEnd) {
  log.append(record(1, 1, {of(1, 2)}));
  log.hand_off(Rank{2});
  OrderLog other(3, Rank{0});
  other.append(record(1, 1, {of(1, 2)}));
  for (const Order& order : log.from(Seq{3}, {}, {})) EXPECT_EQ(other.append(order), Append::appended);
  EXPECT_EQ(other.sequencer(), Rank{2});
  EXPECT_EQ(other.term(), log.term());
}

/// Whatever one log knows, another learns from any position on that both have, term by term.
TEST(OrderLog, IsToldCompletelyFromAnyPosition) {
  std::mt19937_64 random(7);
  const auto up_to = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 300; ++round) {
    OrderLog teller(3, Rank{0});
    std::vector<OrderLog> prefixes{teller};
    for (std::uint64_t step = 0; step < 12; ++step) {
      if (up_to(4) == 0) {
        teller.hand_off(Rank{static_cast<std::uint16_t>(up_to(3))});
      } else {
        teller.order_next(Rank{static_cast<std::uint16_t>(up_to(3))}, static_cast<std::uint32_t>(1 + up_to(3)),
                          static_cast<std::int64_t>(up_to(3)));
      }
      prefixes.push_back(teller);
    }
    const Seq forgotten{up_to(teller.end().value + 1)};
    OrderLog forgetful = teller;
    forgetful.forget(forgotten);
    for (OrderLog learner : prefixes) {
      if (learner.end() < forgetful.base()) continue;
      for (const Order& order : forgetful.from(learner.end() + 1, {}, {})) {
        ASSERT_NE(learner.append(order), Append::gap);
        ASSERT_NE(learner.append(order), Append::appended) << "a repeated record adds nothing";
      }
      ASSERT_EQ(learner.end(), teller.end());
      ASSERT_EQ(learner.term(), teller.term());
      ASSERT_EQ(learner.sequencer(), teller.sequencer());
      for (std::uint64_t at = learner.base().value + 1; at <= teller.end().value; ++at) {
        ASSERT_EQ(learner.at(Seq{at}).run.publisher, teller.at(Seq{at}).run.publisher);
        ASSERT_EQ(learner.at(Seq{at}).ordered_at, teller.at(Seq{at}).ordered_at);
        ASSERT_EQ(learner.at(Seq{at}).term, teller.at(Seq{at}).term);
      }
    }
  }
}

TEST_F(Log, TakesOfARecordThatRepeatsWholeRunsWhatFollowsThem) {
  log.append(record(1, 1, {of(1, 2), of(2, 1)}));
  EXPECT_EQ(log.append(record(1, 1, {of(1, 2), of(2, 1), of(0, 1)})), Append::appended);
  EXPECT_EQ(log.end(), Seq{4});
  EXPECT_EQ(log.next_of(Rank{1}), Seqno{3});
  EXPECT_EQ(log.next_of(Rank{0}), Seqno{2});
}

TEST_F(Log, AHandOffBehindWhatIsKnownStillEndsTheTerm) {
  log.append(record(1, 1, {of(1, 2)}));
  EXPECT_EQ(log.append(record(1, 1, {of(1, 2)}, Rank{2})), Append::appended);
  EXPECT_EQ(log.term(), Term{2});
  EXPECT_EQ(log.sequencer(), Rank{2});
}

TEST_F(Log, AHandOffToNobodyEndsNoTerm) {
  EXPECT_EQ(log.append(record(1, 1, {of(1, 2)}, Rank{9})), Append::appended);
  EXPECT_EQ(log.term(), Term{1});
  EXPECT_EQ(log.sequencer(), Rank{0});
}

}  // namespace
}  // namespace vsync::protocol::test
