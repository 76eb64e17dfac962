// vsync pub: publishes one message, or one per line of standard input, and answers for all of them.

#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <thread>

#include "commands.hpp"
#include "exit_status.hpp"
#include "line_reader.hpp"
#include "terminal.hpp"

namespace vsync::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A daemon that has just started is given so long to get into its view before a publish would fail.
constexpr auto joining_patience = 10s;
/// How often, while it waits, the publisher looks after signals and outcomes.
constexpr auto look_around = 100ms;

class Publisher {
 public:
  Publisher(Connection& connection, const PubArguments& arguments, StopSignal& stop)
      : connection_(connection), arguments_(arguments), stop_(stop), begun_(Clock::now()) {
    for (const auto& [name, value] : arguments.headers) headers_.push_back({name, value});
    options_ = {.level = arguments.level, .key = arguments.key, .headers = headers_, .fail_when_blocked = !arguments.wait_when_blocked};
  }

  int run() {
    if (!arguments_.wait_when_blocked) wait_while_joining();
    if (arguments_.text) {
      publish(*arguments_.text);
    } else {
      publish_lines();
    }
    wait_for_outcomes();
    return report();
  }

 private:
  void publish_lines() {
    LineReader lines(STDIN_FILENO, stop_, connection_.max_message_bytes());
    std::string_view line;
    while (!over_) {
      switch (lines.next(line, look_around)) {
        case LineReader::Status::line:
          pace();
          publish(line);
          break;
        case LineReader::Status::nothing_yet: take_outcomes(); break;
        case LineReader::Status::failed:
          complain("standard input can't be read");
          failed_input_ = true;
          return;
        case LineReader::Status::end:
        case LineReader::Status::stopped: return;
      }
    }
  }

  /// Message k isn't published before k / rate seconds have passed.
  void pace() {
    if (arguments_.rate <= 0) return;
    constexpr double for_ever_s = 1e9;
    const std::chrono::duration<double> after(std::min(static_cast<double>(tried_) / arguments_.rate, for_ever_s));
    const auto due = begun_ + std::chrono::duration_cast<Clock::duration>(after);
    while (Clock::now() < due && !stop_.came() && !over_) {
      take_outcomes();
      stop_.wait_readable(-1, std::min<std::chrono::milliseconds>(look_around, std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now())));
    }
  }

  void publish(std::string_view text) {
    ++tried_;
    const std::span<const std::byte> data{reinterpret_cast<const std::byte*>(text.data()), text.size()};
    while (true) {
      const auto published = connection_.publish_wait(arguments_.topic, data, options_, look_around);
      take_outcomes();
      if (published) return;
      if (published.error() == PublishError::queue_full && !stop_.came()) continue;
      if (const std::string wrong = wrong_arguments(published.error()); !wrong.empty()) {
        complain(wrong);
        misused_ = over_ = true;  // the next line would end the same way
        --tried_;
        return;
      }
      ++not_sent_[name_of(published.error())];
      refused_ = refused_ || published.error() != PublishError::closed;
      return;
    }
  }

  /// What no message can be published with, in words; empty if it is the message's own fault.
  [[nodiscard]] std::string wrong_arguments(PublishError error) const {
    switch (error) {
      case PublishError::bad_topic:
        return "'" + arguments_.topic + "' is no topic: levels parted by single dots and without spaces; '*' and '>' are for patterns";
      case PublishError::bad_key: return "--key: at most 255 bytes are allowed";
      case PublishError::bad_headers: return "--header: at most 32 are allowed, each with a name and at most 1024 bytes of name and value";
      case PublishError::queue_full:
      case PublishError::too_large:
      case PublishError::closed: return {};
    }
    return {};
  }

  void wait_while_joining() {
    const auto until = Clock::now() + joining_patience;
    while (connection_.state() == ComponentState::joining && Clock::now() < until && !stop_.came() && !over_) {
      if (const Event* event = connection_.next(look_around)) take(*event);
    }
  }

  void wait_for_outcomes() {
    const auto until = Clock::now() + std::chrono::duration<double>(arguments_.timeout_s);
    while (!over_ && connection_.outcomes().unresolved() != 0 && Clock::now() < until && !stop_.came()) {
      static_cast<void>(connection_.wait_for_outcomes(look_around));
      take_outcomes();
    }
    static_cast<void>(connection_.close(connection_.outcomes().unresolved() == 0 ? 2s : 0s));
    take_outcomes();
  }

  void take_outcomes() {
    while (const Event* event = connection_.try_next()) take(*event);
  }

  void take(const Event& event) {
    if (const auto* outcome = std::get_if<Outcome>(&event); outcome != nullptr && outcome->kind == Outcome::Kind::rejected) {
      rejected_[name_of(outcome->reason)] += outcome->count;
    }
    if (const auto* disconnected = std::get_if<Disconnected>(&event)) complain(disconnected->reason + "; waiting for it");
    if (const auto* closed = std::get_if<Closed>(&event)) {
      over_ = true;
      if (!closed->by_application) complain("the session is over: " + closed->text);
    }
  }

  int report() {
    if (misused_) return usage;
    const OutcomeCounts counts = connection_.outcomes();
    std::string why;
    const auto add = [&](std::uint64_t count, const std::string& what) {
      if (count != 0) why += (why.empty() ? "" : ", ") + std::to_string(count) + " " + what;
    };
    for (const auto& [reason, count] : not_sent_) add(count, std::string("not published (") + reason + ")");
    for (const auto& [reason, count] : rejected_) add(count, std::string("rejected (") + reason + ")");
    add(counts.unknown, "with unknown outcome");
    add(counts.session_expired, "after the session had expired");
    const std::uint64_t not_ok = tried_ - counts.ok;
    if (not_ok == 0) {
      if (!arguments_.text && ::isatty(STDERR_FILENO) == 1) std::fprintf(stderr, "%llu published\n", static_cast<unsigned long long>(tried_));
      return failed_input_ ? static_cast<int>(not_enough) : success;
    }
    complain(std::to_string(not_ok) + " of " + std::to_string(tried_) + " publishes did not end ok: " + why);
    if (rejected_.contains(name_of(ErrorCode::not_primary))) complain("this host is in no view that goes on: `vsync status` says what it waits for");
    if (counts.unknown != 0 || counts.session_expired != 0) return loss;
    return refused_ || counts.rejected != 0 ? refusal : connection;
  }

  Connection& connection_;
  const PubArguments& arguments_;
  StopSignal& stop_;
  Clock::time_point begun_;
  std::vector<Header> headers_;
  PublishOptions options_;
  std::uint64_t tried_ = 0;
  std::map<std::string, std::uint64_t> not_sent_;
  std::map<std::string, std::uint64_t> rejected_;
  bool refused_ = false;
  bool over_ = false;
  bool misused_ = false;
  bool failed_input_ = false;
};

}  // namespace

int run_pub(Connection connection, const PubArguments& arguments, StopSignal& stop) { return Publisher(connection, arguments, stop).run(); }

}  // namespace vsync::cli
