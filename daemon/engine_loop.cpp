#include "daemon/engine_loop.hpp"

#include <algorithm>
#include <csignal>

#include "daemon/accept_guard.hpp"
#include "daemon/clock.hpp"
#include "protocol/assert.hpp"

namespace vsync::daemon {

using protocol::Duration;
using protocol::TimePoint;

namespace {

constexpr std::chrono::seconds report_every{1};
// What applications ask for in answer to events (held publishes that go on, registrations) makes new events; a few rounds of
// that belong to one turn, the rest to the next.
constexpr int rounds_max = 4;

}  // namespace

EngineLoop::EngineLoop(uv_loop_t* loop, const Configuration& configuration, ConfigurationSource source, Parts parts)
    : loop_(loop),
      parts_(parts),
      configuration_(configuration),
      source_(std::move(source)),
      prepare_([this] { before_blocking(); }),
      check_([this] { turn(); }),
      idle_([] {}),
      timer_([this] { due_ = true; }),
      terminate_([this] { on_stop_signal(); }),
      interrupt_([this] { on_stop_signal(); }),
      hangup_([this] { (void)reload(); }) {
  uv_prepare_init(loop_, prepare_.get());
  uv_check_init(loop_, check_.get());
  uv_idle_init(loop_, idle_.get());
  uv_timer_init(loop_, timer_.get());
  require_of_loop(uv_signal_init(loop_, terminate_.get()));
  require_of_loop(uv_signal_init(loop_, interrupt_.get()));
  require_of_loop(uv_signal_init(loop_, hangup_.get()));
  parts_.sessions.set_reload([this] { return reload(); });
  parts_.store.attach(loop_, [this](const std::string& why) {
    // A node that can't keep its promises must not make any: to the others this is a crash, which the protocol handles.
    parts_.log.error("stopping: " + why);
    stop(ExitStatus::state_lost);
    if (parts_.recorder == nullptr) return;
    const auto dumped = parts_.recorder->dump_now();
    parts_.log.error("what led to it " + (dumped ? "is in " + *dumped : "can't be written either: " + dumped.error()));
  });
}

ExitStatus EngineLoop::run() {
  uv_prepare_start(prepare_.get(), &LoopHandle<uv_prepare_t>::call<>);
  uv_check_start(check_.get(), &LoopHandle<uv_check_t>::call<>);
  uv_signal_start(terminate_.get(), &LoopHandle<uv_signal_t>::call<int>, SIGTERM);
  uv_signal_start(interrupt_.get(), &LoopHandle<uv_signal_t>::call<int>, SIGINT);
  uv_signal_start(hangup_.get(), &LoopHandle<uv_signal_t>::call<int>, SIGHUP);

  last_look_ = boot_now();
  parts_.engine.on_wall_clock(wall_offset());
  parts_.engine.start(last_look_);
  turn();
  if (!stopped_) uv_run(loop_, UV_RUN_DEFAULT);

  // A write under way belongs to the store, which must not go before it ends.
  uv_prepare_stop(prepare_.get());
  uv_check_stop(check_.get());
  uv_idle_stop(idle_.get());
  while (parts_.store.busy()) uv_run(loop_, UV_RUN_ONCE);
  return status_;
}

// The second and third step of ZeroMQ's recipe (zmq_poller.hpp): the loop blocks only if nothing is ready. A timer that was due when the
// loop looked, before it came here, doesn't wake it any more.
void EngineLoop::before_blocking() {
  const bool peers = parts_.peers.pending();
  const bool sessions = parts_.sessions.pending();
  if (peers || sessions || due_) {
    uv_idle_start(idle_.get(), &LoopHandle<uv_idle_t>::call<>);
  } else {
    uv_idle_stop(idle_.get());
  }
}

void EngineLoop::turn() {
  if (stopped_) return;
  due_ = false;
  ++parts_.counters.turns;
  (void)woke_up();
  const TimePoint now = last_look_;
  parts_.engine.on_wall_clock(wall_offset());
  parts_.engine.on_tick(now);
  take_inputs();
  hand_over();
  parts_.engine.hold_back(now, parts_.sessions.holds_publishers_back());
  parts_.peers.flush();
  if (now >= next_report_) {
    next_report_ = now + report_every;
    report(parts_.engine.status());
  }
  check_leave(now);
  arm(now);
}

void EngineLoop::report(const protocol::Status& status) {
  parts_.service.report(status);
  if (status.foreign_version && status.foreign_version != foreign_version_) {
    parts_.log.error("this daemon cannot join its cluster", {{"WAITS_FOR", status.waits_for}});
  }
  foreign_version_ = status.foreign_version;
  if (status.disk_hangs && !disk_hangs_) {
    parts_.log.error("the state directory does not answer: no write has ended for lag_exclude_after_ms. The others go on without this "
                     "daemon, if they can");
  } else if (!status.disk_hangs && disk_hangs_) {
    parts_.log.notice("the state directory answers again");
  }
  disk_hangs_ = status.disk_hangs;
  if (!status.parted.empty() && status.parted != parted_) {
    std::string names;
    for (const std::string& name : status.parted) names += (names.empty() ? "" : ",") + name;
    parts_.log.error("a forced primary has parted the history of some daemons from this one's: vsync join --discard gives one side up",
                     {{"PARTED", names}});
  }
  parted_ = status.parted;
  if (parts_.peers.any_unconfigured()) parts_.peers.keep_only(parts_.engine.correspondents());
}

// A pause longer than a lease means that others may have gone on without this node. The engine says nothing until it has heard
// from them again; what waits in the sessions' queues is held back likewise. A process can be stopped anywhere, so the clock is read
// wherever something that came during the pause would be taken as it was before.
bool EngineLoop::woke_up() {
  const TimePoint now = boot_now();
  const Duration since = now - std::exchange(last_look_, now);
  if (since <= configuration_.protocol.lease) return false;
  ++parts_.counters.pauses;
  parts_.socket.hold(true);
  parts_.log.warning("this daemon stood still: it asks the others before it goes on",
                     {{"MS", std::to_string(since / std::chrono::milliseconds(1))}});
  return true;
}

TimePoint EngineLoop::look() {
  (void)woke_up();
  return last_look_;
}

void EngineLoop::take_inputs() {
  protocol::Engine& engine = parts_.engine;
  parts_.store.take_persisted(tokens_);
  for (const protocol::WriteToken token : tokens_) engine.on_persisted(look(), token);
  tokens_.clear();
  parts_.peers.observe(links_);
  for (const LinkChange& change : links_) engine.on_link(look(), change.peer, change.state);
  links_.clear();
  parts_.peers.receive([&](const protocol::Frame& frame) { engine.on_frame(look(), frame); });
  parts_.sessions.receive(look());
}

void EngineLoop::hand_over() {
  for (int round = 0; round < rounds_max; ++round) {
    parts_.sessions.submit();
    (void)parts_.sessions.take_engine_used();
    parts_.engine.drain(outbox_);
    if (parts_.trace != nullptr) {
      // Not the turn's time: the traces of several daemons are put in order by it, and what came in during the turn, others
      // may have sent since it began.
      parts_.trace->record(boot_now(), parts_.engine, outbox_);
      if (!parts_.trace->write()) parts_.log.error("the trace file can't be written; the trace ends here");
    }
    parts_.store.write(outbox_.writes);
    parts_.peers.send(outbox_.frames);
    if (woke_up()) parts_.engine.on_tick(last_look_);
    release_sockets();
    parts_.sessions.on_events(outbox_.events);
    parts_.sessions.end_turn();
    keep_what_led_to_a_divergence();
    more_ = parts_.sessions.take_engine_used() || parts_.sessions.wants_submit();
    if (!more_) return;
  }
}

void EngineLoop::keep_what_led_to_a_divergence() {
  if (std::exchange(divergences_, parts_.counters.divergences) == parts_.counters.divergences || parts_.recorder == nullptr) return;
  (void)parts_.recorder->dump(loop_, [this](const FlightRecorder::Dumped& dumped) {
    parts_.log.error("what led to the divergence " + (dumped ? "is in " + *dumped : "can't be written: " + dumped.error()));
  });
}

// Held until the node knows better; one that knows that it is blocked has something to tell.
void EngineLoop::release_sockets() {
  if (!parts_.socket.held()) return;
  const protocol::Status status = parts_.engine.status();
  parts_.socket.hold(status.doubts && status.component == protocol::ComponentState::primary);
}

void EngineLoop::arm(TimePoint now) {
  TimePoint next = std::min(parts_.sessions.next_deadline(), next_report_);
  if (auto deadline = parts_.engine.next_deadline()) next = std::min(next, *deadline);
  if (leaving_) next = std::min(next, leave_by_);
  if (more_) next = now;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(next - now, Duration::zero()));
  uv_update_time(loop_);
  uv_timer_start(timer_.get(), &LoopHandle<uv_timer_t>::call<>, static_cast<std::uint64_t>(wait.count()), 0);
}

