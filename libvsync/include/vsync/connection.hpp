#pragma once
// An application's connection to the daemon of its host: publish, join, and one stream of events.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "vsync/api.hpp"
#include "vsync/errors.hpp"
#include "vsync/events.hpp"
#include "vsync/group.hpp"
#include "vsync/options.hpp"
#include "vsync/result.hpp"

namespace vsync {

namespace client {
class Session;
}

/// How many publishes of a connection ended how, so far.
struct OutcomeCounts {
  std::uint64_t published = 0;
  std::uint64_t ok = 0;
  std::uint64_t rejected = 0;
  std::uint64_t unknown = 0;
  std::uint64_t session_expired = 0;
  [[nodiscard]] std::uint64_t unresolved() const { return published - ok - rejected - unknown - session_expired; }
};

/// One session with the local daemon. It has a thread of its own that talks to the daemon, reconnects when the daemon restarts
/// (same session, same groups, unresolved publishes sent again: the cluster tells duplicates), and keeps answering it while the
/// application is busy.
///
/// Thread-safety: every function from any thread at any time, but next() and try_next() from one thread at a time, and close()
/// and destruction when no other call is under way. Not usable in a child after fork().
class VSYNC_API Connection {
 public:
  /// Connects and waits, at most Options::connect_timeout, for the daemon's welcome.
  /// Errors: see ConnectError; its text names the endpoint.
  [[nodiscard]] static Result<Connection, ConnectError> open(Options options = {});

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// close(Options::linger), its result unseen.
  ~Connection();

  /// Joins the group of a topic, or subscribes to a pattern ('*' is one level, '>' the rest, at least one level), and waits for
  /// the daemon's answer. The Joined event stands in the stream where the group's messages begin. After a reconnect the library
  /// joins again by itself.
  /// Errors: bad_topic, already_member, refused, timed_out (then it isn't a member), closed.
  /// Blocks at most Options::request_timeout.
  [[nodiscard]] Result<Group, RequestError> join(std::string_view topic_or_pattern, const JoinOptions& options = {});
  /// The same without waiting: Joined or JoinRefused follows in the stream. Errors: bad_topic, already_member, closed.
  [[nodiscard]] Result<void, RequestError> begin_join(std::string_view topic_or_pattern, const JoinOptions& options = {});
  /// Leaves. Messages of the group that the stream still holds are left out, unless another membership covers them. The other
  /// members learn it in order. Errors: not_member, closed. Never blocks.
  [[nodiscard]] Result<void, RequestError> leave(std::string_view topic_or_pattern);

  /// Sends `data` to every member of the topic's group and every observer of a pattern that matches; membership isn't needed.
  ///
  /// Returns once it is queued here; its outcome (ok at a position, rejected, unknown) follows as an event. Publishes of one
  /// thread are ordered as called. Not promised before the outcome: delivery if this host leaves the view first. `data`, topic,
  /// key and headers are copied. While the daemon is away, publishes wait in the queue.
  /// Errors: see PublishError; at queue_full a Writable event follows when half of the queue is free. Never blocks.
  [[nodiscard]] Result<PublishId, PublishError> publish(std::string_view topic, std::span<const std::byte> data,
                                                        const PublishOptions& options = {});
  [[nodiscard]] Result<PublishId, PublishError> publish(std::string_view topic, std::string_view text, const PublishOptions& options = {});
  /// The same, but waits at most `timeout` for room in the queue; queue_full when there was none.
  [[nodiscard]] Result<PublishId, PublishError> publish_wait(std::string_view topic, std::span<const std::byte> data,
                                                             const PublishOptions& options, std::chrono::milliseconds timeout);

  /// Waits until every publish made before is resolved. False: some weren't within `timeout`, or the session is over. Needs
  /// nobody to read the stream.
  [[nodiscard]] bool wait_for_outcomes(std::chrono::milliseconds timeout);
  [[nodiscard]] OutcomeCounts outcomes() const;

  /// The next event of the stream, waiting for it at most `timeout`; nullptr when none came, or at once behind the Closed event.
  /// The event, and what a Message points to, is valid until the next call of next(), try_next() or close().
  [[nodiscard]] const Event* next(std::chrono::milliseconds timeout);
  /// The same without waiting.
  [[nodiscard]] const Event* try_next();
  /// A descriptor to poll for readability in a loop of the application's: readable as long as try_next() would return an event
  /// (level-triggered, so one event per wake-up loses nothing), and now and then when it wouldn't. Only poll it: never read,
  /// write or close it. Lives as long as the connection.
  [[nodiscard]] int descriptor() const;

  /// Questions to the daemon, answered as JSON text (bindings/cli/README.md names the fields). They block at most
  /// Options::request_timeout. Errors: refused, timed_out, disconnected, closed.
  [[nodiscard]] Result<std::string, RequestError> status();
  [[nodiscard]] Result<std::string, RequestError> groups();
  [[nodiscard]] Result<std::string, RequestError> members(std::string_view group);
  /// Makes this daemon, which must never have been in a view, a cluster of its own that others then join.
  [[nodiscard]] Result<std::string, RequestError> bootstrap();
  /// Lets this daemon, and those of its last view that it hears, go on without the others, of which too many are lost for good. It is
  /// recorded in every later view. If the others live and have gone on, the two histories never merge: one must be given up.
  [[nodiscard]] Result<std::string, RequestError> force_primary();
  /// Makes this daemon give up its view, the durable messages on its disk and its cluster, and join the daemons it hears. Its
  /// applications are told by a Resync.
  [[nodiscard]] Result<std::string, RequestError> discard();
  /// Has the daemon read its configuration again. The answer says what changed, and what waits for a restart; refused (unavailable), with
  /// nothing changed, where the configuration is wrong. For root and the daemon's own user.
  [[nodiscard]] Result<std::string, RequestError> reload();
  /// Has the daemon write the newest of what it did to a file, whose path is in the answer. For root and the daemon's own user.
  [[nodiscard]] Result<std::string, RequestError> dump_trace();

  /// Refuses further publishes, waits until all are resolved, and says goodbye to the daemon: the members of its groups then
  /// see `left`, not `crashed`. Unread events stay readable; Closed is the last. A second call does nothing.
  /// Errors: how many publishes are unresolved after `timeout`; they are reported as `unknown`.
  [[nodiscard]] Result<void, CloseError> close(std::chrono::milliseconds timeout);

  [[nodiscard]] const std::string& endpoint() const;
  [[nodiscard]] SessionId session() const;
  /// Name of the daemon, as of the last (re)connect.
  [[nodiscard]] std::string node() const;
  /// As the daemon last said.
  [[nodiscard]] ComponentState state() const;
  /// How this connection appears in group views.
  [[nodiscard]] Member self() const;
  [[nodiscard]] std::size_t max_message_bytes() const;

 private:
  explicit Connection(std::shared_ptr<client::Session> session);
  std::shared_ptr<client::Session> session_;
};

}  // namespace vsync
