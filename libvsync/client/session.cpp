#include "client/session.hpp"

#include <pthread.h>
#include <sys/random.h>

#include <array>
#include <csignal>
#include <ctime>
#include <utility>

#include "client/convert.hpp"
#include "wire/limits.hpp"
#include "wire/record.hpp"

namespace vsync::client {
namespace {

/// Of the groups left, how many a new line is told again.
constexpr std::size_t recent_leaves_max = 1024;

wire::SessionSecret random_secret() {
  wire::SessionSecret secret;
  while (secret.empty()) {
    if (::getrandom(&secret, sizeof secret, 0) != static_cast<ssize_t>(sizeof secret)) secret = {};  // interrupted: once more
  }
  return secret;
}

std::int64_t wall_clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

/// Signals are the application's: its threads get them, not ours.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

/// The headers of a publish as the wire has them; on the stack.
class WireHeaders {
 public:
  explicit WireHeaders(std::span<const Header> headers) : count_(headers.size()) {
    for (std::size_t i = 0; i < count_ && i < room_.size(); ++i) room_[i] = {headers[i].name, headers[i].value};
  }
  [[nodiscard]] bool too_many() const { return count_ > room_.size(); }
  [[nodiscard]] std::span<const wire::Header> span() const { return {room_.data(), count_}; }

 private:
  std::array<wire::Header, wire::headers_max> room_;
  std::size_t count_;
};

RequestError closed_error(const SharedState& shared) {
  if (shared.over) return {.code = RequestError::Code::closed, .reason = shared.over->code, .text = shared.over->text};
  return {.code = RequestError::Code::closed, .text = "the connection is closed"};
}

}  // namespace

Session::Session(Options options)
    : options_(std::move(options)),
      shared_(options_.queue_bytes_max, random_secret(), options_.application),
      reader_(events_, *this),
      loop_(shared_, events_, {options_.endpoint, options_.outcome_events}) {}

Session::~Session() {
  if (thread_.joinable()) static_cast<void>(close(options_.linger));
}

Result<void, ConnectError> Session::start() {
  {
    const SignalsBlocked blocked;
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "vsync-client");
      loop_.run();
    });
  }
  std::unique_lock lock(shared_.mutex);
  shared_.changed.wait_for(lock, options_.connect_timeout, [&] { return shared_.phase != Phase::connecting; });
  if (shared_.phase == Phase::open) return {};
  ConnectError error{.code = ConnectError::Code::no_answer, .text = "no answer from " + options_.endpoint};
  if (shared_.failure) {
    error = *shared_.failure;
  } else if (shared_.over) {
    error = {.code = ConnectError::Code::refused, .reason = shared_.over->code,
             .text = "the daemon at " + options_.endpoint + " refuses: " + shared_.over->text};
  }
  lock.unlock();
  end_thread();
  return Unexpected{std::move(error)};
}

Result<void, CloseError> Session::close(std::chrono::milliseconds timeout) {
  if (!thread_.joinable()) return {};
  {
    std::unique_lock lock(shared_.mutex);
    shared_.closing = true;
    shared_.wake.raise();
    shared_.changed.notify_all();  // who waits for room to publish
    shared_.changed.wait_for(lock, timeout, [&] { return shared_.phase == Phase::over; });
  }
  end_thread();
  const std::lock_guard lock(shared_.mutex);
  if (shared_.abandoned == 0) return {};
  return Unexpected{CloseError{shared_.abandoned, std::to_string(shared_.abandoned) + " publishes have no outcome: " +
                                                      (shared_.over->by_application ? "none came in time" : shared_.over->text)}};
}

void Session::end_thread() {
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.stop = true;
    shared_.wake.raise();
  }
  thread_.join();
}

// ---- groups and questions

void Session::request_control(wire::ToDaemon message) {
  shared_.control.push_back(std::move(message));
  shared_.wake.raise();
}