// All of it or nothing, between two inputs.
Result<Reload, std::string> EngineLoop::reload() {
  parts_.service.reloading();
  Result<Reload, std::string> done = Unexpected{std::string()};
  try {
    Reload wanted = plan_reload(configuration_, source_.load(), parts_.peers.listening());
    apply(wanted.configuration);
    tell(wanted);
    done = std::move(wanted);
  } catch (const std::exception& problem) {
    parts_.log.error(std::string("the configuration is not taken, all stays as it was: ") + problem.what());
    done = Unexpected{std::string(problem.what())};
  }
  parts_.service.reloaded();
  return done;
}

// What can fail comes first.
void EngineLoop::apply(const Configuration& configuration) {
  parts_.socket.set_access(configuration);
  try {
    keep_descriptors_for(configuration);
    parts_.peers.reconfigure(configuration);
  } catch (...) {
    keep_descriptors_for(configuration_);
    parts_.socket.set_access(configuration_);
    throw;
  }
  const auto taken = parts_.engine.reconfigure(boot_now(), configuration.protocol);
  VSYNC_ASSERT(taken);  // what it refuses, the plan has left as it was
  configuration_ = configuration;
  parts_.sessions.set_limits(configuration.sessions);
  parts_.log.set_threshold(configuration.log_level);
}

