#pragma once
// Script: a schedule of a simulated cluster as a person writes it, one command per line (README.md lists them). Running it gives a
// transcript: what each line found. The transcript is compared with the expected one, so that changed behaviour is a readable diff.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/simulation/world.hpp"

namespace vsync::scenario {

[[nodiscard]] std::optional<protocol::Level> level_of(const std::string& word);

/// A line that can't be understood or whose expectation isn't met.
struct Failure {
  std::size_t line = 0;
  std::string text;
};

class Script {
 public:
  explicit Script(std::string text) : text_(std::move(text)) {}

  /// The transcript. `failures` tells expectations that aren't met; the promises of the checker are among them.
  std::string run(std::vector<Failure>& failures);

 private:
  using Words = std::vector<std::string>;
  struct Drop {
    std::string frame;  ///< name of the frame's type, or "everything"
    std::optional<simulation::Host> from, to;
    int left = -1;      ///< how many; -1: all
    bool kills = false; ///< its sender dies instead of sending it
  };

  void command(const Words& words);
  void configure(const Words& words);
  bool act_on_nodes(const Words& words);
  bool act_on_network(const Words& words);
  bool act_on_sessions(const Words& words);
  void expect(const Words& words);
  void expect_node(const Words& words, simulation::Host host);
  void expect_session(const Words& words);
  void show();
  void judge();
  void build();

  void fail(const std::string& what);
  void check(bool holds, const std::string& otherwise) { if (!holds) fail(otherwise); }
  bool loses(simulation::Host from, simulation::Host to, const protocol::Frame& frame);
  void pump();

  [[nodiscard]] simulation::Host host(const std::string& name);
  [[nodiscard]] std::vector<simulation::Host> hosts(const std::string& names);
  [[nodiscard]] simulation::Session& session(const std::string& name);
  [[nodiscard]] std::string view_at(simulation::Host host) const;
  [[nodiscard]] std::uint64_t delivered_at(simulation::Host host, const protocol::SessionId& session, std::uint64_t n) const;
  void part(const std::string& session);
  [[nodiscard]] std::size_t count_of(simulation::Host host, const std::function<bool(const checker::TraceBody&)>& what) const;

  std::string text_;
  simulation::SwarmOptions options_;
  std::vector<std::string> names_;
  std::unique_ptr<simulation::World> world_;
  std::map<std::string, std::size_t> sessions_;
  std::map<std::string, protocol::Position> read_;  ///< by session: how far its application had read where it was before
  std::vector<Drop> drops_;
  std::vector<Failure>* failures_ = nullptr;
  std::ostringstream transcript_;
  std::size_t line_ = 0;
};

}  // namespace vsync::scenario
