// One lane at one node: holding, delivering, the cut of a view change, forgetting.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "messages.hpp"
#include "protocol/lane.hpp"
#include "views.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Replica : testing::Test {
  void receive(std::uint16_t publisher, std::uint64_t first, std::uint32_t count, std::uint64_t after = 0) {
    lane.stream(Rank{publisher}).insert(chunk(first, count, after));
  }
  void order(std::uint16_t publisher, std::uint32_t count) { lane.order().order_next(Rank{publisher}, count, 1); }
  /// Delivers what can be; "publisher:first" of each chunk.
  std::vector<std::string> deliver() {
    std::vector<std::string> out;
    lane.advance_held();
    while (const auto next = lane.next()) {
      out.push_back(std::to_string(next->publisher.value) + ":" + std::to_string(next->chunk->first.value));
      lane.pop(*next);
    }
    return out;
  }
  std::vector<std::string> tail(const LaneCut& cut) const {
    std::vector<std::string> out;
    for (const TailChunk& entry : lane.tail(cut)) {
      out.push_back(std::to_string(entry.publisher.value) + ":" + std::to_string(entry.chunk->first.value));
    }
    return out;
  }
  const View view = view_of({"a", "b"});
  LaneReplica lane{view, Rank{0}};
};

TEST_F(Replica, DeliversWhatIsOrderedAndHeld) {
  receive(1, 1, 2);
  EXPECT_THAT(deliver(), IsEmpty());
  order(1, 2);
  EXPECT_THAT(deliver(), ElementsAre("1:1"));
  EXPECT_EQ(lane.delivered(), Seq{2});
  EXPECT_EQ(lane.delivered_of(Rank{1}), Seqno{2});
}

TEST_F(Replica, HoldsAPositionOnlyWithAllPayloadBeforeIt) {
  order(0, 1);
  order(1, 1);
  receive(1, 1, 1);
  lane.advance_held();
  EXPECT_EQ(lane.held(), Seq{0});
  receive(0, 1, 1);
  EXPECT_THAT(deliver(), ElementsAre("0:1", "1:1"));
  EXPECT_EQ(lane.held(), Seq{2});
}

TEST_F(Replica, HoldsAPartOfARun) {
  order(1, 5);
  receive(1, 1, 2);
  EXPECT_TRUE(lane.advance_held());
  EXPECT_EQ(lane.held(), Seq{2});
  EXPECT_FALSE(lane.advance_held());
}

// Memory that went wrong between the checksums: what a's chunk has too much would pass for b's message. (A finding of the fuzzer.)
TEST_F(Replica, DeliversNoChunkThatIsLargerThanWhatWasOrderedAndHoldsNothingBehindIt) {
  order(0, 2);
  order(1, 1);
  order(0, 2);
  receive(0, 1, 4);
  receive(1, 1, 1);
  EXPECT_THAT(deliver(), IsEmpty());
  order(1, 1);
  receive(1, 2, 1);
  const Seq held = lane.held();
  EXPECT_FALSE(lane.advance_held());
  EXPECT_EQ(lane.held(), held);
  EXPECT_EQ(lane.delivered(), Seq{0});
}

TEST_F(Replica, OffersTheSequencerWhatIsReceivedAndNotOrdered) {
  receive(0, 1, 3);
  receive(1, 1, 2);
  order(0, 3);
  EXPECT_THAT(lane.unordered(), ElementsAre(protocol::Run{Rank{1}, 2}));
}

TEST_F(Replica, AnswersWithItsPrefixesAndTheOrderItHasNotForgotten) {
  receive(0, 1, 3);
  order(0, 3);
  const LaneHoldings holdings = lane.holdings();
  EXPECT_EQ(holdings.received, seqnos({3, 0}));
  EXPECT_EQ(holdings.base, Seq{0});
  EXPECT_THAT(holdings.runs, ElementsAre(run(1, 0, 1, 3)));
}

TEST_F(Replica, ForgetsWhatAllHoldAndItHasDeliveredItself) {
  receive(0, 1, 2);
  receive(0, 3, 1);
  order(0, 3);
  lane.advance_held();
  lane.stability().acknowledge(Rank{0}, Seq{3}, {});
  lane.stability().acknowledge(Rank{1}, Seq{2}, {});
  lane.forget_stable();
  EXPECT_EQ(lane.stream(Rank{0}).base(), Seqno{0}) << "not delivered yet";
  deliver();
  lane.forget_stable();
  EXPECT_EQ(lane.stream(Rank{0}).base(), Seqno{2});
}

// ---------------------------------------------------------------- the cut

TEST_F(Replica, LearnsTheOrderItMissedFromTheCut) {
  receive(0, 1, 1);
  receive(1, 1, 2);
  order(0, 1);
  LaneCut cut;
  cut.runs = {run(1, 0, 1, 1), run(2, 1, 1, 2)};
  cut.held = seqnos({1, 2});
  ASSERT_TRUE(lane.holds(cut));
  ASSERT_TRUE(lane.adopt(cut));
  EXPECT_THAT(deliver(), ElementsAre("0:1", "1:1"));
}

TEST_F(Replica, DeliversNothingOfTheOrderBeyondTheCut) {
  receive(0, 1, 1);
  receive(0, 2, 1);
  receive(1, 1, 1);
  order(0, 1);
  order(1, 1);
  order(0, 1);
  LaneCut cut;
  cut.runs = {run(1, 0, 1, 1)};
  cut.held = seqnos({2, 1});
  ASSERT_TRUE(lane.adopt(cut));
  std::vector<std::string> prefix;
  while (const auto next = lane.next()) {
    prefix.push_back(std::to_string(next->publisher.value) + ":" + std::to_string(next->chunk->first.value));
    lane.pop(*next);
  }
  EXPECT_THAT(prefix, ElementsAre("0:1"));
  EXPECT_THAT(tail(cut), ElementsAre("0:2", "1:1"));
}

TEST_F(Replica, DoesNotAdoptACutItLacksPayloadOf) {
  receive(0, 1, 1);
  LaneCut cut;
  cut.runs = {run(1, 0, 1, 2)};
  cut.held = seqnos({2, 0});
  EXPECT_FALSE(lane.holds(cut));
  EXPECT_FALSE(lane.adopt(cut));
}

TEST_F(Replica, DoesNotAdoptACutBehindWhatItDelivered) {
  receive(0, 1, 2);
  order(0, 2);
  deliver();
  LaneCut cut;
  cut.runs = {run(1, 0, 1, 1)};
  cut.held = seqnos({2, 0});
  EXPECT_FALSE(lane.adopt(cut));
}

TEST_F(Replica, DoesNotAdoptACutWhoseBeginningItNeverSaw) {
  receive(0, 1, 3);
  LaneCut cut;
  cut.base = Seq{2};
  cut.runs = {run(3, 0, 3, 1)};
  cut.held = seqnos({3, 0});
  EXPECT_FALSE(lane.adopt(cut));
}

TEST_F(Replica, LearnsTheRestOfARunOfTheCut) {
  receive(1, 1, 2);
  receive(1, 3, 2);
  order(1, 2);
  ASSERT_THAT(deliver(), ElementsAre("1:1"));
  LaneCut cut;
  cut.runs = {run(1, 1, 1, 4)};
  cut.held = seqnos({0, 4});
  ASSERT_TRUE(lane.adopt(cut));
  EXPECT_EQ(lane.order().end(), Seq{4});
  EXPECT_THAT(deliver(), ElementsAre("1:3"));
}

}  // namespace
}  // namespace vsync::protocol::test
