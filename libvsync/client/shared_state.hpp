#pragma once
// What the application's threads and the thread that talks to the daemon have in common, under one lock.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "client/convert.hpp"
#include "client/memberships.hpp"
#include "client/publish_queue.hpp"
#include "client/unique_fd.hpp"
#include "vsync/connection.hpp"
#include "wire/local.hpp"

namespace vsync::client {

/// Bytes of bodies taken by the application between two reports to the daemon: a small part of its delivery window.
inline constexpr std::uint64_t report_bytes = 256u << 10;

/// connecting: no line, or not welcomed yet. open: welcomed. over: nothing more is sent or received.
enum class Phase { connecting, open, over };

/// A join or a question, from the call until its answer.
struct Request {
  std::string group;             ///< (join)
  std::uint64_t membership = 0;  ///< (join)
  bool is_join = false;
  bool again = false;            ///< (join) after a reconnect
  bool in_stream = false;        ///< (join) a refusal is told by an event
  bool done = false;
  std::optional<RequestError> error;
  std::string json;              ///< (question)
  Position position;             ///< (join)
};

struct SharedState {
  SharedState(std::size_t queue_bytes_max, const wire::SessionSecret& session_secret, std::string application_name)
      : publishes(queue_bytes_max), secret(session_secret), application(std::move(application_name)) {}

  std::mutex mutex;
  std::condition_variable changed;  ///< whatever a waiting call may wait for

  PublishQueue publishes;
  Memberships memberships;
  std::map<std::uint32_t, std::shared_ptr<Request>> requests;
  std::deque<wire::ToDaemon> control;  ///< to be sent before the next batch
  std::uint32_t last_request = 0;
  OutcomeCounts outcomes;
  bool room_wanted = false;         ///< a publish met a full queue and no Writable was told since

  Phase phase = Phase::connecting;
  bool closing = false;             ///< close() was called: goodbye when everything is sent
  bool goodbye = false;             ///< acknowledged
  bool stop = false;                ///< end the thread now
  bool was_open = false;            ///< welcomed at least once
  std::uint64_t abandoned = 0;      ///< publishes given up as unknown when the session ended
  std::optional<ConnectError> failure;  ///< why there is no line, as of the last attempt
  std::optional<Closed> over;           ///< why there never will be one again

  const wire::SessionSecret secret;
  const SessionId session = to_public(wire::session_of(secret));
  const std::string application;
  std::string node;
  ComponentState state = ComponentState::joining;

  /// Wakes the thread that talks to the daemon. `publish_wakes` is set while it sleeps and could send a batch.
  Flag wake;
  bool publish_wakes = false;

  /// Number of the present line, and the bytes of the bodies that the application has taken from it.
  std::uint64_t line = 0;
  std::uint64_t consumed_bytes = 0;
  std::uint64_t told_bytes = 0;     ///< of them, reported to the daemon
  [[nodiscard]] bool report_due() const { return consumed_bytes - told_bytes >= report_bytes; }
  /// Groups left lately: a leave has no answer, so a new line is told again.
  std::deque<std::string> recent_leaves;
  /// Groups left by the application that the reader of the stream hasn't noticed yet, and whether there are any.
  std::set<std::string> left_unnoticed;
  std::atomic<bool> leaves_unnoticed = false;
};

}  // namespace vsync::client
