#include "daemon/log_retention.hpp"

#include <algorithm>
#include <variant>

namespace vsync::daemon {

using protocol::LogCutBack;
using protocol::LogEntry;
using protocol::LogProvisional;
using protocol::LogSettled;

void LogRetention::apply(const protocol::LogRecord& record, std::uint64_t file) {
  std::visit([&](const auto& one) { apply_one(one, file); }, record);
}

void LogRetention::add(const Held& entry) {
  LaneHeld& lane = lanes_[entry.first.lane];
  if (!lane.entries.empty() && entry.first <= lane.entries.back().last) return;
  lane.bytes += entry.bytes;
  lane.entries.push_back(entry);
  while (lane.bytes > keep_bytes_ && lane.entries.size() > 1) {
    lane.forgotten_file = lane.entries.front().file;
    lane.bytes -= lane.entries.front().bytes;
    lane.entries.pop_front();
  }
}

void LogRetention::apply_one(const LogEntry& entry, std::uint64_t file) {
  if (entry.chunk.count != 0) add(held(entry, file));
}

void LogRetention::apply_one(const LogProvisional& provisional, std::uint64_t file) {
  Waiting& waiting = provisional_[{provisional.from, provisional.ballot}];
  waiting = {file, {}};
  for (const LogEntry& entry : provisional.entries) {
    if (entry.chunk.count != 0) waiting.entries.push_back(held(entry, file));
  }
}

void LogRetention::apply_one(const LogSettled& settled, std::uint64_t) {
  if (settled.adopted) {
    const auto found = provisional_.find({settled.from, *settled.adopted});
    if (found != provisional_.end()) {
      for (const Held& entry : found->second.entries) add(entry);
    }
  }
  provisional_.clear();
}

void LogRetention::apply_one(const LogCutBack& cut, std::uint64_t) {
  LaneHeld& lane = lanes_[cut.lane];
  while (!lane.entries.empty() && (!cut.keep || lane.entries.back().last > *cut.keep)) {
    lane.bytes -= lane.entries.back().bytes;
    lane.entries.pop_back();
  }
  if (lane.entries.empty()) lane.forgotten_file.reset();
}

std::uint64_t LogRetention::oldest_needed(std::uint64_t newest) const {
  std::uint64_t oldest = newest;
  for (const auto& [id, lane] : lanes_) {
    // An adopted provisional entry lies in an earlier file than its neighbours may.
    for (const Held& entry : lane.entries) oldest = std::min(oldest, entry.file);
    if (lane.forgotten_file) oldest = std::min(oldest, *lane.forgotten_file);
  }
  for (const auto& [instance, waiting] : provisional_) oldest = std::min(oldest, waiting.file);
  return oldest;
}

}  // namespace vsync::daemon
