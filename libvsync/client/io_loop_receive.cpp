// What the daemon says, and what follows from it.

#include <algorithm>
#include <map>
#include <memory>
#include <type_traits>
#include <utility>

#include "client/convert.hpp"
#include "client/io_loop.hpp"

namespace vsync::client {
namespace {

/// Messages read in one turn, so that sending gets its turn too.
constexpr int receives_per_turn = 64;

std::span<const std::byte> bytes_of(const zmq::message_t& message) {
  return {static_cast<const std::byte*>(message.data()), message.size()};
}

/// Errors that another daemon, or the same one a little later, may not repeat.
bool worth_another_try(ErrorCode code) {
  return code == ErrorCode::shutting_down || code == ErrorCode::not_open || code == ErrorCode::too_many_sessions;
}

Outcome::Kind kind_of(wire::OutcomeRun::Kind kind) {
  switch (kind) {
    case wire::OutcomeRun::Kind::ok: return Outcome::Kind::ok;
    case wire::OutcomeRun::Kind::rejected: return Outcome::Kind::rejected;
    case wire::OutcomeRun::Kind::session_expired: return Outcome::Kind::session_expired;
    case wire::OutcomeRun::Kind::unknown:
    case wire::OutcomeRun::Kind::resend: return Outcome::Kind::unknown;
  }
  return Outcome::Kind::unknown;
}

std::uint64_t& count_of(OutcomeCounts& counts, Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::ok: return counts.ok;
    case Outcome::Kind::rejected: return counts.rejected;
    case Outcome::Kind::unknown: return counts.unknown;
    case Outcome::Kind::session_expired: return counts.session_expired;
  }
  return counts.unknown;
}

}  // namespace

void IoLoop::receive() {
  for (int i = 0; i < receives_per_turn && reading_ && line_ != nullptr && !ended_; ++i) {
    zmq::message_t envelope;
    zmq::message_t body;
    const Line::Received received = line_->receive(envelope, body);
    if (received == Line::Received::nothing) break;
    if (received == Line::Received::malformed) {
      end_session(ErrorCode::malformed, "the daemon sent a message that has not two parts");
      break;
    }
    auto message = wire::decode_to_client(bytes_of(envelope));
    if (!message) {
      end_session(ErrorCode::malformed, "the daemon sent a message that can't be read: " + message.error().what);
      break;
    }
    handle(std::move(*message), std::move(body));
  }
  events_.push(gathered_);
}

void IoLoop::handle(wire::ToClient&& message, zmq::message_t&& body) {
  if (!welcomed_ && !std::holds_alternative<wire::Welcome>(message) && !std::holds_alternative<wire::Error>(message)) {
    return end_session(ErrorCode::malformed, "the daemon sent something before its welcome");
  }
  if (auto* deliver = std::get_if<wire::Deliver>(&message)) return on(std::move(*deliver), std::move(body));
  std::visit(
      [this](auto&& value) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, wire::Deliver>) on(std::forward<decltype(value)>(value));
      },
      std::move(message));
}

void IoLoop::on(wire::Deliver&& deliver, zmq::message_t&& body) {
  if (deliver.count == 0) return;
  if (deliver.level != wire::Level::fifo) {
    last_position_ = deliver.first;
    last_position_->seq = last_position_->seq + (deliver.count - 1);
  }
  received_bytes_ += body.size();
  if (goodbye_said_) {
    const std::lock_guard lock(shared_.mutex);
    shared_.consumed_bytes += body.size();
    if (events_.full()) return;  // nobody will read so much of a closed connection
  }
  gathered_.emplace_back(DeliveredBatch{std::move(deliver), std::move(body), goodbye_said_ ? 0 : shared_.line});
}

