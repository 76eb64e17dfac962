#pragma once
// The one stream of events of a connection. Messages and group views stand in it at the same point at every member of a group.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vsync/api.hpp"
#include "vsync/errors.hpp"
#include "vsync/level.hpp"
#include "vsync/member.hpp"
#include "vsync/message.hpp"
#include "vsync/position.hpp"

namespace vsync {

/// Number of a publish within its session, from 1, growing by one.
struct PublishId {
  std::uint64_t n = 0;
  auto operator<=>(const PublishId&) const = default;
};

/// Why a member left a group.
enum class LeaveReason : std::uint8_t {
  left,         ///< it said so
  crashed,      ///< its process ended without a word
  node_failed,  ///< its daemon isn't in the view any more
  removed,      ///< by its daemon's policy, for instance because it was too slow
  expired,
};
[[nodiscard]] VSYNC_API const char* name_of(LeaveReason reason);

/// This connection is in the group: everything of it behind this event's place in the stream comes.
struct Joined {
  std::string group;
  Position position;
  bool again = false;  ///< after a reconnect; durable messages that were missed come behind the Joined of all groups
};

/// The answer to a begin_join that wasn't granted.
struct JoinRefused {
  std::string group;
  ErrorCode code = ErrorCode::malformed;
  std::string text;
};

/// The members of a group from here on.
struct GroupView {
  struct Departure {
    Member member;
    LeaveReason reason = LeaveReason::left;
  };
  Position position;
  std::string group;         ///< a topic, or a pattern with its observers
  std::uint64_t number = 0;  ///< grows with each view of this group
  std::vector<Member> members;
  std::vector<Member> joined;
  std::vector<Departure> left;
};

/// Everything up to `up_to` in its lane is confirmed at `level`; at durable, everything that was published as durable.
struct Mark {
  Position up_to;
  Level level = Level::uniform;
  std::uint64_t view = 0;           ///< of whose members it speaks
  bool member_lost_before = false;  ///< (safe) a member of the messages' own view was lost before it confirmed
};

/// What this host's daemon may do.
enum class ComponentState : std::uint8_t {
  joining,  ///< asks to be admitted
  primary,  ///< in the only view that goes on
  blocked,  ///< hears too few others: orders nothing, what is cached here is stale
};
[[nodiscard]] VSYNC_API const char* name_of(ComponentState state);

struct StateChange {
  ComponentState state = ComponentState::joining;
  std::string reason;  ///< for a person
  std::uint64_t view_epoch = 0;
  std::uint64_t view_number = 0;
};

/// This host was away and is back. What this connection delivered in `orphaned` (first and last position) is not in the primary's order
/// and must be taken back. Of what was ordered from `missed_from` to `missed_to`, the durable messages follow, as far as they are kept (a
/// Gap names those that aren't); nobody keeps the others for who was away.
struct Resync {
  Position last_common;
  std::optional<std::pair<Position, Position>> orphaned;
  Position missed_from;
  Position missed_to;
};

/// Messages that this connection should have got between these positions, both included, are not coming.
struct Gap {
  Position from;
  Position to;
  std::string reason;
};

/// The daemon ended this connection's membership.
struct Removed {
  std::string group;
  ErrorCode code = ErrorCode::too_slow;
  std::string text;
};

/// Publishes `first_n` .. `first_n + count - 1` are resolved.
struct Outcome {
  enum class Kind : std::uint8_t {
    ok,               ///< confirmed at their level; for agreed: uniform, every possible next primary view has them
    rejected,         ///< surely nowhere
    unknown,          ///< can't be told: they may have been delivered or not
    session_expired,  ///< resent after the cluster had ended the session; never delivered twice
  };
  std::uint64_t first_n = 0;
  std::uint64_t count = 0;
  Kind kind = Kind::ok;
  /// (ok) of the first, the others follow it. None when the application left so many outcomes unread that they were put
  /// together, and of a retry so late that nobody remembers where its first copy stands.
  std::optional<Position> position;
  ErrorCode reason = ErrorCode::not_primary;  ///< (rejected)
};
[[nodiscard]] VSYNC_API const char* name_of(Outcome::Kind kind);

/// After a queue_full: there is room again.
struct Writable {};

/// The daemon is gone. The library tries to reach it again by itself; publishes are kept meanwhile.
struct Disconnected {
  std::string reason;
};

/// Same session, same groups (a Joined follows for each), unresolved publishes are on their way again.
struct Reconnected {
  std::string node;
  ComponentState state = ComponentState::joining;
};

/// The session is over; nothing follows. Unresolved publishes were reported as `unknown` before.
struct Closed {
  bool by_application = false;               ///< close() was called
  ErrorCode code = ErrorCode::shutting_down;  ///< otherwise: why
  std::string text;
};

using Event = std::variant<Message, GroupView, Joined, JoinRefused, Mark, StateChange, Resync, Gap, Removed, Outcome, Writable, Disconnected,
                           Reconnected, Closed>;

}  // namespace vsync
