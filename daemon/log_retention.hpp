#pragma once
// Which files of the durable log are still needed: those that a restart must read to come to the same DurableLog.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/log_record.hpp"

namespace vsync::daemon {

/// Follows DurableLog record by record (the same rules, without the messages) and remembers in which file each entry lies.
class LogRetention {
 public:
  explicit LogRetention(std::uint64_t keep_bytes) : keep_bytes_(keep_bytes) {}

  void apply(const protocol::LogRecord& record, std::uint64_t file);
  /// Everything in files before this one can go. `newest`: of the file that is written.
  [[nodiscard]] std::uint64_t oldest_needed(std::uint64_t newest) const;

 private:
  struct Held {
    protocol::Position first;
    protocol::Position last;
    std::uint64_t bytes = 0;
    std::uint64_t file = 0;
  };
  struct LaneHeld {
    std::deque<Held> entries;
    std::uint64_t bytes = 0;
    /// Where the newest forgotten entry lies. It is kept too: to forget it again is how a restart learns that something is forgotten.
    std::optional<std::uint64_t> forgotten_file;
  };
  using Instance = std::pair<protocol::ViewId, protocol::Ballot>;

  void add(const Held& entry);
  static Held held(const protocol::LogEntry& entry, std::uint64_t file) {
    return {entry.first, entry.last(), entry.chunk.bytes(), file};
  }
  void apply_one(const protocol::LogEntry& entry, std::uint64_t file);
  void apply_one(const protocol::LogProvisional& provisional, std::uint64_t file);
  void apply_one(const protocol::LogSettled& settled, std::uint64_t file);
  void apply_one(const protocol::LogCutBack& cut, std::uint64_t file);

  struct Waiting {
    std::uint64_t file = 0;
    std::vector<Held> entries;
  };
  std::uint64_t keep_bytes_;
  std::map<protocol::Lane, LaneHeld> lanes_;
  std::map<Instance, Waiting> provisional_;
};

}  // namespace vsync::daemon
