// The words of the public interface for logs and people.

#include <cstdio>

#include "vsync/vsync.hpp"

namespace vsync {

const char* name_of(Level level) {
  switch (level) {
    case Level::agreed: return "agreed";
    case Level::uniform: return "uniform";
    case Level::safe: return "safe";
    case Level::durable: return "durable";
    case Level::fifo: return "fifo";
  }
  return "unknown";
}

const char* name_of(DeliverOn deliver_on) {
  switch (deliver_on) {
    case DeliverOn::order: return "order";
    case DeliverOn::uniform: return "uniform";
    case DeliverOn::safe: return "safe";
    case DeliverOn::durable: return "durable";
  }
  return "unknown";
}

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::malformed: return "malformed";
    case ErrorCode::unsupported_version: return "unsupported_version";
    case ErrorCode::too_large: return "too_large";
    case ErrorCode::not_open: return "not_open";
    case ErrorCode::credit_exceeded: return "credit_exceeded";
    case ErrorCode::session_expired: return "session_expired";
    case ErrorCode::session_moved: return "session_moved";
    case ErrorCode::not_allowed: return "not_allowed";
    case ErrorCode::too_many_sessions: return "too_many_sessions";
    case ErrorCode::too_slow: return "too_slow";
    case ErrorCode::shutting_down: return "shutting_down";
    case ErrorCode::already_member: return "already_member";
    case ErrorCode::not_member: return "not_member";
    case ErrorCode::bad_topic: return "bad_topic";
    case ErrorCode::too_many_groups: return "too_many_groups";
    case ErrorCode::not_primary: return "not_primary";
    case ErrorCode::wrong_state: return "wrong_state";
    case ErrorCode::no_such_group: return "no_such_group";
    case ErrorCode::unavailable: return "unavailable";
  }
  return "unknown";
}

const char* name_of(ConnectError::Code code) {
  switch (code) {
    case ConnectError::Code::bad_options: return "bad_options";
    case ConnectError::Code::no_daemon: return "no_daemon";
    case ConnectError::Code::no_permission: return "no_permission";
    case ConnectError::Code::no_answer: return "no_answer";
    case ConnectError::Code::refused: return "refused";
  }
  return "unknown";
}

const char* name_of(PublishError error) {
  switch (error) {
    case PublishError::queue_full: return "queue_full";
    case PublishError::too_large: return "too_large";
    case PublishError::bad_topic: return "bad_topic";
    case PublishError::bad_key: return "bad_key";
    case PublishError::bad_headers: return "bad_headers";
    case PublishError::closed: return "closed";
  }
  return "unknown";
}

const char* name_of(RequestError::Code code) {
  switch (code) {
    case RequestError::Code::bad_topic: return "bad_topic";
    case RequestError::Code::already_member: return "already_member";
    case RequestError::Code::not_member: return "not_member";
    case RequestError::Code::refused: return "refused";
    case RequestError::Code::timed_out: return "timed_out";
    case RequestError::Code::disconnected: return "disconnected";
    case RequestError::Code::closed: return "closed";
  }
  return "unknown";
}

const char* name_of(LeaveReason reason) {
  switch (reason) {
    case LeaveReason::left: return "left";
    case LeaveReason::crashed: return "crashed";
    case LeaveReason::node_failed: return "node_failed";
    case LeaveReason::removed: return "removed";
    case LeaveReason::expired: return "expired";
  }
  return "unknown";
}

const char* name_of(ComponentState state) {
  switch (state) {
    case ComponentState::joining: return "joining";
    case ComponentState::primary: return "primary";
    case ComponentState::blocked: return "blocked";
  }
  return "unknown";
}

const char* name_of(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::ok: return "ok";
    case Outcome::Kind::rejected: return "rejected";
    case Outcome::Kind::unknown: return "unknown";
    case Outcome::Kind::session_expired: return "session_expired";
  }
  return "unknown";
}

std::string to_string(const Position& position) {
  return std::to_string(position.epoch.number) + '/' + std::to_string(position.view) + '/' + std::to_string(position.lane) + '/' +
         std::to_string(position.seq);
}

std::string to_string(const SessionId& session) {
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(session.high),
                static_cast<unsigned long long>(session.low));
  return digits;
}

std::string Member::display_name() const { return application + '@' + node + '#' + to_string(session).substr(0, 8); }

}  // namespace vsync
