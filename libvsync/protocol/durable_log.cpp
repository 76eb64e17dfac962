#include "protocol/durable_log.hpp"

#include <algorithm>
#include <variant>

#include "protocol/mutant.hpp"

namespace vsync::protocol {

void DurableLog::apply(const LogRecord& record) {
  std::visit([&](const auto& one) { apply_one(one); }, record);
}

void DurableLog::apply_one(const LogEntry& entry) {
  LaneLog& lane = lanes_[entry.first.lane];
  if (entry.chunk.count == 0 || (!lane.entries.empty() && entry.first <= lane.entries.back().last())) return;
  lane.bytes += entry.chunk.bytes();
  lane.entries.push_back(entry);
  while (lane.bytes > keep_bytes_ && lane.entries.size() > 1) {
    lane.forgotten = lane.entries.front().last();
    lane.bytes -= lane.entries.front().chunk.bytes();
    lane.entries.pop_front();
  }
}

void DurableLog::apply_one(const LogProvisional& provisional) {
  provisional_[{provisional.from, provisional.ballot}] = provisional.entries;
}

void DurableLog::apply_one(const LogSettled& settled) {
  if (settled.adopted && !mutant(Mutant::provisional_entries_dropped)) {
    const auto found = provisional_.find({settled.from, *settled.adopted});
    if (found != provisional_.end()) {
      for (const LogEntry& entry : found->second) apply_one(entry);
    }
  }
  provisional_.clear();
}

void DurableLog::apply_one(const LogCutBack& cut) {
  LaneLog& lane = lanes_[cut.lane];
  while (!lane.entries.empty() && (!cut.keep || lane.entries.back().last() > *cut.keep)) {
    lane.bytes -= lane.entries.back().chunk.bytes();
    lane.entries.pop_back();
  }
  if (lane.entries.empty()) lane.forgotten.reset();
}

const DurableLog::Entries& DurableLog::entries(Lane lane) const {
  static const Entries none;
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? none : found->second.entries;
}

std::optional<LogMark> DurableLog::last(Lane lane) const {
  const Entries& all = entries(lane);
  if (all.empty()) return std::nullopt;
  return LogMark{all.back().first, all.back().publisher, all.back().chunk.first};
}

Seq DurableLog::end_in(const ViewId& view, Lane lane) const {
  const Entries& all = entries(lane);
  const auto behind = after({view.epoch, view.number, lane, tail_begin - 1});
  if (behind == all.begin()) return Seq{};
  const Position last = std::prev(behind)->last();
  return last.epoch == view.epoch && last.view == view.number ? last.seq : Seq{};
}

DurableLog::Entries::const_iterator DurableLog::after(const Position& position) const {
  const Entries& all = entries(position.lane);
  return std::upper_bound(all.begin(), all.end(), position, [](const Position& wanted, const LogEntry& entry) { return wanted < entry.first; });
}

std::optional<Position> DurableLog::forgotten(Lane lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? std::nullopt : found->second.forgotten;
}

Position DurableLog::common_part(const Position& position) const {
  const auto behind = after(position);
  if (behind != entries(position.lane).begin()) return std::min(position, std::prev(behind)->last());
  return forgotten(position.lane) ? position : Position{position.epoch, 0, position.lane, Seq{}};
}

std::pair<bool, std::optional<Position>> DurableLog::agreement(const std::optional<LogMark>& mark) const {
  if (!mark) return {true, std::nullopt};
  const Entries& all = entries(mark->first.lane);
  auto behind = after(mark->first);
  if (behind != all.begin()) {
    const LogEntry& candidate = *std::prev(behind);
    if (LogMark{candidate.first, candidate.publisher, candidate.chunk.first} == *mark) return {true, candidate.last()};
  }
  // In one view numbers agree as far as both logs are of the primary's order; which part that is the other side finds out from the end
  // of the view before.
  const auto view_begin = after({mark->first.epoch, mark->first.view, mark->first.lane, Seq{}});
  if (view_begin == all.begin()) return {false, std::nullopt};
  return {false, std::prev(view_begin)->last()};
}

}  // namespace vsync::protocol