void IoLoop::on(wire::Welcome&& welcome) {
  if (welcomed_) return end_session(ErrorCode::malformed, "the daemon sent a second welcome");
  welcomed_ = true;
  retry_after_ = retry_first;
  {
    const std::lock_guard lock(shared_.mutex);
    ++shared_.line;
    shared_.consumed_bytes = 0;
    shared_.told_bytes = 0;
    shared_.node = welcome.node;
    shared_.state = to_public(welcome.state);
    shared_.failure.reset();
    shared_.publishes.on_welcome(welcome.credit, welcome.max_message_bytes);
    join_again();
    if (std::exchange(shared_.was_open, true)) gathered_.emplace_back(Event{Reconnected{welcome.node, shared_.state}});
    shared_.phase = Phase::open;
  }
  shared_.changed.notify_all();
}

void IoLoop::join_again() {
  std::map<std::uint64_t, std::shared_ptr<Request>> waiting;
  for (auto at = shared_.requests.begin(); at != shared_.requests.end();) {
    if (!at->second->is_join) {
      ++at;
      continue;
    }
    waiting.emplace(at->second->membership, std::move(at->second));
    at = shared_.requests.erase(at);
  }
  for (const std::string& group : shared_.recent_leaves) {
    if (shared_.memberships.find(group) == nullptr) shared_.control.emplace_back(wire::Leave{++shared_.last_request, group});
  }
  for (const auto& [group, membership] : shared_.memberships.all()) {
    std::shared_ptr<Request> request;
    if (const auto at = waiting.find(membership.id); at != waiting.end()) {
      request = std::move(at->second);
    } else {
      request = std::make_shared<Request>();
      request->group = group;
      request->membership = membership.id;
      request->is_join = true;
    }
    request->again = membership.joined;
    shared_.requests.emplace(++shared_.last_request, request);
    shared_.control.emplace_back(wire::Join{shared_.last_request, group, membership.deliver_on, request->again});
  }
  shared_.control.emplace_back(wire::JoinedAgain{});
}

void IoLoop::on(wire::Error&& error) {
  const ErrorCode code = to_public(error.code);
  const std::string text = error.text.empty() ? name_of(code) : error.text;
  if (worth_another_try(code)) return drop_line({.code = ConnectError::Code::refused, .reason = code, .text = text});
  end_session(code, text);
}

void IoLoop::on(const wire::Joined& joined) {
  const Position position = to_public(joined.position);
  last_position_ = joined.position;
  {
    const std::lock_guard lock(shared_.mutex);
    const auto at = shared_.requests.find(joined.request);
    if (at == shared_.requests.end() || !at->second->is_join) return;
    Request& request = *at->second;
    auto* membership = shared_.memberships.find(request.group);
    if (membership != nullptr && membership->id == request.membership) {
      if (!membership->joined) membership->joined_at = position;
      membership->joined = true;
      gathered_.emplace_back(JoinedGroup{{request.group, position, request.again}, request.membership});
    }
    request.position = position;
    request.done = true;
    shared_.requests.erase(at);
  }
  shared_.changed.notify_all();
}

void IoLoop::on(wire::Refused&& refused) {
  const ErrorCode code = to_public(refused.code);
  {
    const std::lock_guard lock(shared_.mutex);
    const auto at = shared_.requests.find(refused.request);
    if (at == shared_.requests.end()) return;  // of a leave, or given up
    const std::shared_ptr<Request> request = at->second;
    shared_.requests.erase(at);
    request->error = RequestError{.code = RequestError::Code::refused, .reason = code, .text = std::move(refused.text)};
    request->done = true;
    // After a reconnect, `already_member` only says that the session's membership outlived its daemon.
    const bool lost = request->is_join && !(request->again && code == ErrorCode::already_member);
    if (lost && shared_.memberships.is(request->group, request->membership)) {
      shared_.memberships.remove(request->group);
      if (request->again) gathered_.emplace_back(Event{Removed{request->group, code, request->error->text}});
      if (request->in_stream && !request->again) gathered_.emplace_back(Event{JoinRefused{request->group, code, request->error->text}});
    }
  }
  shared_.changed.notify_all();
}