Result<Position, RequestError> Session::join(std::string_view group, const JoinOptions& options, bool in_stream) {
  if (!wire::valid_pattern(group)) {
    return Unexpected{RequestError{.code = RequestError::Code::bad_topic, .text = "'" + std::string(group) + "': " + wire::topic_rules}};
  }
  std::unique_lock lock(shared_.mutex);
  if (shared_.closing || shared_.phase == Phase::over) return Unexpected{closed_error(shared_)};
  const wire::DeliverOn deliver_on = to_wire(options.deliver_on);
  const auto* membership = shared_.memberships.add(group, deliver_on);
  if (membership == nullptr) {
    return Unexpected{RequestError{.code = RequestError::Code::already_member, .text = "already in '" + std::string(group) + "'"}};
  }
  const auto request = std::make_shared<Request>();
  request->group = group;
  request->membership = membership->id;
  request->is_join = true;
  request->in_stream = in_stream;
  shared_.requests.emplace(++shared_.last_request, request);
  // Without a line, the next welcome finds it among the memberships.
  if (shared_.phase == Phase::open) request_control(wire::Join{shared_.last_request, request->group, deliver_on});
  if (in_stream) return Position{};

  if (!shared_.changed.wait_for(lock, options_.request_timeout, [&] { return request->done; })) {
    lock.unlock();
    static_cast<void>(leave(group));
    return Unexpected{RequestError{.code = RequestError::Code::timed_out, .text = "no answer to the join of '" + std::string(group) + "'"}};
  }
  if (request->error) return Unexpected{*request->error};
  return request->position;
}

Result<void, RequestError> Session::leave(std::string_view group) {
  {
    const std::lock_guard lock(shared_.mutex);
    if (shared_.phase == Phase::over) return Unexpected{closed_error(shared_)};
    const auto* membership = shared_.memberships.find(group);
    if (membership == nullptr) {
      return Unexpected{RequestError{.code = RequestError::Code::not_member, .text = "not in '" + std::string(group) + "'"}};
    }
    std::erase_if(shared_.requests, [&](const auto& entry) {
      Request& request = *entry.second;
      if (!request.is_join || request.membership != membership->id) return false;
      request.error = RequestError{.code = RequestError::Code::not_member, .text = "left before the answer came"};
      return request.done = true;
    });
    std::string name(group);  // `group` may be the name that the membership holds
    shared_.memberships.remove(name);
    if (shared_.phase == Phase::open) request_control(wire::Leave{++shared_.last_request, name});
    shared_.recent_leaves.push_back(name);
    if (shared_.recent_leaves.size() > recent_leaves_max) shared_.recent_leaves.pop_front();
    shared_.left_unnoticed.insert(std::move(name));
    shared_.leaves_unnoticed.store(true, std::memory_order_release);
  }
  shared_.changed.notify_all();
  return {};
}

Result<std::string, RequestError> Session::ask(wire::Query query) {
  std::unique_lock lock(shared_.mutex);
  if (shared_.closing || shared_.phase == Phase::over) return Unexpected{closed_error(shared_)};
  const auto request = std::make_shared<Request>();
  query.request = ++shared_.last_request;
  shared_.requests.emplace(query.request, request);
  request_control(wire::ToDaemon{query});
  if (!shared_.changed.wait_for(lock, options_.request_timeout, [&] { return request->done; })) {
    shared_.requests.erase(query.request);
    return Unexpected{RequestError{.code = RequestError::Code::timed_out, .text = "the daemon did not answer in time"}};
  }
  if (request->error) return Unexpected{*request->error};
  return std::move(request->json);
}

// ---- publishing

