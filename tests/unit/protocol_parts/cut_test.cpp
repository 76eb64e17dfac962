// The cut and its tail, against twins that look at one position or one message after the other, over all small inputs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "messages.hpp"
#include "protocol/cut.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A message by its publisher and number.
using Message = std::pair<std::uint16_t, std::uint64_t>;

std::vector<Message> expand(const std::vector<OrderedRun>& runs) {
  std::vector<Message> out;
  for (const OrderedRun& one : runs) {
    for (std::uint32_t i = 0; i < one.count; ++i) out.emplace_back(one.publisher.value, one.first_seqno.value + i);
  }
  return out;
}

/// What one sequencer ordered: publisher by position, and each one's messages in turn.
std::vector<Message> order_of(std::uint32_t bits, std::size_t length) {
  std::vector<Message> order;
  std::map<std::uint16_t, std::uint64_t> next;
  for (std::size_t i = 0; i < length; ++i) {
    const auto publisher = static_cast<std::uint16_t>(bits >> i & 1);
    order.emplace_back(publisher, ++next[publisher]);
  }
  return order;
}

LaneHoldings holdings(const std::vector<Message>& order, std::size_t end, std::uint64_t a, std::uint64_t b) {
  LaneHoldings lane;
  lane.received = seqnos({a, b});
  for (std::size_t i = 0; i < end; ++i) lane.runs.push_back(run(i + 1, order[i].first, order[i].second, 1));
  return lane;
}

TEST(Cut, IsTheLongestOrderUpToTheFirstPayloadThatNobodyHolds) {
  constexpr std::size_t length = 4;
  for (std::uint32_t bits = 0; bits < 16; ++bits) {
    const std::vector<Message> order = order_of(bits, length);
    for (std::uint32_t code = 0; code < 45 * 45; ++code) {  // two answers: order end 0..4, received 0..2 of each publisher
      std::vector<LaneHoldings> lanes;
      std::vector<std::uint64_t> held{0, 0};
      std::size_t known = 0;
      for (std::uint32_t rest = code, i = 0; i < 2; ++i, rest /= 45) {
        const std::size_t end = rest % 5;
        const std::uint64_t a = rest / 5 % 3;
        const std::uint64_t b = rest / 15 % 3;
        lanes.push_back(holdings(order, end, a, b));
        held = {std::max(held[0], a), std::max(held[1], b)};
        known = std::max(known, end);
      }
      std::size_t kept = 0;
      while (kept < known && order[kept].second <= held[order[kept].first]) ++kept;

      const std::vector<Holdings> answers{{Rank{0}, &lanes[0]}, {Rank{1}, &lanes[1]}};
      const LaneCut cut = compute_cut(2, answers);
      ASSERT_EQ(cut.end(), Seq{kept});
      ASSERT_EQ(expand(cut.runs), std::vector<Message>(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept)));
      ASSERT_EQ(cut.first_missing, kept < known ? std::optional(Seq{kept + 1}) : std::nullopt);
      ASSERT_EQ(cut.held, seqnos({held[0], held[1]}));
      for (std::size_t r = 0; r < 2; ++r) ASSERT_EQ(lanes[cut.holder[r].value].received[r], cut.held[r]);
    }
  }
}

TEST(Cut, BeginsWhereTheLongestAnswerHasForgotten) {
  LaneHoldings longest;
  longest.received = seqnos({9, 0});
  longest.base = Seq{4};
  longest.runs = {run(5, 0, 5, 5)};
  LaneHoldings other;
  other.received = seqnos({6, 0});
  other.runs = {run(1, 0, 1, 6)};
  const std::vector<Holdings> answers{{Rank{0}, &other}, {Rank{1}, &longest}};
  const LaneCut cut = compute_cut(2, answers);
  EXPECT_EQ(cut.base, Seq{4});
  EXPECT_EQ(cut.end(), Seq{9});
  EXPECT_EQ(cut.holder[0], Rank{1});
}

TEST(Cut, ShortensARunToWhatIsHeldOfIt) {
  LaneHoldings lane;
  lane.received = seqnos({3, 2});
  lane.runs = {run(1, 0, 1, 5), run(6, 1, 1, 2)};
  const std::vector<Holdings> answers{{Rank{0}, &lane}};
  const LaneCut cut = compute_cut(2, answers);
  EXPECT_THAT(cut.runs, ElementsAre(run(1, 0, 1, 3)));
  EXPECT_EQ(cut.first_missing, Seq{4});
}

TEST(Cut, OfNothingIsEmpty) {
  const LaneCut cut = compute_cut(2, {});
  EXPECT_EQ(cut.end(), Seq{0});
  EXPECT_FALSE(cut.first_missing);
}

// ---------------------------------------------------------------- the tail

std::vector<Message> tail_of(const LaneCut& cut, const std::vector<Stream>& streams, const std::vector<Seqno>& delivered) {
  std::vector<Message> out;
  for (const TailChunk& entry : compute_tail(cut, streams, delivered)) out.emplace_back(entry.publisher.value, entry.chunk->first.value);
  return out;
}

