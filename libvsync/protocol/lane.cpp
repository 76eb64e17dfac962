#include "protocol/lane.hpp"

#include <algorithm>

#include "protocol/assert.hpp"
#include "protocol/mutant.hpp"

namespace vsync::protocol {

LaneReplica::LaneReplica(const View& view, Rank sequencer)
    : streams_(view.size()),
      order_(view.size(), sequencer),
      stability_(view),
      held_seqno_(view.size()),
      delivered_seqno_(view.size()),
      ahead_(view.size()),
      known_sent_(view.size()) {}

bool LaneReplica::advance_held() {
  // What can't be delivered as it was ordered is held no further, so that this node is left out like any that doesn't keep up.
  if (delivered_ < held_ && !next()) return false;
  const Seq before = held_;
  while (held_ < order_.end()) {
    const OrderedRun& run = order_.at(held_ + 1).run;
    const Seqno run_last = run.first_seqno + run.count - 1;
    const Seqno reach = std::min(run_last, streams_[run.publisher.value].end());
    Seqno& at = held_seqno_[run.publisher.value];
    if (reach <= at) break;
    held_ = held_ + (reach - at);
    at = reach;
  }
  return held_ != before;
}

std::optional<LaneReplica::Next> LaneReplica::next() const {
  if (delivered_ >= held_) return std::nullopt;
  const OrderLog::Entry& entry = order_.at(delivered_ + 1);
  const Seqno first = delivered_seqno_[entry.run.publisher.value] + 1;
  const Stream& stream = streams_[entry.run.publisher.value];
  if (first <= stream.base()) return std::nullopt;
  const Chunk& chunk = stream.at(first);
  // A sequencer orders whole chunks. One that doesn't fit was damaged behind the links' checksums, here or there.
  if (chunk.first != first || chunk.last() >= entry.run.first_seqno + entry.run.count) return std::nullopt;
  return Next{delivered_ + 1, entry.run.publisher, &chunk, entry.ordered_at};
}

void LaneReplica::pop(const Next& next) {
  delivered_ = delivered_ + next.chunk->count;
  delivered_seqno_[next.publisher.value] = next.chunk->last();
}

const Chunk* LaneReplica::next_of(Rank publisher) const {
  const Seqno first = std::max(delivered_seqno_[publisher.value], ahead_[publisher.value]) + 1;
  const Stream& stream = streams_[publisher.value];
  return first <= stream.end() && first > stream.base() ? &stream.at(first) : nullptr;
}

std::vector<Run> LaneReplica::unordered() const {
  std::vector<Run> runs;
  for (std::uint16_t r = 0; r < streams_.size(); ++r) {
    const Seqno next = order_.next_of(Rank{r});
    if (streams_[r].end() >= next) runs.push_back({Rank{r}, static_cast<std::uint32_t>(streams_[r].end() - next + 1)});
  }
  return runs;
}

LaneHoldings LaneReplica::holdings() const {
  LaneHoldings holdings;
  holdings.received.reserve(streams_.size());
  for (const Stream& stream : streams_) holdings.received.push_back(stream.end());
  holdings.base = order_.base();
  holdings.runs = order_.runs();
  return holdings;
}

bool LaneReplica::holds(const LaneCut& cut) const {
  for (std::size_t r = 0; r < streams_.size() && r < cut.held.size(); ++r) {
    if (streams_[r].end() < cut.held[r]) return false;
  }
  return true;
}

bool LaneReplica::adopt(const LaneCut& cut) {
  if (!holds(cut) || order_.end() < cut.base || delivered_ > cut.end()) return false;
  // The kept prefix agrees with what is known here as far as both go: one sequencer spoke. What lies beyond it never happened.
  for (const OrderedRun& run : cut.runs) {
    const Seq run_last = run.first + run.count - 1;
    if (run_last <= order_.end()) continue;
    const std::uint64_t known = order_.end() >= run.first ? order_.end() - run.first + 1 : 0;
    order_.order_next(run.publisher, static_cast<std::uint32_t>(run.count - known), 0);
  }
  advance_held();
  held_ = std::min(held_, cut.end());
  return held_ == cut.end();
}

bool LaneReplica::has_undelivered(Level level) const {
  for (std::size_t r = 0; r < streams_.size(); ++r) {
    const auto& chunks = streams_[r].chunks();
    const bool found = std::any_of(chunks.begin(), chunks.end(),
                                   [&](const Chunk& chunk) { return chunk.level == level && chunk.first > delivered_seqno_[r]; });
    if (found) return true;
  }
  return false;
}

void LaneReplica::forget_stable() {
  Seq stable = stability_.stable();
  if (stable > delivered_ && !mutant(Mutant::forgets_undelivered)) stable = delivered_;
  if (stable <= order_.base()) return;
  for (const OrderLog::Entry& entry : order_.entries()) {
    if (entry.run.first > stable) break;
    const Seq last = std::min(stable, entry.run.first + entry.run.count - 1);
    streams_[entry.run.publisher.value].forget(entry.run.first_seqno + (last - entry.run.first));
  }
  order_.forget(stable);
}

void LaneReplica::heard_of(Rank publisher, Seqno sent) {
  Seqno& known = known_sent_[publisher.value];
  known = std::max(known, sent);
}

void LaneReplica::heard_order(Seq end, Term term) {
  known_ordered_ = std::max(known_ordered_, end);
  known_term_ = std::max(known_term_, term);
}

bool LaneReplica::order_owed() const {
  std::uint64_t sent = 0;
  for (const Seqno& known : known_sent_) sent += known.value;
  return sent > known_ordered_.value;
}

}  // namespace vsync::protocol
