#pragma once
// The replicated directory as plain data: what a snapshot carries.

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/ids.hpp"

namespace vsync::protocol {

/// Where a run of a session's messages was delivered; kept for the last window so that a retry learns its first position.
struct SessionRun {
  std::uint64_t first_n = 0;
  std::uint32_t count = 0;
  Position first;
  bool operator==(const SessionRun&) const = default;
};

struct SessionLane {
  Lane lane;
  std::uint64_t last_n = 0;
  std::vector<SessionRun> recent;
  bool operator==(const SessionLane&) const = default;
};

struct SessionState {
  SessionId session;
  NodeId node;       ///< its home; empty incarnation and name when the home failed and it has not come back
  std::string application;
  bool homeless = false;
  std::vector<SessionLane> lanes;
  bool operator==(const SessionState&) const = default;
};

struct GroupState {
  std::string group;
  std::uint64_t view_number = 0;
  std::vector<SessionId> members;  ///< by seniority
  bool operator==(const GroupState&) const = default;
};

/// `sessions` and `groups` are sorted by session id and by group name, so that equal directories are equal bytes.
struct DirectoryState {
  std::uint64_t group_views = 0;  ///< changes of any group so far: a group made again gets a number above its last one
  std::vector<SessionState> sessions;
  std::vector<GroupState> groups;
  std::vector<SessionId> ended;   ///< sessions that published and ended last, oldest first
  bool operator==(const DirectoryState&) const = default;
};

}  // namespace vsync::protocol
