#pragma once
// Script: a schedule of a simulated cluster as a person writes it, one command per line (README.md lists them). Running it gives
// a transcript: what each line found. The transcript is compared with the expected one, so that changed behaviour is a readable
// diff.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/simulation/world.hpp"

namespace vsync::scenario {

[[nodiscard]] std::optional<protocol::Level> level_of(const std::string& word);
[[nodiscard]] std::string listed(const std::string& names);
[[nodiscard]] std::uint64_t number(const std::string& text);
/// "300ms", "2s", "50us".
[[nodiscard]] protocol::Duration duration(const std::string& text);

/// A line that can't be understood or whose expectation isn't met.
struct Failure {
  std::size_t line = 0;
  std::string text;
};

class Script {
 public:
  /// `echo`: each line stands in the transcript, and not only what was found.
  explicit Script(std::string text, bool echo = true) : text_(std::move(text)), echo_(echo) {}

  /// The transcript. `failures` tells expectations that aren't met; the promises of the checker are among them.
  std::string run(std::vector<Failure>& failures);

 private:
  using Words = std::vector<std::string>;
  /// Frames that a line names: by their type, and by who sends them to whom.
  struct Frames {
    std::string type;  ///< or "everything"
    std::optional<simulation::Host> from, to;
    int left = -1;  ///< how many; -1: all
  };
  enum class Fate : std::uint8_t { lost, held, kills_its_sender };
  struct Doomed {
    Frames frames;
    Fate fate = Fate::lost;
    std::size_t line = 0;
  };
  /// A command that waits until the last of so many frames has arrived.
  struct When {
    Frames frames;
    Words command;
    std::size_t line = 0;
  };
  struct Held {
    simulation::Host from, to;
    simulation::FramePtr frame;
  };

  void command(const Words& words);
  void configure(const Words& words);
  bool act_on_nodes(const Words& words);
  bool act_on_network(const Words& words);
  bool act_on_frames(const Words& words);
  bool act_on_sessions(const Words& words);
  bool act_in_time(const Words& words);
  void expect(const Words& words);
  void expect_node(const Words& words, simulation::Host host);
  void expect_session(const Words& words);
  void show();
  void show_views();
  void judge();
  void build();

  Frames frames_in(const Words& words, std::size_t& at);
  void release();
  void stop(simulation::Host host);
  void do_later(protocol::Duration after, const Words& command, std::size_t line);
  void again(protocol::Duration period, const Words& command, std::size_t line, std::uint64_t until);

  void fail(const std::string& what);
  void check(bool holds, const std::string& otherwise) {
    if (!holds) fail(otherwise);
  }
  bool loses(simulation::Host from, simulation::Host to, const simulation::FramePtr& frame);
  void pump();

  [[nodiscard]] simulation::Host host(const std::string& name);
  [[nodiscard]] std::vector<simulation::Host> hosts(const std::string& names);
  [[nodiscard]] std::vector<simulation::Host> hosts_from(const Words& words, std::size_t first);
  [[nodiscard]] simulation::Session& session(const std::string& name);
  [[nodiscard]] std::string view_at(simulation::Host host) const;
  [[nodiscard]] std::string members_of(const std::string& group, const simulation::Node& node) const;
  [[nodiscard]] std::uint64_t delivered_at(simulation::Host host, const protocol::SessionId& session, std::uint64_t n) const;
  void part(const std::string& session);
  [[nodiscard]] std::size_t count_of(simulation::Host host, const std::function<bool(const checker::TraceBody&)>& what) const;

  std::string text_;
  bool echo_;
  simulation::SwarmOptions options_;
  std::optional<std::uint64_t> seed_;
  protocol::Duration write_ = std::chrono::milliseconds(1);
  std::vector<std::string> names_;
  std::unique_ptr<simulation::World> world_;
  std::map<std::string, std::size_t> sessions_;
  std::map<std::string, protocol::Position> read_;  ///< by session: how far its application had read where it was before
  std::vector<Doomed> doomed_;
  std::deque<When> whens_;
  std::vector<Held> held_;
  std::set<simulation::Host> dying_;  ///< nothing of them leaves any more
  std::uint64_t everys_ended_ = 0;    ///< what began before a later one goes on
  std::vector<Failure>* failures_ = nullptr;
  std::ostringstream transcript_;
  std::size_t line_ = 0;
};

}  // namespace vsync::scenario
