#include "daemon/replay.hpp"

#include <algorithm>

namespace vsync::daemon {

using protocol::LogEntry;
using protocol::Position;

// From the beginning of the log on, though nothing before `from_` is wanted: a first copy may stand there.
Replay::Found Replay::next(const protocol::DurableLog& log, std::size_t& steps, Next& found) {
  const auto forgotten = log.forgotten(from_.lane);
  if (forgotten && *forgotten > from_ && from_ < to_) return Found::gap;
  const auto& entries = log.entries(from_.lane);
  for (auto entry = seen_ ? log.after(*seen_) : entries.begin(); entry != entries.end() && entry->first <= to_; ++entry) {
    if (steps == 0) return Found::later;
    --steps;
    if (entry->last() > from_) {
      const auto known = last_n_.find(entry->chunk.session);
      const std::uint64_t end = entry->chunk.first_n + entry->chunk.count;
      const std::uint64_t fresh_from = known == last_n_.end() ? 0 : std::min(known->second + 1, end);
      found = {&*entry, static_cast<std::uint32_t>(std::max(fresh_from, entry->chunk.first_n) - entry->chunk.first_n)};
      if (entry->first <= from_) {
        found.skip = std::max(found.skip, static_cast<std::uint32_t>(from_.seq - entry->first.seq + 1));
      }
      if (found.skip < entry->chunk.count) return Found::entry;
    }
    remember(*entry);
  }
  return Found::end;
}

void Replay::remember(const LogEntry& entry) {
  seen_ = entry.last();
  std::uint64_t& last_n = last_n_[entry.chunk.session];
  last_n = std::max(last_n, entry.chunk.first_n + entry.chunk.count - 1);
}

void Replay::pass(const LogEntry& entry) {
  remember(entry);
  from_ = std::max(from_, entry.last());
}

std::pair<Position, Position> Replay::take_gap(const Position& forgotten) {
  Position first = from_;
  first.seq = first.seq + 1;
  from_ = std::min(forgotten, to_);
  return {first, from_};
}

void Replay::cut_back(const Position& last_common) {
  to_ = std::min(to_, last_common);
  seen_.reset();
  last_n_.clear();
}

}  // namespace vsync::daemon
