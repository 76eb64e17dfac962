// The public face of a connection.

#include "vsync/connection.hpp"

#include <errno.h>

#include <exception>
#include <utility>

#include "client/convert.hpp"
#include "client/endpoint.hpp"
#include "client/session.hpp"
#include "wire/limits.hpp"

namespace vsync {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

bool valid_application(std::string_view name) {
  if (name.empty() || name.size() > wire::application_bytes_max) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

Result<void, RequestError> without_value(const Result<Position, RequestError>& result) {
  if (!result) return Unexpected{result.error()};
  return {};
}

}  // namespace

Result<Connection, ConnectError> Connection::open(Options options) {
  options.endpoint = client::resolve_endpoint(options.endpoint);
  if (options.application.empty()) options.application = std::string(program_invocation_short_name).substr(0, wire::application_bytes_max);
  if (!valid_application(options.application)) {
    return Unexpected{ConnectError{.code = ConnectError::Code::bad_options,
                                   .text = "the application's name must be 1 to 64 bytes without control characters"}};
  }
  try {
    auto session = std::make_shared<client::Session>(std::move(options));
    if (auto started = session->start(); !started) return Unexpected{started.error()};
    return Connection(std::move(session));
  } catch (const std::exception& problem) {  // no descriptors, threads or memory left
    return Unexpected{ConnectError{.code = ConnectError::Code::bad_options, .text = std::string("no connection: ") + problem.what()}};
  }
}

Connection::Connection(std::shared_ptr<client::Session> session) : session_(std::move(session)) {}
Connection::Connection(Connection&&) noexcept = default;

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this != &other) {
    if (session_) static_cast<void>(session_->close(session_->options().linger));
    session_ = std::move(other.session_);
  }
  return *this;
}

Connection::~Connection() {
  if (session_) static_cast<void>(session_->close(session_->options().linger));
}

Result<Group, RequestError> Connection::join(std::string_view topic_or_pattern, const JoinOptions& options) {
  auto joined = session_->join(topic_or_pattern, options, false);
  if (!joined) return Unexpected{joined.error()};
  return Group(session_, std::string(topic_or_pattern), *joined);
}

Result<void, RequestError> Connection::begin_join(std::string_view topic_or_pattern, const JoinOptions& options) {
  return without_value(session_->join(topic_or_pattern, options, true));
}

Result<void, RequestError> Connection::leave(std::string_view topic_or_pattern) { return session_->leave(topic_or_pattern); }

Result<PublishId, PublishError> Connection::publish(std::string_view topic, std::span<const std::byte> data, const PublishOptions& options) {
  return session_->publish(topic, data, options);
}

Result<PublishId, PublishError> Connection::publish(std::string_view topic, std::string_view text, const PublishOptions& options) {
  return session_->publish(topic, bytes_of(text), options);
}

Result<PublishId, PublishError> Connection::publish_wait(std::string_view topic, std::span<const std::byte> data, const PublishOptions& options,
                                                         std::chrono::milliseconds timeout) {
  return session_->publish_wait(topic, data, options, timeout);
}

bool Connection::wait_for_outcomes(std::chrono::milliseconds timeout) { return session_->wait_for_outcomes(timeout); }
OutcomeCounts Connection::outcomes() const { return session_->outcomes(); }
const Event* Connection::next(std::chrono::milliseconds timeout) { return session_->next(timeout); }
const Event* Connection::try_next() { return session_->try_next(); }
int Connection::descriptor() const { return session_->descriptor(); }

Result<std::string, RequestError> Connection::status() { return session_->ask({.what = wire::Query::What::status}); }
Result<std::string, RequestError> Connection::groups() { return session_->ask({.what = wire::Query::What::groups}); }
Result<std::string, RequestError> Connection::dump_trace() { return session_->ask({.what = wire::Query::What::dump_trace}); }
Result<std::string, RequestError> Connection::bootstrap() { return session_->ask({.what = wire::Query::What::bootstrap}); }
Result<std::string, RequestError> Connection::force_primary() { return session_->ask({.what = wire::Query::What::force_primary}); }
Result<std::string, RequestError> Connection::reload() { return session_->ask({.what = wire::Query::What::reload}); }
Result<std::string, RequestError> Connection::discard() { return session_->ask({.what = wire::Query::What::discard}); }

Result<std::string, RequestError> Connection::members(std::string_view group) {
  if (!wire::valid_pattern(group)) {
    return Unexpected{RequestError{.code = RequestError::Code::bad_topic, .text = "'" + std::string(group) + "': " + wire::topic_rules}};
  }
  return session_->ask({.what = wire::Query::What::members, .group = std::string(group)});
}

Result<void, CloseError> Connection::close(std::chrono::milliseconds timeout) { return session_->close(timeout); }

const std::string& Connection::endpoint() const { return session_->options().endpoint; }
SessionId Connection::session() const { return session_->id(); }
std::string Connection::node() const { return session_->node(); }
ComponentState Connection::state() const { return session_->state(); }
Member Connection::self() const { return {session(), node(), session_->options().application}; }
std::size_t Connection::max_message_bytes() const { return session_->max_message_bytes(); }

Group::Group(std::shared_ptr<client::Session> session, std::string name, Position joined_at)
    : session_(std::move(session)), name_(std::move(name)), joined_at_(joined_at) {}

Result<void, RequestError> Group::leave() { return session_->leave(name_); }

Result<PublishId, PublishError> Group::publish(std::span<const std::byte> data, const PublishOptions& options) {
  return session_->publish(name_, data, options);
}

Result<PublishId, PublishError> Group::publish(std::string_view text, const PublishOptions& options) {
  return session_->publish(name_, bytes_of(text), options);
}

}  // namespace vsync
