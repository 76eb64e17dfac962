#pragma once
// The ordered records that change the group directory. Applying one uses nothing but the record, its position and
// replicated state, so that every daemon's replica stays the same.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/ids.hpp"

namespace vsync::protocol {

/// A session begins, or moves to another daemon (`node` is then its new home; it leaves no group by moving).
struct OpenSession {
  SessionId session;
  NodeId node;
  std::string application;  ///< what the application calls itself; shown in group views
  /// The session has published before. It goes on only where the directory knows it; a session that ended is never begun anew under
  /// its number, or its retries would be delivered again. Without it: nothing was ever published, so nothing can come twice.
  bool resume = false;
  bool operator==(const OpenSession&) const = default;
};

enum class LeaveReason : std::uint8_t { left, crashed, node_failed, removed, expired };

/// A session ends: its memberships end, its publishes are refused from here on.
struct CloseSession {
  SessionId session;
  LeaveReason reason = LeaveReason::left;
  bool operator==(const CloseSession&) const = default;
};

/// A session becomes a member of the group of an exact topic, or an observer of a pattern ('*', '>').
struct JoinGroup {
  SessionId session;
  std::string group;
  bool operator==(const JoinGroup&) const = default;
};

struct LeaveGroup {
  SessionId session;
  std::string group;
  LeaveReason reason = LeaveReason::left;
  bool operator==(const LeaveGroup&) const = default;
};

using DirectoryOp = std::variant<OpenSession, CloseSession, JoinGroup, LeaveGroup>;
using DirectoryOps = std::vector<DirectoryOp>;

}  // namespace vsync::protocol