void IoLoop::on(const wire::OutcomeRun& outcome) {
  bool writable = false;
  {
    const std::lock_guard lock(shared_.mutex);
    PublishQueue& publishes = shared_.publishes;
    if (outcome.kind == wire::OutcomeRun::Kind::resend) return publishes.on_resend(outcome.first_n);
    for (const Run& run : publishes.resolve({outcome.first_n, outcome.count})) settle(run, outcome);
    writable = shared_.room_wanted && publishes.bytes() <= publishes.bytes_max() / 2;
    if (writable) shared_.room_wanted = false;
  }
  shared_.changed.notify_all();
  if (writable) gathered_.emplace_back(Event{Writable{}});
}

void IoLoop::settle(Run run, const wire::OutcomeRun& outcome) {
  Outcome::Kind kind = kind_of(outcome.kind);
  const std::uint64_t resent_up_to = shared_.publishes.resent_up_to();
  if (kind == Outcome::Kind::rejected && run.first <= resent_up_to) {
    // This copy is nowhere; of the earlier one nobody knows.
    const Run resent{run.first, std::min(run.end(), resent_up_to + 1) - run.first};
    tell_outcome(resent, Outcome::Kind::unknown, outcome);
    run = {resent.end(), run.end() - resent.end()};
  }
  if (run.count != 0) tell_outcome(run, kind, outcome);
}

void IoLoop::tell_outcome(const Run& run, Outcome::Kind kind, const wire::OutcomeRun& outcome) {
  count_of(shared_.outcomes, kind) += run.count;
  if (!config_.outcome_events) return;
  Outcome event{.first_n = run.first, .count = run.count, .kind = kind, .reason = to_public(outcome.reason)};
  if (kind == Outcome::Kind::ok && outcome.position != wire::Position{}) {
    event.position = to_public(outcome.position);
    event.position->seq += run.first - outcome.first_n;
  }
  gathered_.emplace_back(Event{event});
}

void IoLoop::on(wire::GroupView&& view) {
  last_position_ = view.position;
  const bool change = view.change;
  gathered_.emplace_back(ReceivedView{to_public(std::move(view)), change});
}

void IoLoop::on(const wire::Mark& mark) { gathered_.emplace_back(Event{to_public(mark)}); }

void IoLoop::on(wire::State&& state) {
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.state = to_public(state.state);
  }
  gathered_.emplace_back(Event{to_public(std::move(state))});
}

void IoLoop::on(const wire::Resync& resync) { gathered_.emplace_back(Event{to_public(resync)}); }

void IoLoop::on(wire::Gap&& gap) { gathered_.emplace_back(Event{to_public(std::move(gap))}); }

void IoLoop::on(wire::Removed&& removed) {
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.memberships.remove(removed.group);
  }
  gathered_.emplace_back(Event{Removed{std::move(removed.group), to_public(removed.code), std::move(removed.text)}});
}

void IoLoop::on(wire::QueryAnswer&& answer) {
  {
    const std::lock_guard lock(shared_.mutex);
    const auto at = shared_.requests.find(answer.request);
    if (at == shared_.requests.end() || at->second->is_join) return;
    at->second->json = std::move(answer.json);
    at->second->done = true;
    shared_.requests.erase(at);
  }
  shared_.changed.notify_all();
}

void IoLoop::on(const wire::Credit& credit) {
  const std::lock_guard lock(shared_.mutex);
  shared_.publishes.on_credit(credit);
}

void IoLoop::on(const wire::Ping& ping) {
  const std::lock_guard lock(shared_.mutex);
  shared_.control.emplace_front(wire::Pong{ping.nonce});
}

void IoLoop::on(const wire::GoodbyeReply&) {
  const std::lock_guard lock(shared_.mutex);
  if (goodbye_said_) shared_.goodbye = true;
}

}  // namespace vsync::client
