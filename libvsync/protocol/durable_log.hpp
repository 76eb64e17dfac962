#pragma once
// DurableLog: the durable messages of the primary's order, as this node's disk holds them or soon will. It is the history that a restart
// formation goes on from, that a joiner copies, and that a returning application reads what it missed from.
//
// Of each lane it is a prefix-complete record: who holds an entry holds all earlier ones of the chain, but for the oldest, which are
// forgotten beyond a bound. Viewstamped Replication's log (Oki and Liskov 1988; Liskov and Cowling 2012, section 4) restricted to what
// was asked to be durable.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/log_record.hpp"

namespace vsync::protocol {

/// Names an entry so that two logs can be compared by it.
struct LogMark {
  Position first;
  NodeId publisher;
  Seqno stream;  ///< number of its first message in its publisher's stream
  bool operator==(const LogMark&) const = default;
};

class DurableLog {
 public:
  using Entries = std::deque<LogEntry>;

  /// Of each lane about `keep_bytes` are kept, the newest.
  explicit DurableLog(std::uint64_t keep_bytes) : keep_bytes_(keep_bytes) {}

  /// An entry that isn't behind the last one of its lane is known already and changes nothing.
  void apply(const LogRecord& record);

  [[nodiscard]] const Entries& entries(Lane lane) const;
  [[nodiscard]] bool empty() const { return lanes_.empty(); }
  [[nodiscard]] std::optional<LogMark> last(Lane lane) const;
  /// The last ordinary position of `view` that is logged, 0 if none: how far a node had come in its last view.
  [[nodiscard]] Seq end_in(const ViewId& view, Lane lane) const;
  /// The first entry behind `position`, or the end.
  [[nodiscard]] Entries::const_iterator after(const Position& position) const;
  /// Everything up to here is forgotten, if anything is.
  [[nodiscard]] std::optional<Position> forgotten(Lane lane) const;

  /// The last position at or before `position` that is logged. Nothing is said against what is older than all that is kept.
  [[nodiscard]] Position common_part(const Position& position) const;

  /// Where a log that ends with `mark` agrees with this one: at the mark itself, or else at the position returned (nothing: nowhere
  /// known), up to which it is to be cut back before it is compared again.
  [[nodiscard]] std::pair<bool, std::optional<Position>> agreement(const std::optional<LogMark>& mark) const;

  [[nodiscard]] bool has_provisional() const { return !provisional_.empty(); }
  [[nodiscard]] bool has_provisional(const ViewId& from, const Ballot& ballot) const { return provisional_.contains({from, ballot}); }

 private:
  struct LaneLog {
    Entries entries;
    std::uint64_t bytes = 0;
    std::optional<Position> forgotten;
  };
  void apply_one(const LogEntry& entry);
  void apply_one(const LogProvisional& provisional);
  void apply_one(const LogSettled& settled);
  void apply_one(const LogCutBack& cut);

  std::uint64_t keep_bytes_;
  std::map<Lane, LaneLog> lanes_;
  std::map<std::pair<ViewId, Ballot>, std::vector<LogEntry>> provisional_;
};

}  // namespace vsync::protocol
