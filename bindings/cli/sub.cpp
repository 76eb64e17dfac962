// vsync sub: joins, prints the stream, leaves.

#include <csignal>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

#include "commands.hpp"
#include "event_json.hpp"
#include "event_text.hpp"
#include "exit_status.hpp"

namespace vsync::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Printed at once when nothing more is there to be read, else in pieces of this size.
constexpr std::size_t output_bytes = 64u << 10;

class Subscriber {
 public:
  Subscriber(Connection& connection, const SubArguments& arguments, StopSignal& stop)
      : connection_(connection), arguments_(arguments), stop_(stop), paint_(Paint::for_stream(stdout)) {}

  int run() {
    for (const std::string& topic : arguments_.topics) {
      const auto joined = connection_.begin_join(topic, {.deliver_on = arguments_.deliver_on});
      if (joined) {
        groups_.insert(topic);
      } else if (joined.error().code == RequestError::Code::bad_topic) {
        complain(joined.error().text);
        return usage;
      } else if (joined.error().code != RequestError::Code::already_member) {
        return complain_of(joined.error());
      }
    }
    last_message_ = Clock::now();
    while (!ended_) {
      if (const Event* event = connection_.try_next()) {
        take(*event);
        if (output_.size() >= output_bytes) print();
        continue;
      }
      print();
      if (ended_) break;
      if (stop_.came()) {
        end(success);
      } else if (waited_in_vain()) {
        end(disconnected_ ? connection : arguments_.count == 0 ? success : not_enough);
      } else {
        stop_.wait_readable(connection_.descriptor(), time_to_wait());
      }
    }
    print();
    return lost_ && status_ == success ? loss : status_;
  }

 private:
  void take(const Event& event) {
    if (std::holds_alternative<GroupView>(event) && !arguments_.views) return;
    if (arguments_.json) {
      append_json(output_, event);
    } else if (!arguments_.raw) {
      if (const std::string line = text_of(event, paint_); !line.empty()) output_ += line + '\n';
    }
    std::visit([this](const auto& each) { on(each); }, event);
  }

  void on(const Message& message) {
    if (arguments_.raw) output_.append(message.text()) += '\n';
    last_message_ = Clock::now();
    if (++messages_ == arguments_.count) end(success);
  }

  void on(const JoinRefused& refused) {
    complain("'" + refused.group + "' can't be joined: " + name_of(refused.code) + (refused.text.empty() ? "" : ", " + refused.text));
    end(refusal);
  }

  void on(const Removed& removed) {
    complain("removed from '" + removed.group + "': " + name_of(removed.code) + (removed.text.empty() ? "" : ", " + removed.text));
    lost_ = true;
    groups_.erase(removed.group);
    if (groups_.empty()) end(loss);
  }

  void on(const Gap& gap) {
    notice("a gap: " + to_string(gap.from) + " to " + to_string(gap.to) + " will not come: " + gap.reason);
    lost_ = true;
  }

  void on(const Resync& resync) {
    notice("a resync: this host was away since " + to_string(resync.last_common));
    lost_ = true;
  }
  void on(const Disconnected& disconnected) {
    disconnected_ = true;
    notice(disconnected.reason + "; waiting for it");
  }

  void on(const Reconnected&) {
    disconnected_ = false;
    notice("the daemon is back");
  }

  void on(const Closed& closed) {
    complain(std::string("the session is over: ") + closed.text);
    end(connection);
  }

  template <class Other>
  void on(const Other&) {}

  /// What the other formats say in the stream itself.
  void notice(const std::string& text) const {
    if (arguments_.raw) complain(text);
  }

  void end(int status) {
    ended_ = true;
    status_ = status;
  }

  [[nodiscard]] bool waited_in_vain() const {
    return arguments_.wait_s && Clock::now() - last_message_ >= std::chrono::duration<double>(*arguments_.wait_s);
  }

  [[nodiscard]] std::chrono::milliseconds time_to_wait() const {
    if (!arguments_.wait_s) return -1ms;
    const std::chrono::duration<double> left = std::chrono::duration<double>(*arguments_.wait_s) - (Clock::now() - last_message_);
    // poll() takes no more than an int of milliseconds; an earlier wake-up only looks at the clock.
    return std::chrono::ceil<std::chrono::milliseconds>(std::clamp<std::chrono::duration<double>>(left, 0s, 1h));
  }

  void print() {
    std::string_view rest = output_;
    while (!rest.empty()) {
      const auto written = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        if (errno != EPIPE) complain("standard output can't be written");
        end(not_enough);
        break;
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    output_.clear();
  }

  Connection& connection_;
  const SubArguments& arguments_;
  StopSignal& stop_;
  Paint paint_;
  std::string output_;
  std::set<std::string> groups_;
  std::uint64_t messages_ = 0;
  Clock::time_point last_message_;
  bool ended_ = false;
  bool disconnected_ = false;
  bool lost_ = false;
  int status_ = success;
};

}  // namespace

int run_sub(Connection connection, const SubArguments& arguments, StopSignal& stop) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has enough is no crash: the groups see a leave
  const int status = Subscriber(connection, arguments, stop).run();
  static_cast<void>(connection.close(2s));
  return status;
}

}  // namespace vsync::cli
