#pragma once
// What a node must find again after a crash: promises, acceptances and the view they belong to (Paxos' stable storage).

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/frames.hpp"
#include "protocol/ids.hpp"
#include "protocol/log_record.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol {

/// Written as a whole, atomically: the old one or the new one is found again, never a mixture.
struct PersistentState {
  std::uint64_t incarnation_counter = 0;  ///< of the node that wrote it; the next start takes a higher one
  ClusterId cluster;
  std::optional<View> installed;
  Ballot promised;                        ///< in the instance of `installed`
  std::optional<Accepted> accepted;       ///< likewise; without `installed`: the first view that this node has agreed to
  /// The durable log has all of the primary's order up to the beginning of this view, and of it what this node has logged. Empty or
  /// another than `installed`: there may be holes, and the log is no history to go on from.
  ViewId log_reaches;
  bool operator==(const PersistentState&) const = default;
};

using WriteToken = std::uint64_t;

/// On disk in the order of the tokens; `log` goes behind what the log holds, and before `state`.
struct Write {
  WriteToken token = 0;
  std::optional<PersistentState> state;
  std::vector<LogRecord> log;
};

/// What a disk gives back.
struct Restored {
  PersistentState state;
  std::vector<LogRecord> log;
};

}  // namespace vsync::protocol
