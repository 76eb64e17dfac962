#pragma once
// What can go wrong, per operation. `name_of` gives the words for a log or a message to a person.

#include <cstdint>
#include <string>

#include "vsync/api.hpp"

namespace vsync {

/// Why the daemon refused something or ended the session.
enum class ErrorCode : std::uint8_t {
  malformed,            ///< it couldn't read what it got, or the library couldn't read the daemon
  unsupported_version,  ///< library and daemon speak different versions of the local protocol
  too_large,
  not_open,
  credit_exceeded,
  session_expired,      ///< the cluster has ended this session; its unresolved publishes are not resent
  session_moved,        ///< another connection took this session over
  not_allowed,
  too_many_sessions,
  too_slow,             ///< the application didn't take its messages within its policy
  shutting_down,
  already_member,
  not_member,
  bad_topic,
  too_many_groups,
  not_primary,          ///< there is no primary view at this host, so nothing may be ordered
  wrong_state,  ///< an operator's command that has no place in the daemon's present state
  no_such_group,
  unavailable,
};
[[nodiscard]] VSYNC_API const char* name_of(ErrorCode code);

/// Connection::open.
struct ConnectError {
  enum class Code : std::uint8_t {
    bad_options,    ///< an endpoint or an application name that can't be
    no_daemon,      ///< nobody listens there
    no_permission,  ///< the socket is there, but not for this user
    no_answer,      ///< something accepts connections, but didn't welcome us in time
    refused,        ///< the daemon says no: `reason`
  };
  Code code = Code::no_daemon;
  ErrorCode reason = ErrorCode::malformed;
  std::string text;  ///< one line for a person: what, where, why
};
[[nodiscard]] VSYNC_API const char* name_of(ConnectError::Code code);

/// Connection::publish. Nothing was queued.
enum class PublishError : std::uint8_t {
  queue_full,   ///< unresolved publishes fill Options::queue_bytes_max; a Writable event follows, or use publish_wait
  too_large,    ///< data above max_message_bytes()
  bad_topic,    ///< not a valid topic name, or a pattern
  bad_key,      ///< longer than 255 bytes
  bad_headers,  ///< more than 32, a nameless one, or one above 1024 bytes
  closed,       ///< close() was called, or the session is over
};
[[nodiscard]] VSYNC_API const char* name_of(PublishError error);

/// join, leave and the questions to the daemon.
struct RequestError {
  enum class Code : std::uint8_t {
    bad_topic,       ///< neither a topic nor a pattern
    already_member,  ///< joined already, or about to be
    not_member,
    refused,         ///< the daemon says no: `reason`
    timed_out,
    disconnected,    ///< the daemon went away before it answered
    closed,
  };
  Code code = Code::refused;
  ErrorCode reason = ErrorCode::malformed;
  std::string text;
};
[[nodiscard]] VSYNC_API const char* name_of(RequestError::Code code);

/// Connection::close.
struct CloseError {
  std::uint64_t unresolved = 0;  ///< publishes whose outcome stays unknown to this application
  std::string text;
};

}  // namespace vsync