/// Looks at one message after the other, and picks the least of what is left each time.
std::vector<Message> naive_tail(const LaneCut& cut, const std::vector<std::vector<std::uint64_t>>& after, const std::vector<Seqno>& delivered) {
  std::vector<Message> left;
  for (std::uint16_t r = 0; r < after.size(); ++r) {
    bool orphan = false;
    for (std::uint64_t n = delivered[r].value + 1; n <= cut.held[r].value; ++n) {
      orphan = orphan || Seq{after[r][n - 1]} > cut.end();
      if (!orphan) left.emplace_back(r, n);
    }
  }
  std::vector<Message> out;
  while (!left.empty()) {
    const auto least = std::min_element(left.begin(), left.end(), [&](const Message& x, const Message& y) {
      return std::tuple(after[x.first][x.second - 1], x) < std::tuple(after[y.first][y.second - 1], y);
    });
    out.push_back(*least);
    left.erase(least);
  }
  return out;
}

TEST(Tail, IsSortedByCauseAndLeavesOrphansOut) {
  // Two publishers with three messages each, published after growing positions 0..3.
  std::vector<std::vector<std::uint64_t>> growing;
  for (std::uint64_t x = 0; x < 4; ++x) {
    for (std::uint64_t y = x; y < 4; ++y) {
      for (std::uint64_t z = y; z < 4; ++z) growing.push_back({x, y, z});
    }
  }
  for (const auto& first : growing) {
    for (const auto& second : growing) {
      const std::vector<std::vector<std::uint64_t>> after{first, second};
      std::vector<Stream> streams(2);
      for (std::size_t r = 0; r < 2; ++r) {
        for (std::uint64_t n = 1; n <= 3; ++n) streams[r].insert(chunk(n, 1, after[r][n - 1]));
      }
      for (std::uint64_t end = 0; end <= 3; ++end) {
        for (std::uint64_t code = 0; code < 64; ++code) {  // held and delivered of each
          LaneCut cut;
          cut.held = seqnos({code & 3, code >> 2 & 3});
          cut.base = Seq{end};
          const std::vector<Seqno> delivered = seqnos({std::min(code >> 4 & 1, code & 3), std::min(code >> 5 & 1, code >> 2 & 3)});
          ASSERT_EQ(tail_of(cut, streams, delivered), naive_tail(cut, after, delivered));
        }
      }
    }
  }
}

TEST(Tail, KeepsEachPublishersOrder) {
  std::vector<Stream> streams(1);
  for (std::uint64_t n = 1; n <= 3; ++n) streams[0].insert(chunk(n, 1, 0));
  LaneCut cut;
  cut.held = seqnos({3});
  EXPECT_THAT(tail_of(cut, streams, seqnos({1})), ElementsAre(Message{0, 2}, Message{0, 3}));
}

Chunk fifo(std::uint64_t first, std::uint64_t after) {
  Chunk made = chunk(first, 1, after);
  made.level = Level::fifo;
  return made;
}

TEST(Tail, AFifoMessageStandsBehindItsPublishersEarlierOnesAndAnswersNothing) {
  std::vector<Stream> streams(2);
  streams[0].insert(fifo(1, 9));
  streams[0].insert(chunk(2, 1, 2));
  streams[0].insert(fifo(3, 9));
  streams[1].insert(chunk(1, 1, 1));
  LaneCut cut;
  cut.base = Seq{3};
  cut.held = seqnos({3, 1});
  EXPECT_THAT(tail_of(cut, streams, seqnos({0, 0})), ElementsAre(Message{0, 1}, Message{1, 1}, Message{0, 2}, Message{0, 3}));
}

TEST(Tail, AFifoMessageBehindOneThatIsLeftOutIsLeftOut) {
  std::vector<Stream> streams(1);
  streams[0].insert(fifo(1, 0));
  streams[0].insert(chunk(2, 1, 5));
  streams[0].insert(fifo(3, 0));
  LaneCut cut;
  cut.base = Seq{3};
  cut.held = seqnos({3});
  EXPECT_THAT(tail_of(cut, streams, seqnos({0})), ElementsAre(Message{0, 1}));
}

TEST(Tail, AReplyWhoseCauseIsLostIsLeftOutWithAllThatFollowed) {
  std::vector<Stream> streams(1);
  streams[0].insert(chunk(1, 1, 1));
  streams[0].insert(chunk(2, 1, 5));
  streams[0].insert(chunk(3, 1, 5));
  LaneCut cut;
  cut.base = Seq{3};
  cut.held = seqnos({3});
  cut.first_missing = Seq{4};
  EXPECT_THAT(tail_of(cut, streams, seqnos({0})), ElementsAre(Message{0, 1}));
}

TEST(Tail, AReplyToAPositionThatNobodyKnowsIsLeftOutLikewise) {
  std::vector<Stream> streams(1);
  streams[0].insert(chunk(1, 1, 3));
  streams[0].insert(chunk(2, 1, 4));
  LaneCut cut;
  cut.base = Seq{3};
  cut.held = seqnos({2});
  EXPECT_THAT(tail_of(cut, streams, seqnos({0})), ElementsAre(Message{0, 1}));
}

TEST(Tail, HasNothingBeyondWhatTheCutHolds) {
  std::vector<Stream> streams(1);
  streams[0].insert(chunk(1));
  streams[0].insert(chunk(2));
  LaneCut cut;
  cut.held = seqnos({1});
  EXPECT_THAT(tail_of(cut, streams, seqnos({1})), IsEmpty());
}

}  // namespace
}  // namespace vsync::protocol::test
