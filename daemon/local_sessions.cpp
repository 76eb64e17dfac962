#include "daemon/local_sessions.hpp"

#include <algorithm>
#include <random>

#include "daemon/accept_guard.hpp"
#include "daemon/zmtp_guard.hpp"
#include "protocol/directory.hpp"
#include "wire/limits.hpp"

namespace vsync::daemon {

using protocol::ComponentState;
using protocol::LeaveReason;
using protocol::TimePoint;
using wire::ErrorCode;

namespace {

constexpr std::size_t receive_budget = 512;
constexpr std::chrono::milliseconds budget_time{1};
constexpr std::chrono::milliseconds look_every{100};
// A process that died before its session was trusted proves nothing; its connection soon will.
constexpr std::chrono::milliseconds look_soon{5};
constexpr std::chrono::seconds last_word_kept{2};
// Publishers wait no longer for a session that takes nothing, however slow it may be.
constexpr std::chrono::seconds waited_for_max{5};
constexpr std::chrono::seconds opening_max{10};
// Each record may become a view that goes to thousands of members: when thousands of sessions join one group at once, no turn may take so
// long that the other daemons miss this one. So a round submits few; and of all that are under way, which the order may make deliverable in
// one turn, each counted as a view for every session there is, so many.
constexpr std::size_t records_max = 16;
constexpr std::size_t views_under_way_max = 1u << 15;
constexpr std::size_t records_under_way_min = 32;

// Of anything else some answer could come before the welcome does. (A second Open has an error of its own.)
bool may_come_before_welcome(const wire::ToDaemon& message) {
  return std::holds_alternative<wire::Open>(message) || std::holds_alternative<wire::Pong>(message) ||
         std::holds_alternative<wire::Query>(message) || std::holds_alternative<wire::GoodbyeRequest>(message);
}

}  // namespace

LocalSessions::LocalSessions(uv_loop_t* loop, LocalSocket& socket, protocol::Engine& engine, const SessionLimits& limits,
                             Counters& counters, Log& log)
    : socket_(socket),
      engine_(engine),
      limits_(limits),
      counters_(counters),
      log_(log),
      processes_(loop),
      next_nonce_(std::random_device{}()) {}

LocalSessions::~LocalSessions() = default;

// ---------------------------------------------------------------- a turn

void LocalSessions::receive(TimePoint now) {
  now_ = now;
  if (processes_.take_deaths()) on_deaths();
  if (now >= next_look_) look_after(now);
  const auto until = std::chrono::steady_clock::now() + budget_time;
  LocalSocket::Request request;
  for (std::size_t i = 0; i < receive_budget && socket_.readable(); ++i) {
    if (!socket_.receive(request)) break;
    on_request(request);
    if (i % 16 == 15 && std::chrono::steady_clock::now() >= until) break;
  }
}

// One that isn't primary takes none, and says so.
std::size_t LocalSessions::room_for_records() const {
  if (component_ != ComponentState::primary) return records_max;
  const std::size_t sessions = std::max(engine_.directory().session_count(), by_id_.size());
  const std::size_t most = std::max(records_under_way_min, views_under_way_max / std::max<std::size_t>(sessions, 1));
  return std::min(records_max, most - std::min(most, engine_.records_under_way()));
}

void LocalSessions::submit() {
  if (!wants_submit()) return;
  const auto end = proposed_.begin() + static_cast<std::ptrdiff_t>(std::min(room_for_records(), proposed_.size()));
  protocol::DirectoryOps records(proposed_.begin(), end);
  engine_used_ = true;
  if (engine_.submit(now_, std::move(records))) {
    proposed_.erase(proposed_.begin(), end);
  } else {
    keep_unsubmitted();
  }
}

// What begins (sessions, joins) is asked for again from what we know when there is a primary view; what ends is remembered.
void LocalSessions::keep_unsubmitted() {
  for (protocol::DirectoryOp& record : std::exchange(proposed_, {})) {
    if (const auto* opening = std::get_if<protocol::OpenSession>(&record)) {
      if (Session* session = find(opening->session)) {
        session->submitted = false;
        welcome(*session);
      }
    } else if (const auto* join = std::get_if<protocol::JoinGroup>(&record)) {
      Session* session = find(join->session);
      if (session == nullptr) continue;
      if (auto known = session->subscriptions.find(join->group); known != session->subscriptions.end()) known->second.submitted = false;
    } else {
      deferred_.push_back(std::move(record));
    }
  }
}

void LocalSessions::register_all() {
  proposed_.insert(proposed_.end(), deferred_.begin(), deferred_.end());
  deferred_.clear();
  for (auto& [id, session] : by_id_) {
    if (!std::exchange(session->submitted, true)) propose_open(*session);
    for (auto& [group, subscription] : session->subscriptions) {
      if (!std::exchange(subscription.submitted, true)) propose(protocol::JoinGroup{id, group});
    }
  }
}

TimePoint LocalSessions::next_deadline() const { return next_look_; }

// ---------------------------------------------------------------- opening

void LocalSessions::on_request(LocalSocket::Request& request) {
  const auto known = by_route_.find(request.route_view());
  if (known == by_route_.end() || known->second->stage == Session::Stage::ended) return on_stranger(request);
  Session& session = *known->second;
  session.heard_at = now_;
  if (request.parts != 2) {
    return end_for_misconduct(session, ErrorCode::malformed, std::to_string(request.parts) + " message parts instead of 2");
  }
  auto message = wire::decode_to_daemon({request.envelope.data<std::byte>(), request.envelope.size()});
  if (!message) return end_for_misconduct(session, ErrorCode::malformed, message.error().what);
  if (request.body.size() != 0 && !std::holds_alternative<wire::Publish>(*message)) {
    return end_for_misconduct(session, ErrorCode::malformed, "a body where there must be none");
  }
  if (session.stage == Session::Stage::opening && !may_come_before_welcome(*message)) {
    return end_for_misconduct(session, ErrorCode::not_open, "a request before Welcome");
  }
  std::visit([&](const auto& m) { on(session, request, m); }, *message);
}

// Whoever has no session may only open one; anything else is answered, if that costs nothing, and forgotten.
void LocalSessions::on_stranger(LocalSocket::Request& request) {
  const bool was_told = by_route_.contains(request.route_view());  // what it had sent before it knew that its session ended
  wire::Error error{ErrorCode::malformed, "2 message parts are expected"};
  if (request.parts == 2) {
    auto message = wire::decode_to_daemon({request.envelope.data<std::byte>(), request.envelope.size()});
    const wire::Open* opening = message ? std::get_if<wire::Open>(&*message) : nullptr;
    if (opening != nullptr && request.body.size() == 0) return open(request, *opening);
    error = message ? wire::Error{ErrorCode::not_open, "the first message of a connection is Open"}
                    : wire::Error{ErrorCode::malformed, message.error().what};
  }
  if (was_told) return;
  if (error.code == ErrorCode::malformed) ++counters_.sessions_malformed;
  ++counters_.sessions_refused;
  log_.limited(misconduct_, Severity::warning, "refusing an application: " + error.text);
  Parcel answer = parcel_of(error);
  (void)socket_.send(request.route_view(), answer);
}

void LocalSessions::open(LocalSocket::Request& request, const wire::Open& opening) {
  const auto refuse = [&](ErrorCode code, const std::string& text) {
    ++counters_.sessions_refused;
    log_.limited(misconduct_, Severity::warning, "refusing an application: " + text, {{"APPLICATION", opening.application}});
    Parcel answer = parcel_of(wire::Error{code, text});
    (void)socket_.send(request.route_view(), answer);
  };
  if (opening.version != wire::local_version) {
    return refuse(ErrorCode::unsupported_version, "this daemon speaks version " + std::to_string(wire::local_version));
  }
  const protocol::SessionId id = wire::session_of(opening.secret);
  if (find(id) == nullptr && by_id_.size() >= limits_.sessions_max) {
    return refuse(ErrorCode::too_many_sessions, "this daemon has as many sessions as it may (sessions_max)");
  }
  if (auto ended = by_route_.find(request.route_view()); ended != by_route_.end()) forget(*ended->second);

  const std::string route(request.route_view());
  auto made = std::make_unique<Session>(socket_, route, limits_.window_bytes, limits_.queue_bytes_max);
  Session& session = *made;
  by_route_.insert_or_assign(route, std::move(made));
  session.id = id;
  session.application = opening.application;
  session.takes_changes = opening.takes_changes;
  session.last_position = opening.last_position;
  if (session.last_position) {
    session.returning = Session::Return{};
    returning_.push_back(&session);
  }
  session.spoke = opening.last_n > 0;
  session.opened_at = session.heard_at = session.speed_at = session.taken_at = now_;
  session.credentials = request.credentials().value_or(PeerCredentials{});
  if (session.credentials.pid > 0) session.process = processes_.watch(session.credentials.pid);
  session.next_ping = now_ + limits_.ping_every;
  ++counters_.sessions_opened;
  if (take_over(session, opening)) return welcome(session);
  by_id_[session.id] = &session;
  if (component_ != ComponentState::primary) return welcome(session);
  session.submitted = true;
  propose_open(session);
}

void LocalSessions::propose_open(Session& session) {
  session.resumes = session.spoke;
  propose(protocol::OpenSession{session.id, engine_.self(), session.application, session.resumes});
}

// The same application on a new connection. Its session goes on as the directory has it: groups it is in stay its own, and it
// joins them again to say what it wants delivered.
bool LocalSessions::take_over(Session& session, const wire::Open&) {
  Session* former = find(session.id);
  if (former == nullptr) return false;
  session.submitted = former->submitted;
  session.registered = former->registered;
  session.resumes = former->resumes;
  session.spoke = session.spoke || former->spoke;
  const bool welcomed = former->stage == Session::Stage::open;
  end(*former, ErrorCode::session_moved, "the session was opened on another connection", std::nullopt);
  by_id_[session.id] = &session;
  return welcomed || !session.submitted;
}

void LocalSessions::welcome(Session& session) {
  if (session.stage != Session::Stage::opening) return;
  session.stage = Session::Stage::open;
  session.granted = {limits_.held_publish_bytes_max, limits_.held_publish_messages_max};
  wire::Welcome welcome;
  welcome.version = wire::local_version;
  welcome.node = engine_.self().name;
  welcome.max_message_bytes = wire::message_bytes_max;
  welcome.credit = session.granted;
  welcome.last_n = engine_.directory().delivered().last_n(session.id, protocol::Lane{});
  welcome.state = component_;
  tell(session, welcome);
  ping(session);  // its answer proves that the process opened above is the one that speaks
}

// ---------------------------------------------------------------- the end

void LocalSessions::end(Session& session, ErrorCode code, std::string_view text, std::optional<LeaveReason> reason) {
  if (session.stage == Session::Stage::ended) return;
  if (reason && session.submitted) propose(protocol::CloseSession{session.id, *reason});
  detach(session);
  session.queue.finish(parcel_of(wire::Error{code, std::string(text)}));
  touch(session);
}

void LocalSessions::end_for_misconduct(Session& session, ErrorCode code, std::string_view text) {
  ++counters_.sessions_malformed;
  log_.limited(misconduct_, Severity::warning, "ending an application's session: " + std::string(text),
               {{"APPLICATION", session.application},
                {"PID", std::to_string(session.credentials.pid)},
                {"UID", std::to_string(session.credentials.uid)}});
  end(session, code, text, LeaveReason::removed);
}

void LocalSessions::detach(Session& session) {
  for (const auto& [group, subscription] : session.subscriptions) {
    if (subscription.active) routes_.remove(group, &session);
  }
  session.subscriptions.clear();
  session.returning.reset();
  std::erase(returning_, &session);
  session.held.clear();
  session.outcome.reset();
  std::erase(holding_, &session);
  std::erase(unmarked_, &session);
  session.awaits_marks = false;
  std::erase(lagging_, &session);
  session.lagging = false;
  if (auto known = by_id_.find(session.id); known != by_id_.end() && known->second == &session) by_id_.erase(known);
  session.stage = Session::Stage::ended;
  session.ended_at = now_;
}

void LocalSessions::forget(Session& session) {
  std::erase(touched_, &session);
  std::erase(waiting_, &session);
  const std::string route = session.queue.route();
  by_route_.erase(by_route_.find(route));
}

void LocalSessions::crashed(Session& session, const char* how) {
  ++counters_.sessions_crashed;
  log_.info("an application's session ends: " + std::string(how),
            {{"APPLICATION", session.application}, {"PID", std::to_string(session.credentials.pid)}});
  end(session, ErrorCode::session_expired, how, LeaveReason::crashed);
}

void LocalSessions::shut_down() {
  for (auto& [route, session] : by_route_) {
    if (session->stage != Session::Stage::ended) {
      end(*session, ErrorCode::shutting_down, "the daemon stops", std::nullopt);
      session->queue.flush();
    }
  }
}

// ---------------------------------------------------------------- alive?

void LocalSessions::on_deaths() {
  std::vector<Session*> dead;
  for (auto& [id, session] : by_id_) {
    if (session->process && session->process->dead()) dead.push_back(session);
  }
  for (Session* session : dead) {
    if (session->process_trusted || session->stage == Session::Stage::opening) {
      crashed(*session, "its process died");
    } else {
      // Perhaps a process that got the same pid: only the connection can tell now.
      session->process.reset();
      session->next_ping = now_;
      next_look_ = now_;
    }
  }
}

void LocalSessions::look_after(TimePoint now) {
  next_look_ = now + look_every;
  std::vector<Session*> all;
  all.reserve(by_route_.size());
  for (auto& [route, session] : by_route_) all.push_back(session.get());
  for (Session* session : all) look_after(*session);
  if (const std::uint64_t away = connections_turned_away(); away > counters_.connections_turned_away) {
    counters_.connections_turned_away = away;
    log_.limited(descriptors_, Severity::error, "applications are turned away: no file descriptors left (LimitNOFILE)");
  }
  if (const std::uint64_t refused = connections_refused(); refused > counters_.connections_refused) {
    counters_.connections_refused = refused;
    log_.limited(misconduct_, Severity::warning, "refusing an application: it says to ZeroMQ what no vsync library says",
                 {{"PID", std::to_string(refused_process())}});
  }
}

void LocalSessions::look_after(Session& session) {
  if (session.stage == Session::Stage::ended) {
    if (session.queue.empty() || session.queue.gone() || now_ - session.ended_at >= last_word_kept) forget(session);
    return;
  }
  judge_speed(session);
  if (now_ >= session.next_ping && session.stage == Session::Stage::open && !session.queue.gone()) ping(session);
  if (session.queue.gone() && !session.gone_since) session.gone_since = now_;
  if (session.gone_since) {
    const bool nobody = session.credentials.pid > 0 && (!session.process || session.process->dead());
    if (nobody || now_ - *session.gone_since >= limits_.reconnect_within) return crashed(session, "its connection ended");
  } else if (!session.process_trusted && now_ - session.heard_at >= limits_.silent_after) {
    return crashed(session, "it gave no sign of life");
  } else if (session.credentials.pid > 0 && !session.process && now_ - session.opened_at < limits_.ping_every) {
    session.next_ping = now_ + look_soon;
    next_look_ = std::min(next_look_, now_ + look_soon);
  }
  if (session.stage == Session::Stage::opening && now_ - session.opened_at >= opening_max) {
    end(session, ErrorCode::session_expired, "the directory did not take the session", std::nullopt);
  }
}

// A running mean over half a second. Whoever stops reading is soon not waited for any more, and meets the bound of its queue.
void LocalSessions::judge_speed(Session& session) {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - session.speed_at).count();
  if (passed < look_every.count()) return;
  const std::uint64_t taken = session.queue.taken_bytes();
  const std::uint64_t lately = (taken - session.taken_before) * 1000 / static_cast<std::uint64_t>(passed);
  session.bytes_per_s = (session.bytes_per_s * 3 + lately) / 4;
  if (taken != session.taken_before || session.queue.waiting_bytes() == 0) session.taken_at = now_;
  session.taken_before = taken;
  session.speed_at = now_;
  judge_lag(session);
}

