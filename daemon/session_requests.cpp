// What an application asks for. Every number it gives is checked before it is believed.

#include <algorithm>

#include "daemon/local_sessions.hpp"
#include "daemon/payload_message.hpp"
#include "daemon/queries.hpp"
#include "protocol/directory.hpp"
#include "wire/limits.hpp"
#include "wire/text.hpp"

namespace vsync::daemon {

using protocol::ComponentState;
using protocol::LeaveReason;
using protocol::PublishError;
using wire::ErrorCode;

void LocalSessions::on(Session& session, LocalSocket::Request&, const wire::Open&) {
  end_for_misconduct(session, ErrorCode::malformed, "a second Open on one connection");
}

// ---------------------------------------------------------------- groups

void LocalSessions::on(Session& session, LocalSocket::Request&, const wire::Join& join) {
  if (!postpone(session, join)) join_group(session, join);
}

void LocalSessions::join_group(Session& session, const wire::Join& join) {
  const auto refuse = [&](ErrorCode code, const char* text) { tell(session, wire::Refused{join.request, code, text}); };
  if (!wire::valid_topic(join.group) && !wire::valid_pattern(join.group)) return refuse(ErrorCode::bad_topic, wire::topic_rules);
  if (session.goodbye) return refuse(ErrorCode::not_open, "the session has said goodbye");
  if (auto known = session.subscriptions.find(join.group); known != session.subscriptions.end()) {
    if (!known->second.leaving || known->second.rejoin) return refuse(ErrorCode::already_member, "joined already");
    known->second.rejoin = true;  // behind the leave that is under way
    known->second.request = join.request;
    known->second.deliver_on = join.deliver_on;
    return propose(protocol::JoinGroup{session.id, join.group});
  }
  if (session.subscriptions.size() >= limits_.groups_per_session_max) {
    return refuse(ErrorCode::too_many_groups, "more groups than one session may have (groups_per_session_max)");
  }
  Subscription& subscription = session.subscriptions[join.group];
  subscription.request = join.request;
  subscription.deliver_on = join.deliver_on;

  // After a reconnect the directory still has it as a member: there is no record to wait for, only a stream to go on with.
  if (session.registered && at_ && engine_.directory().is_member(session.id, join.group)) {
    subscription.submitted = true;
    activate(session, join.group, subscription, *at_);
    if (session.returning) return;  // told with the others
    const protocol::Group* group = engine_.directory().find(join.group);
    tell(session, wire::GroupView{*at_, join.group, group->number, engine_.directory().members(join.group), {}, {}});
    subscription.viewed = group->number;
    return;
  }
  if (!session.submitted) return;  // with the session itself, once there is a primary view
  subscription.submitted = true;
  propose(protocol::JoinGroup{session.id, join.group});
}

void LocalSessions::activate(Session& session, const std::string& group, Subscription& subscription, protocol::Position position) {
  if (session.returning) {
    subscription.answered = true;
    return;
  }
  if (std::exchange(subscription.active, true)) return;
  subscription.viewed = 0;
  routes_.add(group, &session);
  session.waits_for.insert(subscription.deliver_on);
  tell(session, wire::Joined{subscription.request, position});
}

void LocalSessions::on(Session& session, LocalSocket::Request&, const wire::Leave& leave) {
  auto known = session.subscriptions.find(leave.group);
  if (known == session.subscriptions.end() || (known->second.leaving && !known->second.rejoin)) {
    return tell(session, wire::Refused{leave.request, ErrorCode::not_member, "not joined"});
  }
  known->second.leaving = true;
  known->second.rejoin = false;
  if (known->second.submitted) {
    propose(protocol::LeaveGroup{session.id, leave.group, LeaveReason::left});
  } else {
    session.subscriptions.erase(known);
  }
}

// What one of a session's subscriptions waits for holds its whole stream, or messages and views would overtake each other.
void LocalSessions::renew_strictness(Session& session) {
  session.waits_for = {};
  for (const auto& [group, subscription] : session.subscriptions) {
    if (subscription.active) session.waits_for.insert(subscription.deliver_on);
  }
  if (session.waits_for.empty()) {
    session.queue.release_all();
  } else {
    session.queue.release(confirmed_for(session));
  }
  if (session.queue.replaying()) session.queue.flush();
}

// ---------------------------------------------------------------- publishing

void LocalSessions::on(Session& session, LocalSocket::Request& request, const wire::Publish& publish) {
  const std::uint64_t bytes = request.body.size();
  if (session.goodbye) return end_for_misconduct(session, ErrorCode::not_open, "a publish after Goodbye");
  if (publish.count == 0 || publish.count > wire::batch_messages_max || bytes > wire::batch_bytes_max) {
    return end_for_misconduct(session, ErrorCode::too_large, "a batch of no or too many messages");
  }
  const bool again = publish.first_n <= session.last_n && session.resend_from && publish.first_n >= *session.resend_from;
  if ((publish.first_n <= session.last_n && !again) || publish.first_n + publish.count < publish.first_n) {
    return end_for_misconduct(session, ErrorCode::malformed, "publish numbers must grow");
  }
  if (session.published.bytes + bytes > session.granted.bytes || session.published.messages + publish.count > session.granted.messages) {
    return end_for_misconduct(session, ErrorCode::credit_exceeded, "published beyond the credit");
  }
  const std::span<const std::byte> body{request.body.data<std::byte>(), bytes};
  if (auto sound = wire::check_body(body, publish.count, publish.topic_runs); !sound) {
    return end_for_misconduct(session, ErrorCode::malformed, wire::describe(sound.error()));
  }
  session.published.bytes += bytes;
  session.published.messages += publish.count;
  counters_.publishes_received += publish.count;
  touch(session);
  // The directory takes whatever isn't above a session's highest number for a retry. So nothing newer goes on before what has to
  // come again; it comes again as well.
  if (session.rewinds && !again) return settle(session, publish, bytes);
  session.rewinds = false;
  session.last_n = publish.first_n + publish.count - 1;
  session.unresolved += publish.count;

  const protocol::Payload payload = payload_of(std::move(request.body));
  if (session.held.empty() && this->publish(session, publish, payload) == Taken::yes) return;
  if (session.held.empty()) holding_.push_back(&session);
  session.held.push_back({publish, payload});
}

LocalSessions::Taken LocalSessions::publish(Session& session, const wire::Publish& head, const protocol::Payload& body) {
  const auto reject = [&](ErrorCode reason) {
    counters_.publishes_rejected += head.count;
    tell_outcome(session, {head.first_n, head.count, wire::OutcomeRun::Kind::rejected, {}, reason});
    settle(session, head, body.size());
    return Taken::yes;
  };
  // Before the directory knows the session all its messages would be markers.
  const bool ready = session.registered && component_ == ComponentState::primary;
  if (!ready && head.fail_when_blocked && component_ != ComponentState::primary) return reject(ErrorCode::not_primary);
  if (!ready) return Taken::later;
  engine_used_ = true;
  auto taken = engine_.publish(now_, session.id, head.first_n, head.count, protocol::Lane{}, head.level, body);
  if (tap_) tap_(session.id, head, body, taken.has_value());
  if (taken) {
    session.spoke = true;
    settle(session, head, body.size());
    return Taken::yes;
  }
  switch (taken.error()) {
    case PublishError::window_full: return Taken::later;
    case PublishError::not_primary: return head.fail_when_blocked ? reject(ErrorCode::not_primary) : Taken::later;
    case PublishError::leaving: return reject(ErrorCode::shutting_down);
  }
  return Taken::later;
}

void LocalSessions::settle(Session& session, const wire::Publish& head, std::uint64_t bytes) {
  session.accepted.bytes += bytes;
  session.accepted.messages += head.count;
  touch(session);
}

// The protocol can't tell what became of these. The application sends them and everything after them again, in order; so what
// it sent after them and still waits here goes with them.
void LocalSessions::ask_again(Session& session, const wire::OutcomeRun& run) {
  tell_outcome(session, run);
  session.resend_from = std::min(session.resend_from.value_or(run.first_n), run.first_n);
  if (run.first_n <= session.last_n) session.rewinds = true;
  for (const HeldPublish& held : session.held) {
    session.unresolved -= std::min<std::uint64_t>(session.unresolved, held.head.count);
    settle(session, held.head, held.body.size());
  }
  session.held.clear();
  std::erase(holding_, &session);
}

// One publish of each session in turn, so that none of them has the window to itself.
void LocalSessions::resume_held() {
  bool room = true;
  while (room && !holding_.empty()) {
    room = false;
    std::erase_if(holding_, [&](Session* session) {
      HeldPublish& next = session->held.front();
      if (publish(*session, next.head, next.body) == Taken::yes) {
        room = true;
        session->held.pop_front();
      }
      return session->held.empty();
    });
  }
}

void LocalSessions::tell_outcome(Session& session, const wire::OutcomeRun& run) {
  session.unresolved -= std::min<std::uint64_t>(session.unresolved, run.count);
  touch(session);
  if (session.outcome) {
    wire::OutcomeRun& last = *session.outcome;
    const bool follows = last.kind == run.kind && last.first_n + last.count == run.first_n && last.reason == run.reason;
    protocol::Position behind = last.position;
    behind.seq = behind.seq + last.count;
    if (follows && (run.kind != wire::OutcomeRun::Kind::ok || behind == run.position)) {
      last.count += run.count;
      return;
    }
    tell(session, last);
  }
  session.outcome = run;
}

// Credit is what the protocol has taken plus a window, told in steps of a quarter: whoever waits for the protocol alone always
// has three quarters, which is more than the largest batch.
void LocalSessions::tell_credit(Session& session) {
  if (session.stage != Session::Stage::open) return;
  // What was granted stays so when the limits shrink.
  const wire::Credit due{std::max(session.granted.bytes, session.accepted.bytes + limits_.held_publish_bytes_max),
                         std::max(session.granted.messages, session.accepted.messages + limits_.held_publish_messages_max)};
  if (due.bytes - session.granted.bytes < limits_.held_publish_bytes_max / 4 &&
      due.messages - session.granted.messages < limits_.held_publish_messages_max / 4) {
    return;
  }
  session.granted = due;
  tell(session, due);
}

// ---------------------------------------------------------------- the rest

void LocalSessions::on(Session& session, LocalSocket::Request&, const wire::GoodbyeRequest&) {
  session.goodbye = true;
  touch(session);
}

void LocalSessions::say_goodbye(Session& session) {
  if (session.submitted) propose(protocol::CloseSession{session.id, LeaveReason::left});
  detach(session);
  session.queue.release_all();
  tell(session, wire::GoodbyeReply{});
}

void LocalSessions::on(Session& session, LocalSocket::Request&, const wire::Pong& pong) {
  // Its process was opened before this ping left: it is the one that answers.
  if (pong.nonce == session.nonce && session.process && !session.process->dead()) session.process_trusted = true;
}

void LocalSessions::on(Session& session, LocalSocket::Request&, const wire::Received& received) {
  if (!session.queue.taken(received.bytes)) {
    return end_for_misconduct(session, ErrorCode::malformed, "has taken what it was never given");
  }
}

namespace {

const char* text_of(protocol::BootstrapError error) {
  return error == protocol::BootstrapError::has_view ? "this node has installed a view before" : "a peer is in a view already; this node joins it";
}

const char* text_of(protocol::ForceError error) {
  switch (error) {
    case protocol::ForceError::no_view: return "this node was never in a view: bootstrap is for that";
    case protocol::ForceError::no_place:
      return "this node has no place in the last view that it knows: force one that has; where none is left, give its history up (vsync join "
             "--discard)";
    case protocol::ForceError::goes_on: return "this node's view goes on by itself";
    case protocol::ForceError::primary_is_heard: return "a peer is in a later view; this node joins it";
    case protocol::ForceError::no_state: return "no daemon that is there holds the stored state: force one that does";
    case protocol::ForceError::too_often: return "this history was forced too often";
  }
  return "";
}

// It quotes what a file had, which may be anything.
std::string tellable(std::string text) {
  constexpr std::size_t bytes_max = 2000;
  constexpr std::size_t character_bytes_max = 4;
  const std::size_t least = std::min(text.size(), bytes_max) - std::min(text.size(), character_bytes_max);
  text.resize(std::min(text.size(), bytes_max));
  while (text.size() > least && !wire::valid_utf8(text)) text.pop_back();
  return wire::valid_utf8(text) ? text : "what is wrong is no UTF-8 text; the daemon's log has it";
}

const char* text_of(protocol::DiscardError) { return "no peers are configured that this node could join"; }

}  // namespace

void LocalSessions::on(Session& session, LocalSocket::Request&, const wire::Query& query) {
  using What = wire::Query::What;
  switch (query.what) {
    case What::status:
      return tell(session, wire::QueryAnswer{query.request, status_json(engine_.status(), engine_.directory(), count(), counters_,
                                                                        report_links_ ? report_links_() : std::vector<LinkReport>{})});
    case What::groups: return tell(session, wire::QueryAnswer{query.request, groups_json(engine_.directory())});
    case What::members:
      if (auto json = members_json(engine_.directory(), query.group)) return tell(session, wire::QueryAnswer{query.request, *json});
      return tell(session, wire::Refused{query.request, ErrorCode::no_such_group, "no such group: " + query.group});
    case What::bootstrap:
    case What::force_primary:
    case What::discard:
    case What::dump_trace:
    case What::reload: return on_operator(session, query);
  }
}

void LocalSessions::on_operator(Session& session, const wire::Query& query) {
  using What = wire::Query::What;
  const auto refuse = [&](ErrorCode code, const char* why) { tell(session, wire::Refused{query.request, code, why}); };
  if (session.credentials.uid != 0 && session.credentials.uid != geteuid()) {
    return refuse(ErrorCode::not_allowed, "operators' commands are for root and the daemon's own user");
  }
  if (query.what == What::dump_trace) return dump_trace(session, query.request);
  if (query.what == What::reload) return reload(session, query.request);
  engine_used_ = true;
  const char* said = "an operator's bootstrap makes this node the first view";
  if (query.what == What::bootstrap) {
    if (const auto done = engine_.bootstrap(now_); !done) return refuse(ErrorCode::wrong_state, text_of(done.error()));
  } else if (query.what == What::force_primary) {
    said = "an operator forces a primary: this node goes on with those of its last view that it hears";
    if (const auto done = engine_.force_primary(now_); !done) return refuse(ErrorCode::wrong_state, text_of(done.error()));
  } else {
    said = "an operator makes this node give up what it has and join whom it hears";
    if (const auto done = engine_.discard(now_); !done) return refuse(ErrorCode::wrong_state, text_of(done.error()));
  }
  log_.notice(said, {{"UID", std::to_string(session.credentials.uid)}});
  tell(session, wire::QueryAnswer{query.request, R"({"ok":true})"});
}

void LocalSessions::reload(Session& session, std::uint32_t request) {
  if (!reload_) return tell(session, wire::Refused{request, ErrorCode::unavailable, "this daemon has no configuration to read again"});
  engine_used_ = true;
  log_.notice("an operator has the configuration read again", {{"UID", std::to_string(session.credentials.uid)}});
  const auto reloaded = reload_();
  if (!reloaded) return tell(session, wire::Refused{request, ErrorCode::unavailable, tellable(reloaded.error())});
  tell(session, wire::QueryAnswer{request, reload_json(*reloaded)});
}

void LocalSessions::dump_trace(Session& session, std::uint32_t request) {
  if (!trace_dump_) {
    return tell(session, wire::Refused{request, ErrorCode::unavailable,
                                       "there is no flight recorder: the key 'flight_recorder_bytes' is 0"});
  }
  const auto answer = [this, id = session.id, request, uid = session.credentials.uid](const Result<std::string, std::string>& dumped) {
    if (dumped) {
      log_.notice("an operator's request wrote the flight recorder", {{"FILE", *dumped}, {"UID", std::to_string(uid)}});
    } else {
      log_.error("the flight recorder can't be written: " + dumped.error());
    }
    Session* asker = find(id);
    if (asker == nullptr) return;
    if (!dumped) return tell(*asker, wire::Refused{request, ErrorCode::unavailable, dumped.error()});
    tell(*asker, wire::QueryAnswer{request, dump_json(*dumped)});
  };
  if (!trace_dump_(answer)) {
    tell(session, wire::Refused{request, ErrorCode::unavailable, "a dump is being written already; ask again when it is done"});
  }
}

}  // namespace vsync::daemon
