#pragma once
// What the durable log of a node is made of: messages that outlive every memory, and what a crash in the middle of a view change must
// not leave open. The disk holds a sequence of these records; durable_log.hpp is what they add up to.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/chunk.hpp"
#include "protocol/ids.hpp"

namespace vsync::protocol {

/// A durable chunk at its place in the order.
struct LogEntry {
  Position first;
  NodeId publisher;
  std::int64_t ordered_at = 0;
  Chunk chunk;

  [[nodiscard]] Position last() const {
    Position end = first;
    end.seq = first.seq + (chunk.count - 1);
    return end;
  }
};

/// Where these entries stand if `ballot` of the instance of `from` is decided. On disk before the ballot's value is accepted: a view that
/// may go on is one whose durable history is on its members' disks, whoever crashes next.
struct LogProvisional {
  ViewId from;
  Ballot ballot;
  std::vector<LogEntry> entries;
};

/// The instance of `from` is decided. The provisional entries of `adopted` stand; all others never happened.
struct LogSettled {
  ViewId from;
  std::optional<Ballot> adopted;
};

/// What this node had logged of `lane` behind `keep` (nothing: at all) isn't in the primary's order.
struct LogCutBack {
  Lane lane;
  std::optional<Position> keep;
};

using LogRecord = std::variant<LogEntry, LogProvisional, LogSettled, LogCutBack>;

}  // namespace vsync::protocol
