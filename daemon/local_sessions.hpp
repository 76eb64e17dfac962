#pragma once
// The applications of this host: their sessions from Open to the end, what they ask for, and the stream they get.
//
//   local_sessions.cpp    a session's life: opening, ending, death, pings, the directory's records
//   session_requests.cpp  what an application asks for
//   session_stream.cpp    what the protocol says, handed to whom it concerns
//   session_return.cpp    applications that come back, and what they missed
//
// Nothing an application sends costs anybody but itself: it is checked, bounded, and ends its own session when it is wrong.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/configuration.hpp"
#include "daemon/counters.hpp"
#include "daemon/link_report.hpp"
#include "daemon/local_socket.hpp"
#include "daemon/log.hpp"
#include "daemon/process_watch.hpp"
#include "daemon/reload.hpp"
#include "daemon/routing_table.hpp"
#include "daemon/session.hpp"
#include "protocol/engine.hpp"
#include "vsync/result.hpp"
#include "wire/local.hpp"

namespace vsync::daemon {

class LocalSessions final : private SessionQueue::ReplaySource {
 public:
  LocalSessions(uv_loop_t* loop, LocalSocket& socket, protocol::Engine& engine, const SessionLimits& limits, Counters& counters,
                Log& log);
  ~LocalSessions();

  /// Sees every publish and what the engine said to it; for the trace.
  using PublishTap = std::function<void(protocol::SessionId, const wire::Publish&, const protocol::Payload&, bool accepted)>;
  void set_publish_tap(PublishTap tap) { tap_ = std::move(tap); }
  /// Asked for the status.
  using ReportLinks = std::function<std::vector<LinkReport>()>;
  void set_report_links(ReportLinks report) { report_links_ = std::move(report); }

  /// Writes the newest of the trace to a file, and tells its path or what failed, on the loop; false: one is being written already.
  /// Without it applications are told that there is none.
  using TraceDump = std::function<bool(std::function<void(const Result<std::string, std::string>&)>)>;
  void set_trace_dump(TraceDump dump) { trace_dump_ = std::move(dump); }

  /// Reads the configuration again; tells what changed, or why nothing did.
  using ReloadConfiguration = std::function<Result<Reload, std::string>()>;
  void set_reload(ReloadConfiguration reload) { reload_ = std::move(reload); }
  /// From now on; the bounds of what waits for one session are those of the sessions that begin later.
  void set_limits(const SessionLimits& limits) { limits_ = limits; }

  // ---- the phases of a turn, in this order
  void receive(protocol::TimePoint now);
  void submit();  ///< the directory records that the turn's requests need
  [[nodiscard]] bool wants_submit() const { return !proposed_.empty() && room_for_records() > 0; }
  /// Whether the engine was given anything since the last call.
  [[nodiscard]] bool take_engine_used() { return std::exchange(engine_used_, false); }
  void on_events(const std::vector<protocol::Event>& events);
  void end_turn();

  /// Whether something is to be received: the loop must not block.
  [[nodiscard]] bool pending() { return socket_.pending(); }
  /// Whether a subscriber that reads fast, but not as fast as others publish, asks publishers to wait for it.
  [[nodiscard]] bool holds_publishers_back() const { return !lagging_.empty(); }
  /// When `receive` wants to be called even if nothing came.
  [[nodiscard]] protocol::TimePoint next_deadline() const;
  /// Tells every application that the daemon goes.
  void shut_down();
  [[nodiscard]] std::size_t count() const { return by_id_.size(); }

 private:
  struct IdHash {
    std::size_t operator()(const protocol::SessionId& id) const { return id.high * 0x9e3779b97f4a7c15u ^ id.low; }
  };
  using Route = RoutingTable<Session>;

  // ---- local_sessions.cpp
  void on_request(LocalSocket::Request& request);
  void on_stranger(LocalSocket::Request& request);
  void open(LocalSocket::Request& request, const wire::Open& open);
  bool take_over(Session& session, const wire::Open& open);
  void welcome(Session& session);
  /// The last word, and the end of everything the session has here.
  void end(Session& session, wire::ErrorCode code, std::string_view text, std::optional<protocol::LeaveReason> reason);
  void end_for_misconduct(Session& session, wire::ErrorCode code, std::string_view text);
  void detach(Session& session);
  void forget(Session& session);
  void crashed(Session& session, const char* how);
  void look_after(protocol::TimePoint now);
  void look_after(Session& session);
  void on_deaths();
  void judge_speed(Session& session);
  void judge_lag(Session& session);
  void ping(Session& session);
  void propose(protocol::DirectoryOp op) { proposed_.push_back(std::move(op)); }
  void propose_open(Session& session);
  [[nodiscard]] std::size_t room_for_records() const;
  void keep_unsubmitted();
  void register_all();

