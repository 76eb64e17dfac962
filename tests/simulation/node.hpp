#pragma once
// Node: a simulated daemon: an engine, its disk, its clock, its process. It does what vsyncd does: feeds the engine, drains it after
// every input, sends, writes, and arms one timer.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checker/tap.hpp"
#include "protocol/engine.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/schedule.hpp"
#include "tests/simulation/swarm.hpp"

namespace vsync::simulation {

/// What survives the process. A write is there once it is done; a crash keeps some beginning of those under way.
struct Disk {
  std::optional<protocol::PersistentState> stored;
  std::vector<protocol::LogRecord> log;
  std::deque<protocol::Write> under_way;
  protocol::Duration write_min{};
  protocol::Duration write_max{};
  std::uint32_t fails = 0;  ///< so many reasons why a write fails
  std::uint32_t hangs = 0;  ///< and why none ends
  [[nodiscard]] bool works() const { return fails == 0 && hangs == 0; }
};

/// What a node needs of the world around it.
struct Surroundings {
  Schedule& schedule;
  checker::Trace& trace;
  std::function<void(Host from, const protocol::Outgoing&)> send;
  std::function<void(Host from, const protocol::Event&)> event;
  std::function<void(Host)> disk_failed;      ///< a write has: the daemon stops
  std::function<void(Host)> looks = nullptr;  ///< after each input of a node, if somebody wants to know
  std::uint64_t inputs = 0;  ///< of all engines together
  bool drain_stuck = false;  ///< an engine asked for ticks without end
  bool asked_unpromised = false; ///< an engine asked for answers to a ballot that its disk didn't know yet
  bool ordered_alone = false;    ///< an engine handed something out though it had heard nobody for longer than its lease
  bool window_exceeded = false;  ///< an engine took a publish though as much as its window allows was unstable
};

class Node {
 public:
  Node(Host host, std::string name, NodeOptions options, protocol::Config config, Random random, Surroundings& around);

  void start(bool with_disk);
  void install(protocol::Versions program) { config_.speaks = program; }  ///< what the next start runs
  void reconfigure(protocol::Config config);  ///< for the next start too
  void kill();  ///< the process ends at once
  void pause();
  /// `ahead`: by how much its host's clock has gone ahead of time meanwhile.
  void resume(protocol::Duration ahead = {});
  void set_wall_clock(protocol::Duration wall);
  void hold_back(bool on);

  void receive(FramePtr frame);
  void link_changed(const std::string& peer, protocol::LinkState state);
  void leave();
  void bootstrap();
  bool force_primary();  ///< false: refused
  void discard();
  void disk_works_again();  ///< what hung goes on
  void note_log();  ///< in the trace
  /// A session's requests. Refused without a word while the process is paused (as seen by a client: no answer).
  bool publish(const checker::Published& publish, protocol::Payload payload, protocol::PublishError& error);
  bool submit(protocol::DirectoryOps ops);

  [[nodiscard]] bool running() const { return engine_.has_value(); }
  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] std::uint64_t pauses() const { return pauses_; }  ///< counts what stopped it, and its ends
  [[nodiscard]] bool responsive() const { return running() && !paused_; }
  [[nodiscard]] bool left() const { return engine_ && engine_->left(); }
  [[nodiscard]] bool leaving() const { return leaving_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const protocol::Engine& engine() const { return *engine_; }
  [[nodiscard]] protocol::NodeId id() const { return engine_->self(); }
  [[nodiscard]] std::uint64_t process() const { return process_; }  ///< counts starts
  [[nodiscard]] const protocol::Config& config() const { return config_; }
  Disk& disk() { return disk_; }
  [[nodiscard]] const Disk& disk() const { return disk_; }
  bool powered = true;

 private:
  using Input = std::function<void(protocol::TimePoint)>;

  void feed(Input input);
  void run(const Input& input);
  void drain();
  void write_next();
  void end_writes(std::size_t writes);
  void put(const protocol::Write& write);
  [[nodiscard]] std::size_t group() const;
  void arm();
  void judge_lease();
  void judge_promise();
  [[nodiscard]] protocol::TimePoint local(protocol::TimePoint world) const;
  [[nodiscard]] protocol::TimePoint world(protocol::TimePoint local) const;

  Host host_;
  std::string name_;
  NodeOptions options_;
  protocol::Config config_;
  Random random_;
  Surroundings& around_;
  Disk disk_;
  std::optional<protocol::Engine> engine_;
  std::optional<checker::Tap> tap_;
  protocol::Outbox outbox_;
  std::deque<Input> waiting_;  ///< while paused
  std::uint64_t process_ = 0;
  std::uint64_t timer_ = 0;    ///< only the latest armed timer fires
  std::optional<protocol::TimePoint> armed_for_;
  std::uint32_t ticks_at_once_ = 0;
  protocol::TimePoint last_tick_{};
  protocol::Duration ahead_{};  ///< its clock, of time as it began with
  std::optional<protocol::View> view_;
  protocol::TimePoint last_received_{};  ///< by its clock
  protocol::Duration longest_lease_{};   ///< that the process was configured with
  bool paused_ = false;
  std::uint64_t pauses_ = 0;
  protocol::TimePoint paused_at_{};
  bool leaving_ = false;
  bool writing_ = false;
  std::size_t hung_ = 0;  ///< writes whose end the disk owes
};

}  // namespace vsync::simulation