void LocalSessions::judge_lag(Session& session) {
  const std::uint64_t much = limits_.queue_bytes_max / 16;
  const std::uint64_t waiting = session.queue.waiting_bytes();
  const bool fast = session.bytes_per_s >= limits_.wait_for_bytes_per_s || now_ - session.opened_at < std::chrono::seconds(1);
  const bool stopped = now_ - session.taken_at >= waited_for_max;
  const bool lags = session.stage == Session::Stage::open && fast && !stopped && waiting > (session.lagging ? much / 2 : much);
  if (lags == session.lagging) return;
  session.lagging = lags;
  if (lags) {
    lagging_.push_back(&session);
  } else {
    std::erase(lagging_, &session);
  }
}

// Past the queue: a ping is about now.
void LocalSessions::ping(Session& session) {
  session.next_ping = now_ + limits_.ping_every;
  session.nonce = ++next_nonce_;
  Parcel parcel = parcel_of(wire::Ping{session.nonce});
  if (socket_.send(session.queue.route(), parcel) == LocalSocket::Sent::gone && !session.gone_since) session.gone_since = now_;
}

// ---------------------------------------------------------------- sending

Parcel LocalSessions::parcel_of(const wire::ToClient& message) {
  wire::encode(message, scratch_);
  return {zmq::message_t(scratch_.data(), scratch_.size()), zmq::message_t()};
}

