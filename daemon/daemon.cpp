#include "daemon/daemon.hpp"

#include <sched.h>
#include <sys/random.h>
#include <uv.h>

#include <csignal>
#include <optional>
#include <zmq.hpp>

#include "daemon/accept_guard.hpp"
#include "daemon/clock.hpp"
#include "daemon/counters.hpp"
#include "daemon/engine_loop.hpp"
#include "daemon/flight_recorder.hpp"
#include "daemon/local_sessions.hpp"
#include "daemon/local_socket.hpp"
#include "daemon/log.hpp"
#include "daemon/peer_links.hpp"
#include "daemon/service.hpp"
#include "daemon/spare_memory.hpp"
#include "daemon/state_store.hpp"
#include "daemon/thread_limit.hpp"
#include "daemon/trace_writer.hpp"
#include "protocol/engine.hpp"

namespace vsync::daemon {

namespace {

// Handles give their memory back in close callbacks, so the loop outlives everything and runs once more at the end.
class Loop {
 public:
  Loop() { require_of_loop(uv_loop_init(&loop_)); }
  ~Loop() {
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  uv_loop_t* get() { return &loop_; }

 private:
  uv_loop_t loop_;
};

std::uint64_t random_number() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    throw StartError(ExitStatus::failure, "the system gives no random numbers");
  }
  return number;
}

void pin_loop(int cpu) {
  if (cpu < 0) return;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<std::size_t>(cpu), &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) throw StartError(ExitStatus::usage, "key 'loop_cpu': there is no such processor");
}

void set_up(zmq::context_t& context, const Configuration& configuration) {
  context.set(zmq::ctxopt::io_threads, static_cast<int>(configuration.io_threads));
  context.set(zmq::ctxopt::max_sockets, 4096);
  if (configuration.io_cpu >= 0) zmq_ctx_set(context.handle(), ZMQ_THREAD_AFFINITY_CPU_ADD, configuration.io_cpu);
}

// The new incarnation is on disk before anybody hears of it.
protocol::NodeId new_incarnation(StateStore& store, protocol::PersistentState& state, const std::string& name) {
  ++state.incarnation_counter;
  store.write_now(state);
  return {name, {state.incarnation_counter, random_number()}};
}

}  // namespace

ExitStatus run_daemon(const Configuration& configuration, const ConfigurationSource& source) {
  Log log(configuration.log_level);
  log.set_node(configuration.node);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond a limit fails, and that is told
  keep_descriptors_for(configuration);
  require_threads_for(configuration);

  Loop loop;
  start_workers(loop.get());
  Counters counters;
  StateStore store(configuration.state_dir, configuration.protocol.durable_keep_bytes);
  store.claim(configuration.node);
  StateStore::Loaded found = store.load();
  if (!found.note.empty()) log.warning("the durable log's end: " + found.note);
  const bool with_disk = found.restored.state.incarnation_counter > 0;
  zmq::context_t context;
  set_up(context, configuration);
  LocalSocket socket(loop.get(), context, configuration);
  PeerLinks peers(loop.get(), context, configuration, counters, log);
  // Only a daemon that has everything it needs begins a new incarnation.
  const protocol::NodeId self = new_incarnation(store, found.restored.state, configuration.node);
  std::optional<FlightRecorder> recorder;
  if (configuration.flight_recorder_bytes > 0) {
    recorder.emplace(configuration.state_dir, self.incarnation.counter, configuration.flight_recorder_bytes);
    recorder->dump_on_fatal_signals();
  }
  std::optional<TraceWriter> trace;
  if (recorder || !configuration.trace_file.empty()) {
    trace.emplace(configuration.trace_file, recorder ? &*recorder : nullptr, boot_now(), self, with_disk);
  }
  pin_loop(configuration.loop_cpu);

  protocol::Engine engine(self, configuration.protocol, std::move(found.restored), random_number());
  LocalSessions sessions(loop.get(), socket, engine, configuration.sessions, counters, log);
  sessions.set_report_links([&peers] { return peers.report(); });
  if (trace) {
    sessions.set_publish_tap([&trace](auto session, const auto& head, const auto& body, bool accepted) {
      trace->published(session, head, body, accepted);
    });
  }
  if (recorder) {
    sessions.set_trace_dump([&recorder, &loop](auto done) { return recorder->dump(loop.get(), std::move(done)); });
  }
  Service service(loop.get());
  const SpareMemory spare_memory(loop.get());
  EngineLoop driver(loop.get(), configuration, source,
                    {engine, store, peers, socket, sessions, trace ? &*trace : nullptr, recorder ? &*recorder : nullptr, service, counters,
                     log});
  log.notice("vsyncd " VSYNC_VERSION " starts", {{"SOCKET", configuration.socket},
                                                  {"STATE_DIR", configuration.state_dir},
                                                  {"INCARNATION", std::to_string(self.incarnation.counter)},
                                                  {"PEERS", std::to_string(configuration.peers.size())},
                                                  {"SECURITY", configuration.effective_security() == Security::curve ? "curve" : "none"}});
  return driver.run();
}

}  // namespace vsync::daemon
