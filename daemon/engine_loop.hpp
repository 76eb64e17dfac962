#pragma once
// The driver: turns of a libuv loop around the protocol's engine. A turn is: the time (first of all, so that a daemon that was
// paused knows it before it reads or says anything), what came in, one drain, what goes out. All of it happens in the loop's
// check phase, after whatever woke it; descriptors and timers only wake.

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/configuration.hpp"
#include "daemon/counters.hpp"
#include "daemon/flight_recorder.hpp"
#include "daemon/local_sessions.hpp"
#include "daemon/local_socket.hpp"
#include "daemon/log.hpp"
#include "daemon/loop_handle.hpp"
#include "daemon/peer_links.hpp"
#include "daemon/reload.hpp"
#include "daemon/service.hpp"
#include "daemon/start_error.hpp"
#include "daemon/state_store.hpp"
#include "daemon/trace_writer.hpp"
#include "protocol/engine.hpp"

namespace vsync::daemon {

class EngineLoop {
 public:
  struct Parts {
    protocol::Engine& engine;
    StateStore& store;
    PeerLinks& peers;
    LocalSocket& socket;
    LocalSessions& sessions;
    TraceWriter* trace;        ///< or null
    FlightRecorder* recorder;  ///< or null
    Service& service;
    Counters& counters;
    Log& log;
  };
  EngineLoop(uv_loop_t* loop, const Configuration& configuration, ConfigurationSource source, Parts parts);

  /// Runs until an orderly leave is complete or a write of the state fails.
  ExitStatus run();

 private:
  void before_blocking();
  void turn();
  void take_inputs();
  void hand_over();
  /// Reads the clock; true after a pause, with the sockets held.
  bool woke_up();
  protocol::TimePoint look();
  void release_sockets();
  void report(const protocol::Status& status);
  void arm(protocol::TimePoint now);
  void on_stop_signal();
  void check_leave(protocol::TimePoint now);
  void stop(ExitStatus status);
  Result<Reload, std::string> reload();
  void apply(const Configuration& configuration);
  void tell(const Reload& reload);
  void keep_what_led_to_a_divergence();

  uv_loop_t* loop_;
  Parts parts_;
  Configuration configuration_;
  ConfigurationSource source_;
  protocol::Outbox outbox_;
  std::vector<protocol::WriteToken> tokens_;
  std::vector<LinkChange> links_;
  protocol::TimePoint last_look_;
  protocol::TimePoint next_report_;
  std::optional<std::uint16_t> foreign_version_;  ///< as it was last told
  std::vector<std::string> parted_;               ///< likewise
  bool disk_hangs_ = false;                       ///< likewise
  protocol::TimePoint leave_by_;
  std::uint64_t divergences_ = 0;  ///< whose events were kept
  bool due_ = false;   ///< the timer has fired, and no turn has been since
  bool more_ = false;  ///< the turn's rounds ended before the engine had said everything
  bool leaving_ = false;
  bool stopped_ = false;
  ExitStatus status_ = ExitStatus::success;

  LoopHandle<uv_prepare_t> prepare_;
  LoopHandle<uv_check_t> check_;
  LoopHandle<uv_idle_t> idle_;
  LoopHandle<uv_timer_t> timer_;
  LoopHandle<uv_signal_t> terminate_;
  LoopHandle<uv_signal_t> interrupt_;
  LoopHandle<uv_signal_t> hangup_;
};

}  // namespace vsync::daemon