void EngineLoop::tell(const Reload& reload) {
  for (const Reload::Change& change : reload.changed) parts_.log.notice("configuration: " + text_of(change));
  for (const Reload::Change& change : reload.at_restart) {
    parts_.log.warning("configuration: " + text_of(change) + " takes a restart; kept as it was until then");
  }
  if (reload.changed.empty() && reload.at_restart.empty()) parts_.log.notice("configuration: read again, nothing has changed");
  for (const std::string& name : parts_.engine.status().unconfigured) {
    parts_.log.warning("a member of the view is not configured here: it keeps its place until it leaves", {{"PEER", name}});
  }
}

void EngineLoop::on_stop_signal() {
  if (leaving_) {
    parts_.log.warning("second signal: stopping at once");
    return stop(ExitStatus::success);
  }
  parts_.log.notice("leaving the view; a second signal stops at once");
  parts_.service.stopping();
  leaving_ = true;
  leave_by_ = boot_now() + configuration_.leave_within;
  parts_.engine.leave(boot_now());
}

void EngineLoop::check_leave(TimePoint now) {
  if (!leaving_) return;
  if (parts_.engine.left()) {
    parts_.log.notice("left the view");
    stop(ExitStatus::success);
  } else if (now >= leave_by_) {
    parts_.log.warning("the leave took too long (leave_within_ms): stopping; the others will see a crash");
    stop(ExitStatus::success);
  }
}

void EngineLoop::stop(ExitStatus status) {
  if (std::exchange(stopped_, true)) return;
  status_ = status;
  parts_.socket.hold(false);
  parts_.sessions.shut_down();
  if (parts_.trace != nullptr) parts_.trace->stopped(boot_now());
  uv_stop(loop_);
}

}  // namespace vsync::daemon
