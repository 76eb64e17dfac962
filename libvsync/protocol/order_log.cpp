#include "protocol/order_log.hpp"

#include <algorithm>

#include "protocol/assert.hpp"
#include "protocol/mutant.hpp"

namespace vsync::protocol {

void OrderLog::push(Rank publisher, std::uint32_t count, Term term, std::int64_t ordered_at) {
  const Seqno first_seqno = next_[publisher.value];
  // A run that continues the last one is one run: the log stays short however often the sequencer speaks.
  if (!entries_.empty() && entries_.back().run.publisher == publisher && entries_.back().term == term &&
      entries_.back().ordered_at == ordered_at) {
    entries_.back().run.count += count;
  } else {
    entries_.push_back({{end_ + 1, publisher, first_seqno, count}, term, ordered_at});
  }
  next_[publisher.value] = first_seqno + count;
  end_ = end_ + count;
}

OrderLog::Append OrderLog::append(const Order& order) {
  if (order.term > term_) return Append::gap;
  std::uint64_t total = 0;
  for (const Run& run : order.runs) {
    if (run.publisher.value >= next_.size()) return Append::void_term;
    total += run.count;
  }
  const Seq last = order.first + total - 1;  // first - 1 for a bare hand-off
  if (order.term < term_) return last <= end_ ? Append::duplicate : Append::void_term;
  if (order.first > end_ + 1 && !mutant(Mutant::order_gap_ignored)) return Append::gap;
  if (last <= end_ && !order.hand_off) return Append::duplicate;
  Seq position = order.first;
  for (const Run& run : order.runs) {
    const Seq run_end = position + run.count;  // one past
    if (run_end > end_ + 1) {
      const std::uint64_t known = position <= end_ ? (end_ + 1) - position : 0;
      push(run.publisher, static_cast<std::uint32_t>(run.count - known), order.term, order.ordered_at);
    }
    position = run_end;
  }
  if (order.hand_off && order.hand_off->value < next_.size()) {
    hand_offs_.push_back({term_, end_, *order.hand_off});
    ++term_;
    sequencer_ = *order.hand_off;
  }
  return Append::appended;
}

void OrderLog::order_next(Rank publisher, std::uint32_t count, std::int64_t ordered_at) { push(publisher, count, term_, ordered_at); }

void OrderLog::hand_off(Rank to) {
  hand_offs_.push_back({term_, end_, to});
  ++term_;
  sequencer_ = to;
}

const OrderLog::Entry& OrderLog::at(Seq position) const {
  const auto found = std::upper_bound(entries_.begin(), entries_.end(), position,
                                      [](Seq wanted, const Entry& entry) { return wanted < entry.run.first; });
  VSYNC_ASSERT(found != entries_.begin());
  return *std::prev(found);
}

std::vector<Order> OrderLog::from(Seq first, ViewId view, Lane lane) const {
  std::vector<Order> frames;
  if (first <= base_ || first > end_ + 1) return frames;
  auto hand_off = hand_offs_.begin();
  const auto open = [&](Term term, Seq at, std::int64_t ordered_at) -> Order& {
    frames.push_back(Order{view, lane, term, at, {}, std::nullopt, ordered_at});
    return frames.back();
  };
  const auto close_terms_before = [&](Seq position) {
    for (; hand_off != hand_offs_.end() && hand_off->at < position; ++hand_off) {
      if (hand_off->at + 1 < first) continue;
      if (frames.empty() || frames.back().term != hand_off->ended) open(hand_off->ended, hand_off->at + 1, 0);
      frames.back().hand_off = hand_off->to;
    }
  };
  for (const Entry& entry : entries_) {
    if (entry.run.first + entry.run.count <= first) continue;
    close_terms_before(entry.run.first);
    const std::uint64_t skip = entry.run.first < first ? first - entry.run.first : 0;
    const Run run{entry.run.publisher, static_cast<std::uint32_t>(entry.run.count - skip)};
    const bool same = !frames.empty() && frames.back().term == entry.term && frames.back().ordered_at == entry.ordered_at;
    (same ? frames.back() : open(entry.term, entry.run.first + skip, entry.ordered_at)).runs.push_back(run);
  }
  close_terms_before(end_ + 1);
  return frames;
}

std::vector<OrderedRun> OrderLog::runs() const {
  std::vector<OrderedRun> out;
  out.reserve(entries_.size());
  for (const Entry& entry : entries_) out.push_back(entry.run);
  return out;
}

void OrderLog::forget(Seq upto) {
  while (!entries_.empty() && entries_.front().run.first + entries_.front().run.count <= upto + 1) {
    base_ = entries_.front().run.first + entries_.front().run.count - 1;
    entries_.pop_front();
  }
}

}  // namespace vsync::protocol
