#pragma once
// What the engine tells its daemon, in the order in which applications must see it.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/chunk.hpp"
#include "protocol/directory_op.hpp"
#include "protocol/frames.hpp"
#include "protocol/ids.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol {

/// A chunk of application messages at its place. The first `skip` messages are markers: positions whose messages were
/// delivered earlier (a retry), and must not be handed out again.
///
/// Fifo messages come twice: first to be handed out, then (skip == chunk.count) as markers at their place in the order. What is handed
/// out has no place: `first` is the position that was delivered last in this lane and view (seq 0: none), for all of its messages.
struct Delivered {
  Position first;
  NodeId publisher;
  Chunk chunk;
  std::uint32_t skip = 0;
  std::int64_t ordered_at = 0;  ///< wall clock of the sequencer; 0 in the tail of a cut, and for fifo messages that are handed out
  std::uint64_t payload_digest = 0;  ///< digest_of(chunk.payload), where the engine needed it; else 0

  /// Fifo messages that are handed out: they don't stand at `first`.
  [[nodiscard]] bool ahead() const { return chunk.level == Level::fifo && skip < chunk.count; }
};

/// This node is in a new view. Everything before this event belongs to the former one.
struct ViewInstalled {
  View view;
  std::vector<NodeId> left;
  std::vector<NodeId> joined;
  bool restart = false;
  bool forced = false;
};

/// A member as a group view names it.
struct GroupMember {
  SessionId session;
  NodeId node;
  std::string application;
  bool operator==(const GroupMember&) const = default;
};
struct Departure {
  GroupMember member;
  LeaveReason reason = LeaveReason::left;
  bool operator==(const Departure&) const = default;
};

/// The membership of a group changed at `position`.
struct GroupViewChanged {
  Position position;
  std::string group;
  std::uint64_t number = 0;
  std::vector<GroupMember> members;
  std::vector<GroupMember> joined;
  std::vector<Departure> left;
};

/// A session opened, moved or ended at this point of the order, as the directory has it now; or a record that would have opened it
/// came too late.
struct SessionChanged {
  SessionId session;
  NodeId node;
  bool open = false;
  LeaveReason reason = LeaveReason::left;
  /// (open) it was known before and moved here: what it delivered is remembered. (refused) what the record said.
  bool resumed = false;
  /// (not open, expired) nothing changed: the session ended before the record of `node` came to its turn, or has published since that
  /// record was sent. Concerns `node` alone, which tells its application session_expired.
  bool refused = false;
};

/// Confirmation of everything up to `up_to` in its lane and view. Speaks of the members of `of_view`.
struct Marked {
  Position up_to;
  Level level = Level::uniform;
  ViewId of_view;
  bool member_lost_before = false;  ///< (safe) a member of the message's own view was lost before it was confirmed
};

/// A local publish is resolved.
enum class Outcome : std::uint8_t {
  ok,          ///< uniform, at `first`
  ordered,     ///< reported earlier, may still be lost with this node's side of a partition
  rejected,    ///< surely nowhere
  unresolved,  ///< this node was excluded: the session resends it, and the directory tells a duplicate
  session_expired,
};
struct Resolved {
  SessionId session;
  std::uint64_t first_n = 0;
  std::uint32_t count = 0;
  Outcome outcome = Outcome::ok;
  Position first;  ///< (ok) of the first message; a default value for a retry whose first copy is older than what sessions remember
};

/// primary: in a view that goes on. blocked: in a view, but hears no set that may go on. joining: asks to be admitted.
enum class ComponentState : std::uint8_t { joining, primary, blocked };
struct StateChanged {
  ComponentState state = ComponentState::joining;
};

/// This node was excluded, or its side's view was settled without it, and it comes back as a new node. What it delivered
/// from `orphaned_from` to `orphaned_to` isn't in the primary's order; what was ordered from there to the next
/// ViewInstalled it hasn't seen.
struct Resynced {
  Position last_common;
  std::optional<Position> orphaned_from;
  std::optional<Position> orphaned_to;
};

/// The members' replicas are not alike: the order, a payload or the directory is another one at `wrong`, which leave and reload.
struct Diverged {
  Position agreed;   ///< last known position up to which they were equal; seq 0: none in this view
  Position differs;  ///< first known one at which they weren't; seq 0: before this view
  std::vector<NodeId> wrong;
};

/// Local publishers may go on (after PublishError::window_full).
struct Writable {};

using Event = std::variant<Delivered, ViewInstalled, GroupViewChanged, SessionChanged, Marked, Resolved, StateChanged, Resynced,
                           Diverged, Writable>;

}  // namespace vsync::protocol