Result<PublishId, PublishError> Session::append(const wire::RecordInput& input, const PublishOptions& options, bool& wake) {
  if (shared_.closing || shared_.phase == Phase::over) return Unexpected{PublishError::closed};
  const auto n = shared_.publishes.append(input, {to_wire(options.level), options.fail_when_blocked});
  if (!n) {
    if (n.error() == PublishError::queue_full) shared_.room_wanted = true;
    return Unexpected{n.error()};
  }
  ++shared_.outcomes.published;
  wake = shared_.publish_wakes && shared_.publishes.sendable();
  if (wake) shared_.publish_wakes = false;
  return PublishId{*n};
}

Result<PublishId, PublishError> Session::publish(std::string_view topic, std::span<const std::byte> data, const PublishOptions& options) {
  return publish_wait(topic, data, options, std::chrono::milliseconds{0});
}

Result<PublishId, PublishError> Session::publish_wait(std::string_view topic, std::span<const std::byte> data, const PublishOptions& options,
                                                      std::chrono::milliseconds timeout) {
  wire::RecordInput input{.topic = topic, .key = options.key, .published_at = wall_clock_ns(), .data = data};
  std::optional<WireHeaders> headers;
  if (!options.headers.empty()) {
    headers.emplace(options.headers);
    if (headers->too_many()) return Unexpected{PublishError::bad_headers};
    input.headers = headers->span();
  }
  bool wake = false;
  std::unique_lock lock(shared_.mutex);
  auto published = append(input, options, wake);
  if (!published && published.error() == PublishError::queue_full && timeout.count() > 0) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const std::size_t size = wire::encoded_size(input);
    // Refilled from three quarters on, not at each outcome: a publisher woken for every few messages does little else.
    const auto room = [&] {
      const PublishQueue& queue = shared_.publishes;
      const bool enough = queue.bytes() <= queue.bytes_max() / 4 * 3 || size > queue.bytes_max() / 4;
      return shared_.closing || shared_.phase == Phase::over || queue.bytes() == 0 || (enough && queue.bytes() + size <= queue.bytes_max());
    };
    while (!published && published.error() == PublishError::queue_full && shared_.changed.wait_until(lock, deadline, room)) {
      input.published_at = wall_clock_ns();
      published = append(input, options, wake);
    }
    if (published) shared_.room_wanted = false;
  }
  lock.unlock();
  if (wake) shared_.wake.raise();
  return published;
}

bool Session::wait_for_outcomes(std::chrono::milliseconds timeout) {
  std::unique_lock lock(shared_.mutex);
  const std::uint64_t last = shared_.publishes.numbers().last();
  shared_.changed.wait_for(lock, timeout, [&] { return shared_.phase == Phase::over || shared_.publishes.numbers().floor() > last; });
  return shared_.abandoned == 0 && shared_.publishes.numbers().floor() > last;
}

OutcomeCounts Session::outcomes() {
  const std::lock_guard lock(shared_.mutex);
  return shared_.outcomes;
}

// ---- what the connection knows

std::string Session::node() {
  const std::lock_guard lock(shared_.mutex);
  return shared_.node;
}

ComponentState Session::state() {
  const std::lock_guard lock(shared_.mutex);
  return shared_.state;
}

std::size_t Session::max_message_bytes() {
  const std::lock_guard lock(shared_.mutex);
  return shared_.publishes.message_bytes_max();
}

// ---- what the reader of the stream asks

void Session::consumed(std::uint64_t line, std::size_t bytes) {
  const std::lock_guard lock(shared_.mutex);
  if (line != shared_.line) return;
  const bool was_due = shared_.report_due();
  shared_.consumed_bytes += bytes;
  if (!was_due && shared_.report_due()) shared_.wake.raise();
}

bool Session::still_member(const JoinedGroup& joined) {
  const std::lock_guard lock(shared_.mutex);
  return shared_.memberships.is(joined.event.group, joined.membership);
}

std::set<std::string> Session::left_groups() {
  if (!shared_.leaves_unnoticed.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(shared_.mutex);
  shared_.leaves_unnoticed.store(false, std::memory_order_relaxed);
  return std::exchange(shared_.left_unnoticed, {});
}

}  // namespace vsync::client
