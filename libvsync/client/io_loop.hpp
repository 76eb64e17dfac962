#pragma once
// The thread of a connection: keeps a line to the daemon, sends what the application publishes and asks for, answers the daemon,
// and hands everything it gets over to the stream.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "client/event_queue.hpp"
#include "client/line.hpp"
#include "client/shared_state.hpp"

namespace vsync::client {

class IoLoop {
 public:
  struct Config {
    std::string endpoint;
    bool outcome_events = true;
  };

  IoLoop(SharedState& shared, EventQueue& events, Config config);

  /// Until the session is over or SharedState::stop. Then everything unresolved is `unknown`, every request has failed, and
  /// Closed is the last event.
  void run();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds retry_first{20};  ///< then twice as long each time

  // ---- lines (io_loop.cpp)
  [[nodiscard]] bool finished();
  void turn();
  void open_line();
  void drop_line(ConnectError why);
  void end_session(ErrorCode code, std::string text);
  void wait();
  [[nodiscard]] std::chrono::milliseconds time_to_wait() const;
  void check_health();
  void finish();

  // ---- to the daemon
  void send();
  [[nodiscard]] bool send_next();
  [[nodiscard]] std::optional<wire::ToDaemon> next_control();
  [[nodiscard]] bool control_waits() const;  ///< under the lock
  void open_window();                        ///< under the lock

  // ---- from the daemon (io_loop_receive.cpp)
  void receive();
  void handle(wire::ToClient&& message, zmq::message_t&& body);
  void on(wire::Deliver&& deliver, zmq::message_t&& body);
  void on(wire::Welcome&& welcome);
  void on(wire::Error&& error);
  void on(const wire::Joined& joined);
  void on(wire::Refused&& refused);
  void on(const wire::OutcomeRun& outcome);
  void on(wire::GroupView&& view);
  void on(const wire::Mark& mark);
  void on(wire::State&& state);
  void on(const wire::Resync& resync);
  void on(wire::Gap&& gap);
  void on(wire::Removed&& removed);
  void on(wire::QueryAnswer&& answer);
  void on(const wire::Credit& credit);
  void on(const wire::Ping& ping);
  void on(const wire::GoodbyeReply& reply);
  void join_again();  ///< under the lock
  void settle(Run run, const wire::OutcomeRun& outcome);                                     ///< under the lock
  void tell_outcome(const Run& run, Outcome::Kind kind, const wire::OutcomeRun& outcome);  ///< under the lock

  SharedState& shared_;
  EventQueue& events_;
  const Config config_;
  zmq::context_t context_;

  std::unique_ptr<Line> line_;
  bool welcomed_ = false;            ///< on this line
  bool goodbye_said_ = false;        ///< on this line
  std::uint64_t received_bytes_ = 0; ///< of bodies, on this line
  std::optional<wire::Position> last_position_;
  Clock::time_point retry_at_{};
  Clock::time_point answer_by_{};
  std::chrono::milliseconds retry_after_;
  bool reading_ = true;
  bool ended_ = false;               ///< end_session() was called

  std::vector<Incoming> gathered_;   ///< of one turn
  std::vector<std::byte> envelope_;
};

}  // namespace vsync::client
