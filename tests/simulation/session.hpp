#pragma once
// Session: a simulated application. It attaches to a daemon, joins groups, publishes runs of messages, and does what the client
// library does when things go wrong: resends what is unresolved in order and with the same numbers, waits for Writable at a full
// window, goes to another daemon when its own is gone.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "protocol/events.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/swarm.hpp"

namespace vsync::simulation {

class Session {
 public:
  enum class State : std::uint8_t { away, opening, open };

  Session(std::size_t index, const SwarmOptions& options, Random random);

  /// Its next act: attach, publish, join, leave, move, end. `publishing` false: it only settles what is open.
  void act(std::deque<Node>& nodes, bool publishing);
  /// What its daemon tells it. `home` is the daemon that says so.
  void on_event(Host home, const protocol::Event& event, const protocol::NodeId& self);
  void on_daemon_gone(Host home);

  // For scenarios, which tell it what to do; pump() then does what such a session goes on doing by itself.
  void pump(std::deque<Node>& nodes);
  void give_up() { unresolved_.clear(); }
  void attach(Host home);
  void detach();
  bool try_open(std::deque<Node>& nodes);
  bool join(std::deque<Node>& nodes, const std::string& group);
  bool leave_group(std::deque<Node>& nodes, const std::string& group);
  void add_run(std::uint32_t count, protocol::Level level, std::size_t payload_bytes);
  void send_unsent(std::deque<Node>& nodes);

  [[nodiscard]] const protocol::SessionId& id() const { return id_; }
  [[nodiscard]] std::optional<Host> home() const { return home_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool settled() const { return unresolved_.empty(); }
  /// What it waits for, in words.
  [[nodiscard]] std::string waits_for() const;
  [[nodiscard]] const std::string& application() const { return application_; }

  struct Counts {
    std::uint64_t published = 0, ok = 0, rejected = 0, resent = 0, expired = 0, window_full = 0, moved = 0;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// How the run that begins with n ended; nothing while it is open.
  [[nodiscard]] std::optional<protocol::Outcome> outcome_of(std::uint64_t n) const;

 private:
  struct Run {
    std::uint64_t first_n;
    std::uint32_t count;
    protocol::Level level;
    protocol::Payload payload;
    std::uint64_t digest;
    bool sent = false;
    bool tried = false;
  };

  void renew();
  void choose_home(std::deque<Node>& nodes);
  void publish_burst();
  void change_groups(std::deque<Node>& nodes);
  void move(std::deque<Node>& nodes);
  void go_back();
  void end(std::deque<Node>& nodes);
  void resolved(const protocol::Resolved& resolved);

  std::size_t index_;
  const SwarmOptions& options_;
  Random random_;
  Random homing_;
  protocol::SessionId id_;
  std::string application_;
  std::uint64_t lives_ = 0;
  State state_ = State::away;
  std::optional<Host> home_;
  std::optional<Host> back_to_;  ///< from a short visit elsewhere
  std::uint32_t patience_ = 0;
  bool wait_for_writable_ = false;
  bool spoke_ = false;  ///< some daemon has taken a publish of it
  std::uint64_t next_n_ = 1;
  std::deque<Run> unresolved_;  ///< in the order of n
  std::set<std::string> groups_;
  std::map<std::uint64_t, protocol::Outcome> outcomes_;  ///< final ones
  Counts counts_;
};

}  // namespace vsync::simulation
