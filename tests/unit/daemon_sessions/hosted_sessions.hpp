#pragma once
// A daemon's sessions as they are, around a real engine of a cluster in memory, over a socket in memory: time passes when the test says so.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster.hpp"
#include "daemon/local_sessions.hpp"
#include "local_socket_in_memory.hpp"
#include "wire/record.hpp"

namespace vsync::daemon::test {

inline std::vector<std::byte> body_of(const std::string& topic, std::uint32_t count, std::size_t data_bytes = 3) {
  std::vector<std::byte> body;
  const std::vector<std::byte> data(data_bytes);
  for (std::uint32_t i = 0; i < count; ++i) {
    wire::append_record(body, {.topic = i == 0 ? topic : "", .key = {}, .headers = {}, .published_at = 1, .data = data});
  }
  return body;
}

class HostedSessions {
 public:
  /// `self` has the applications. Its view is installed.
  HostedSessions(const std::vector<std::string>& names, std::string self, const SessionLimits& limits)
      : cluster(names), self_(std::move(self)) {
    use(&wire);
    cluster.start_all();
    const bool primary =
        cluster.run_until([&] { return cluster.at(self_).status().component == protocol::ComponentState::primary; });
    VSYNC_ASSERT(primary);
    sessions_.emplace(nullptr, socket_, cluster.at(self_), limits, counters_, log_);
  }
  ~HostedSessions() { sessions_->shut_down(); }
  HostedSessions(const HostedSessions&) = delete;
  HostedSessions& operator=(const HostedSessions&) = delete;

  void ask(const std::string& route, const wire::ToDaemon& message, std::vector<std::byte> body = {}) {
    std::vector<std::byte> envelope;
    wire::encode(message, envelope);
    wire.requests.push_back({route, {std::move(envelope), std::move(body)}});
  }
  /// One turn of the daemon's loop.
  void turn() {
    sessions_->receive(cluster.now());
    for (int round = 0; round < 4; ++round) {
      sessions_->submit();
      (void)sessions_->take_engine_used();
      cluster.tell(self_, [](protocol::Engine&, protocol::TimePoint) { return 0; });
      const auto events = std::exchange(cluster.events(self_), {});
      sessions_->on_events(events);
      sessions_->end_turn();
      if (!sessions_->take_engine_used() && !sessions_->wants_submit()) break;
    }
  }
  void pass(protocol::Duration time) {
    cluster.run_for(time);
    turn();
  }
  [[nodiscard]] std::size_t session_count() const { return sessions_->count(); }

  Wire wire;
  protocol::test::Cluster cluster;

 private:
  std::string self_;
  zmq::context_t context_{0};
  Configuration configuration_;
  LocalSocket socket_{nullptr, context_, configuration_};
  Counters counters_;
  Log log_{Severity::error};
  std::optional<LocalSessions> sessions_;
};

}  // namespace vsync::daemon::test
