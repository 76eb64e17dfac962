#include "client/io_loop.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "client/convert.hpp"
#include "client/endpoint.hpp"
#include "wire/limits.hpp"

namespace vsync::client {
namespace {

using namespace std::chrono_literals;

constexpr auto retry_most = 500ms;
/// A daemon that accepts a connection and says nothing for so long is given up, and tried again.
constexpr auto answer_within = 5s;
/// While the stream is full, how often it is looked at again.
constexpr auto full_again = 20ms;
constexpr auto for_ever = -1ms;
/// Messages sent in one turn, so that reading gets its turn too.
constexpr int sends_per_turn = 16;

}  // namespace

IoLoop::IoLoop(SharedState& shared, EventQueue& events, Config config)
    : shared_(shared), events_(events), config_(std::move(config)), retry_after_(retry_first) {}

void IoLoop::run() {
  try {
    while (!finished()) turn();
  } catch (const std::exception& problem) {
    end_session(ErrorCode::malformed, std::string("the client library failed: ") + problem.what());
  }
  finish();
}

bool IoLoop::finished() {
  const std::lock_guard lock(shared_.mutex);
  // Nobody to say goodbye to, and nothing that would need it.
  if (shared_.closing && line_ == nullptr && shared_.publishes.numbers().unresolved() == 0) shared_.goodbye = true;
  return shared_.stop || shared_.goodbye || shared_.over.has_value();
}

void IoLoop::turn() {
  if (line_ == nullptr && Clock::now() >= retry_at_) open_line();
  wait();
  if (line_ == nullptr) return;
  receive();
  if (line_ != nullptr && !ended_) check_health();
  if (line_ != nullptr && !ended_) send();
}

// ---- lines

void IoLoop::open_line() {
  try {
    line_ = std::make_unique<Line>(context_, config_.endpoint);
  } catch (const zmq::error_t& error) {
    const std::lock_guard lock(shared_.mutex);
    shared_.failure = ConnectError{.code = ConnectError::Code::bad_options,
                                   .text = config_.endpoint + " is not an endpoint that can be used: " + error.what()};
    shared_.over = Closed{.code = ErrorCode::malformed, .text = shared_.failure->text};
    return;
  }
  welcomed_ = false;
  goodbye_said_ = false;
  received_bytes_ = 0;
  answer_by_ = Clock::now() + answer_within;
  wire::Open open{.version = wire::local_version, .secret = shared_.secret, .application = shared_.application};
  open.last_position = last_position_;
  open.takes_changes = true;
  {
    const std::lock_guard lock(shared_.mutex);
    open.last_n = shared_.publishes.numbers().last();
  }
  wire::encode(wire::ToDaemon{std::move(open)}, envelope_);
  static_cast<void>(line_->send(envelope_, nullptr));  // a new socket has room
}

void IoLoop::drop_line(ConnectError why) {
  line_.reset();
  retry_at_ = Clock::now() + retry_after_;
  retry_after_ = std::min<std::chrono::milliseconds>(retry_after_ * 2, retry_most);
  const bool was_welcomed = std::exchange(welcomed_, false);
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.phase = Phase::connecting;
    shared_.control.clear();
    for (auto at = shared_.requests.begin(); at != shared_.requests.end();) {
      Request& request = *at->second;
      if (request.is_join) {  // asked again on the next line
        ++at;
        continue;
      }
      request.error = RequestError{.code = RequestError::Code::disconnected, .text = why.text};
      request.done = true;
      at = shared_.requests.erase(at);
    }
    shared_.failure = why;
  }
  shared_.changed.notify_all();
  if (was_welcomed) gathered_.emplace_back(Event{Disconnected{std::move(why.text)}});
  events_.push(gathered_);
}

void IoLoop::end_session(ErrorCode code, std::string text) {
  ended_ = true;
  const std::lock_guard lock(shared_.mutex);
  if (!shared_.over) shared_.over = Closed{.code = code, .text = std::move(text)};
}

std::chrono::milliseconds IoLoop::time_to_wait() const {
  const auto until = [](Clock::time_point when) {
    return std::max<std::chrono::milliseconds>(0ms, std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now()));
  };
  if (line_ == nullptr) return until(retry_at_);
  if (!welcomed_) return until(answer_by_);
  return reading_ ? for_ever : full_again;
}