void LocalSessions::tell(Session& session, const wire::ToClient& message) {
  session.queue.push(parcel_of(message));
  touch(session);
}

void LocalSessions::touch(Session& session) {
  if (!std::exchange(session.touched, true)) touched_.push_back(&session);
}

Session* LocalSessions::find(protocol::SessionId id) {
  auto known = by_id_.find(id);
  return known == by_id_.end() ? nullptr : known->second;
}

void LocalSessions::end_turn() {
  flush_marks();
  return_those_that_may();
  for (std::size_t i = 0; i < touched_.size(); ++i) {
    Session& session = *touched_[i];
    session.touched = false;
    if (session.stage != Session::Stage::ended) {
      if (session.outcome) tell(session, *std::exchange(session.outcome, std::nullopt));
      tell_credit(session);
      if (session.goodbye && session.unresolved == 0 && session.held.empty()) say_goodbye(session);
      session.touched = false;
      if (session.queue.too_slow()) {
        ++counters_.sessions_too_slow;
        log_.limited(slowness_, Severity::warning, "an application reads too slowly and is removed",
                     {{"APPLICATION", session.application},
                      {"PID", std::to_string(session.credentials.pid)},
                      {"WAITING_BYTES", std::to_string(session.queue.waiting_bytes())}});
        end(session, ErrorCode::too_slow, "too much waited for this application to read it (session_queue_bytes_max)",
            LeaveReason::removed);
        session.touched = false;
      }
    }
    if (!session.queue.empty() && !std::exchange(session.waiting, true)) waiting_.push_back(&session);
  }
  touched_.clear();
  // Only those that ZeroMQ refused are tried again here: the others wait for their application to take something.
  std::erase_if(waiting_, [&](Session* session) {
    judge_lag(*session);
    if (session->queue.stuck()) session->queue.flush();
    if (session->queue.stuck()) next_look_ = std::min(next_look_, now_ + look_soon);
    if (!session->queue.empty() && !session->queue.gone()) return false;
    session->waiting = false;
    judge_lag(*session);
    return true;
  });
}

}  // namespace vsync::daemon
