#pragma once
// The messages between an application and its daemon as checked values, and their bytes. local.capnp is the specification.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "protocol/events.hpp"
#include "protocol/ids.hpp"
#include "vsync/result.hpp"
#include "wire/session_secret.hpp"

namespace vsync::wire {

using protocol::ComponentState;
using protocol::Departure;
using protocol::GroupMember;
using protocol::LeaveReason;
using protocol::Level;
using protocol::Position;
using protocol::SessionId;

enum class DeliverOn : std::uint8_t { order, uniform, safe, durable };

enum class ErrorCode : std::uint8_t {
  malformed, unsupported_version, too_large, not_open, credit_exceeded, session_expired, session_moved, not_allowed,
  too_many_sessions, too_slow, shutting_down, already_member, not_member, bad_topic, too_many_groups, not_primary, wrong_state,
  no_such_group, unavailable,
};
[[nodiscard]] const char* name_of(ErrorCode code);

// ---- application to daemon
struct Open {
  std::uint16_t version = 0;
  SessionSecret secret;
  std::string application;
  std::uint64_t last_n = 0;
  std::optional<Position> last_position;
  bool takes_changes = false;
  bool operator==(const Open&) const = default;
};
struct Join {
  std::uint32_t request = 0;
  std::string group;
  DeliverOn deliver_on = DeliverOn::order;
  bool again = false;
  bool operator==(const Join&) const = default;
};
struct Leave { std::uint32_t request = 0; std::string group; bool operator==(const Leave&) const = default; };
struct Publish {
  std::uint64_t first_n = 0;
  std::uint32_t count = 0;
  Level level = Level::agreed;
  bool fail_when_blocked = false;
  std::uint32_t topic_runs = 1;
  bool operator==(const Publish&) const = default;
};
struct GoodbyeRequest { bool operator==(const GoodbyeRequest&) const = default; };
struct Pong { std::uint64_t nonce = 0; bool operator==(const Pong&) const = default; };
struct Received { std::uint64_t bytes = 0; bool operator==(const Received&) const = default; };
struct JoinedAgain { bool operator==(const JoinedAgain&) const = default; };
struct Query {
  enum class What : std::uint8_t { status, groups, members, bootstrap, force_primary, discard, dump_trace, reload };
  std::uint32_t request = 0;
  What what = What::status;
  std::string group;
  bool operator==(const Query&) const = default;
};
using ToDaemon = std::variant<Open, Join, Leave, Publish, GoodbyeRequest, Pong, Query, Received, JoinedAgain>;

// ---- daemon to application
struct Credit { std::uint64_t bytes = 0; std::uint64_t messages = 0; bool operator==(const Credit&) const = default; };
struct Welcome {
  std::uint16_t version = 0;
  std::string node;
  std::uint32_t max_message_bytes = 0;
  Credit credit;
  std::uint64_t last_n = 0;
  ComponentState state = ComponentState::joining;
  bool operator==(const Welcome&) const = default;
};
struct Error { ErrorCode code = ErrorCode::malformed; std::string text; bool operator==(const Error&) const = default; };
struct Joined { std::uint32_t request = 0; Position position; bool operator==(const Joined&) const = default; };
struct Refused {
  std::uint32_t request = 0;
  ErrorCode code = ErrorCode::malformed;
  std::string text;
  bool operator==(const Refused&) const = default;
};
struct OutcomeRun {
  enum class Kind : std::uint8_t { ok, rejected, unknown, session_expired, resend };
  std::uint64_t first_n = 0;
  std::uint32_t count = 0;
  Kind kind = Kind::ok;
  Position position;
  ErrorCode reason = ErrorCode::not_primary;
  bool operator==(const OutcomeRun&) const = default;
};
struct Deliver {
  Position first;
  std::uint32_t count = 0;
  std::uint32_t skip = 0;
  std::string publisher_node;
  SessionId publisher_session;
  std::int64_t ordered_at = 0;
  bool filter = false;
  Level level = Level::agreed;
  bool operator==(const Deliver&) const = default;
};
struct GroupView {
  Position position;
  std::string group;
  std::uint64_t number = 0;
  std::vector<GroupMember> members;  ///< only the name of `node` travels
  std::vector<GroupMember> joined;
  std::vector<Departure> left;
  bool change = false;  ///< `members` is empty: the view before says them
  bool operator==(const GroupView&) const = default;
};
struct Mark {
  Position up_to;
  Level level = Level::uniform;
  std::uint64_t view = 0;
  bool member_lost_before = false;
  bool operator==(const Mark&) const = default;
};
struct State {
  ComponentState state = ComponentState::joining;
  std::string reason;
  std::uint64_t view_epoch = 0;
  std::uint64_t view_number = 0;
  bool operator==(const State&) const = default;
};
struct Resync {
  Position last_common;
  std::optional<std::pair<Position, Position>> orphaned;
  Position missed_from;
  Position missed_to;
  bool operator==(const Resync&) const = default;
};
struct Gap { Position from; Position to; std::string reason; bool operator==(const Gap&) const = default; };
struct Removed {
  std::string group;
  ErrorCode code = ErrorCode::too_slow;
  std::string text;
  bool operator==(const Removed&) const = default;
};
struct QueryAnswer { std::uint32_t request = 0; std::string json; bool operator==(const QueryAnswer&) const = default; };
struct Ping { std::uint64_t nonce = 0; bool operator==(const Ping&) const = default; };
struct GoodbyeReply { bool operator==(const GoodbyeReply&) const = default; };
using ToClient = std::variant<Welcome, Error, Joined, Refused, OutcomeRun, Deliver, GroupView, Mark, State, Resync, Gap, Removed, QueryAnswer,
                              Credit, Ping, GoodbyeReply>;

struct DecodeError { std::string what; };  ///< says what is wrong with the bytes

/// The envelope part. `out` is cleared and reused.
void encode(const ToDaemon& message, std::vector<std::byte>& out);
void encode(const ToClient& message, std::vector<std::byte>& out);
/// Any bytes, any alignment. Checks every size, range and name (limits.hpp); never throws.
[[nodiscard]] Result<ToDaemon, DecodeError> decode_to_daemon(std::span<const std::byte> envelope);
[[nodiscard]] Result<ToClient, DecodeError> decode_to_client(std::span<const std::byte> envelope);

}  // namespace vsync::wire