  // ---- session_requests.cpp
  void on(Session& session, LocalSocket::Request& request, const wire::Open& open);
  void on(Session& session, LocalSocket::Request& request, const wire::Join& join);
  void on(Session& session, LocalSocket::Request& request, const wire::Leave& leave);
  void on(Session& session, LocalSocket::Request& request, const wire::Publish& publish);
  void on(Session& session, LocalSocket::Request& request, const wire::GoodbyeRequest& goodbye);
  void on(Session& session, LocalSocket::Request& request, const wire::Pong& pong);
  void on(Session& session, LocalSocket::Request& request, const wire::Query& query);
  void on_operator(Session& session, const wire::Query& query);
  void on(Session& session, LocalSocket::Request& request, const wire::Received& received);
  void dump_trace(Session& session, std::uint32_t request);
  void reload(Session& session, std::uint32_t request);
  void join_group(Session& session, const wire::Join& join);
  enum class Taken : std::uint8_t { yes, later };
  Taken publish(Session& session, const wire::Publish& head, const protocol::Payload& body);
  void ask_again(Session& session, const wire::OutcomeRun& run);
  void resume_held();
  void settle(Session& session, const wire::Publish& head, std::uint64_t bytes);
  void tell_outcome(Session& session, const wire::OutcomeRun& run);
  void tell_credit(Session& session);
  void say_goodbye(Session& session);
  void activate(Session& session, const std::string& group, Subscription& subscription, protocol::Position position);
  void renew_strictness(Session& session);

  // ---- session_return.cpp
  void on(Session& session, LocalSocket::Request& request, const wire::JoinedAgain& all);
  bool postpone(Session& session, const wire::Join& join);
  [[nodiscard]] bool may_return(const Session& session) const;
  void return_those_that_may();
  void come_back(Session& session);
  protocol::Position tell_what_was_missed(Session& session, const protocol::Position& last);
  void replay_to_all();
  [[nodiscard]] bool has_durable(const protocol::Position& from, const protocol::Position& to) const;
  void replay(Session& session, const protocol::Position& from);
  SessionQueue::Replayed next(SessionQueue& queue, Replay& replay, Parcel& parcel, bool& windowed) override;

  // ---- session_stream.cpp
  void on(const protocol::Delivered& delivered);
  void on(const protocol::ViewInstalled& installed);
  void on(const protocol::GroupViewChanged& changed);
  void on(const protocol::SessionChanged& changed);
  void on(const protocol::Marked& marked);
  void on(const protocol::Resolved& resolved);
  void on(const protocol::StateChanged& changed);
  void on(const protocol::Resynced& resynced);
  void on(const protocol::Diverged& diverged);
  void on(const protocol::Writable& writable);
  struct Recipient {
    Session* session = nullptr;
    bool filter = false;  ///< the chunk has topics it didn't ask for
  };
  void give_view(const protocol::GroupViewChanged& changed);
  void find_recipients(const protocol::Payload& payload);
  /// A chunk or (no `level`) a group view.
  void give(Session& session, Parcel parcel, std::optional<protocol::Level> level, protocol::Position last);
  void await_marks(Session& session, Grade grade, protocol::Position last);
  /// What a session's subscriptions want confirmed is confirmed up to here.
  [[nodiscard]] protocol::Position confirmed_for(const Session& session) const;
  void flush_marks();
  void tell_state();
  void tell_resync();

  // ---- sending
  [[nodiscard]] Parcel parcel_of(const wire::ToClient& message);
  void tell(Session& session, const wire::ToClient& message);
  void touch(Session& session);
  [[nodiscard]] Session* find(protocol::SessionId id);

  LocalSocket& socket_;
  protocol::Engine& engine_;
  SessionLimits limits_;
  Counters& counters_;
  Log& log_;
  RateLimit misconduct_;
  RateLimit slowness_;
  RateLimit descriptors_;
  ProcessWatches processes_;
  PublishTap tap_;
  ReportLinks report_links_;
  TraceDump trace_dump_;
  ReloadConfiguration reload_;

  protocol::TimePoint now_;
  protocol::TimePoint next_look_;
  protocol::ComponentState component_ = protocol::ComponentState::joining;
  protocol::ViewId view_;
  std::optional<protocol::Position> at_;  ///< where the stream stands; nothing before the first view
  std::optional<protocol::Resynced> resynced_;          ///< until this daemon's state is there: then the stream goes on
  std::optional<protocol::Position> replay_from_;       ///< this daemon was excluded there, and hasn't its state back yet

  TextMap<std::unique_ptr<Session>> by_route_;
  std::unordered_map<protocol::SessionId, Session*, IdHash> by_id_;
  Route routes_;
  std::vector<Session*> touched_;
  std::vector<Session*> waiting_;   ///< their queue isn't empty
  std::vector<Session*> lagging_;   ///< publishers wait for them
  std::vector<Session*> returning_; ///< they go on once their groups can
  std::vector<Session*> holding_;   ///< they have held publishes
  std::vector<Session*> unmarked_;  ///< they have something that isn't marked yet, or wait for marks
  bool engine_used_ = false;
  std::deque<protocol::DirectoryOp> proposed_;  ///< on the way to the engine, a few in each round
  protocol::DirectoryOps deferred_;  ///< ends of sessions that the directory must learn of once it can
  ByGrade<std::optional<protocol::Marked>> marks_;  ///< of this turn, not told yet
  ByGrade<std::optional<protocol::Marked>> told_;   ///< the last ones
  ByGrade<protocol::Position> confirmed_;           ///< what they confirm
  std::vector<Recipient> recipients_;
  std::vector<std::byte> scratch_;
  std::uint64_t next_nonce_;
};

}  // namespace vsync::daemon