void IoLoop::wait() {
  bool write = false;
  {
    const std::lock_guard lock(shared_.mutex);
    if (shared_.stop || shared_.over) return;
    if (welcomed_) {
      write = control_waits() || shared_.publishes.sendable();
      shared_.publish_wakes = !write;
    }
  }
  reading_ = goodbye_said_ || !events_.full();
  const auto timeout = time_to_wait();
  bool woken = false;
  if (line_ != nullptr) {
    woken = line_->wait(shared_.wake.fd(), reading_, write, timeout);
  } else {
    zmq_pollitem_t item{nullptr, shared_.wake.fd(), ZMQ_POLLIN, 0};
    woken = zmq_poll(&item, 1, static_cast<long>(timeout.count())) > 0;
  }
  // Lowered before anybody looks at what it was raised for.
  if (woken) shared_.wake.lower();
}

void IoLoop::check_health() {
  const Line::Health health = line_->health();
  if (health == Line::Health::refused) return drop_line(explain_refusal(config_.endpoint));
  if (health == Line::Health::lost) {
    receive();  // what came before the end
    if (line_ != nullptr) {
      drop_line({.code = ConnectError::Code::no_answer, .text = "the daemon at " + config_.endpoint + " closed the connection"});
    }
    return;
  }
  if (!welcomed_ && Clock::now() >= answer_by_) {
    drop_line({.code = ConnectError::Code::no_answer, .text = "the daemon at " + config_.endpoint + " does not answer"});
  }
}

void IoLoop::finish() {
  line_.reset();
  events_.push(gathered_);
  std::vector<Incoming> last;
  {
    const std::lock_guard lock(shared_.mutex);
    PublishQueue& publishes = shared_.publishes;
    for (const Run& run : publishes.resolve({1, publishes.numbers().last()})) {
      shared_.outcomes.unknown += run.count;
      shared_.abandoned += run.count;
      if (config_.outcome_events) {
        last.emplace_back(Event{Outcome{.first_n = run.first, .count = run.count, .kind = Outcome::Kind::unknown}});
      }
    }
    if (!shared_.over) shared_.over = Closed{.by_application = true, .text = "closed by the application"};
    for (auto& [number, request] : shared_.requests) {
      request->error = RequestError{.code = RequestError::Code::closed, .reason = shared_.over->code, .text = shared_.over->text};
      request->done = true;
    }
    shared_.requests.clear();
    shared_.phase = Phase::over;
    last.emplace_back(Event{*shared_.over});
  }
  events_.push(last);
  shared_.changed.notify_all();
}

// ---- to the daemon

bool IoLoop::control_waits() const {
  const bool goodbye = shared_.closing && !goodbye_said_ && !shared_.publishes.unsent();
  return !shared_.control.empty() || goodbye || shared_.report_due();
}

std::optional<wire::ToDaemon> IoLoop::next_control() {
  if (!shared_.control.empty()) {
    wire::ToDaemon message = std::move(shared_.control.front());
    shared_.control.pop_front();
    return message;
  }
  if (shared_.report_due()) {
    shared_.told_bytes = shared_.consumed_bytes;
    return wire::Received{shared_.told_bytes};
  }
  if (shared_.closing && !goodbye_said_ && !shared_.publishes.unsent()) {
    goodbye_said_ = true;
    open_window();
    return wire::GoodbyeRequest{};
  }
  return std::nullopt;
}

// The daemon's goodbye stands behind what waits for the delivery window, which an application that closes may never open: from
// here on everything counts as taken when it arrives.
void IoLoop::open_window() {
  shared_.consumed_bytes = received_bytes_;
  ++shared_.line;  // what is read later doesn't count again
}

void IoLoop::send() {
  if (!welcomed_) return;
  for (int sent = 0; sent < sends_per_turn && line_->writable(); ++sent) {
    if (!send_next()) return;
  }
}

bool IoLoop::send_next() {
  std::optional<wire::ToDaemon> message;
  std::shared_ptr<const Body> body;
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.publish_wakes = false;
    message = next_control();
    if (!message) {
      auto batch = shared_.publishes.take();
      if (!batch) return false;
      message = batch->head;
      body = std::move(batch->body);
    }
  }
  wire::encode(*message, envelope_);
  if (line_->send(envelope_, body)) return true;
  drop_line({.code = ConnectError::Code::no_answer, .text = "the connection to " + config_.endpoint + " broke"});
  return false;
}

}  // namespace vsync::client
