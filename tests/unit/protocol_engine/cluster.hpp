#pragma once
// A handful of engines on a perfect network whose time a test moves: frames arrive after a fixed delay, writes after another, unless
// the test cuts, stops or crashes something. For rules of the engine; what chance may bring is the simulation's.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "protocol/engine.hpp"

namespace vsync::protocol::test {

class Cluster {
 public:
  explicit Cluster(const std::vector<std::string>& names, Config base = {}) : base_(base), names_(names) {}

  struct Node {
    std::unique_ptr<Engine> engine;
    PersistentState disk;
    std::vector<LogRecord> log;
    std::vector<Event> events;
    bool running = false;
    bool paused = false;
    std::uint64_t life = 0;
  };

  void start(const std::string& name) {
    Node& node = nodes_[name];
    Config config = base_;
    for (const std::string& other : names_) {
      if (other != name) config.peers.push_back(other);
    }
    if (configure) configure(name, config);
    ++node.disk.incarnation_counter;
    ++node.life;
    const NodeId self{name, {node.disk.incarnation_counter, seed_}};
    node.engine = std::make_unique<Engine>(self, config, Restored{node.disk, node.log}, ++seed_);
    node.running = true;
    node.engine->start(now_);
    drain(name);
  }
  void start_all() {
    for (const std::string& name : names_) start(name);
  }
  /// The process dies; what is on disk stays, writes under way are lost.
  void crash(const std::string& name, bool tell = true) {
    nodes_[name].running = false;
    for (const std::string& other : names_) {
      if (!tell || other == name || !nodes_[other].running || cut_.contains({other, name})) continue;
      nodes_[other].engine->on_link(now_, name, LinkState::refused);
      drain(other);
    }
  }
  void cut(const std::string& a, const std::string& b) { cut_.insert({a, b}); cut_.insert({b, a}); }
  void cut_one_way(const std::string& from, const std::string& to) { cut_.insert({from, to}); }
  void heal() { cut_.clear(); }
  /// The process is stopped: nothing runs in it, what is sent to it waits.
  void pause(const std::string& name) { nodes_[name].paused = true; }
  void resume(const std::string& name) { nodes_[name].paused = false; }
  /// The host gets an empty disk.
  void wipe(const std::string& name) {
    nodes_[name].disk = {};
    nodes_[name].log.clear();
  }
  [[nodiscard]] const PersistentState& disk(const std::string& name) { return nodes_[name].disk; }
  /// A frame from nowhere: late, repeated or forged.
  void inject(const std::string& to, const Frame& frame) {
    nodes_[to].engine->on_frame(now_, frame);
    drain(to);
  }
  void leave(const std::string& name) {
    at(name).leave(now_);
    drain(name);
  }
  /// What an operator says to a node.
  template <class Command>
  auto tell(const std::string& name, Command command) {
    auto answer = command(at(name), now_);
    drain(name);
    return answer;
  }
  void submit(const std::string& name, DirectoryOps ops) {
    (void)at(name).submit(now_, std::move(ops));
    drain(name);
  }

  Engine& at(const std::string& name) { return *nodes_[name].engine; }
  std::vector<Event>& events(const std::string& name) { return nodes_[name].events; }
  [[nodiscard]] TimePoint now() const { return now_; }

  /// Members of the view a node has installed, by name.
  std::vector<std::string> view(const std::string& name) {
    std::vector<std::string> members;
    if (const auto view = at(name).status().view) {
      for (const Member& member : view->members) members.push_back(member.node.name);
    }
    return members;
  }
  /// What a node has delivered: "session:n" by position.
  std::vector<std::string> delivered(const std::string& name) {
    std::vector<std::string> out;
    for (const Event& event : events(name)) {
      const auto* delivered = std::get_if<Delivered>(&event);
      if (delivered == nullptr) continue;
      for (std::uint32_t i = delivered->skip; i < delivered->chunk.count; ++i) {
        out.push_back(std::to_string(delivered->chunk.session.low) + ":" + std::to_string(delivered->chunk.first_n + i));
      }
    }
    return out;
  }
  template <class E>
  std::vector<E> all(const std::string& name) {
    std::vector<E> out;
    for (const Event& event : events(name)) {
      if (const E* wanted = std::get_if<E>(&event)) out.push_back(*wanted);
    }
    return out;
  }

  void open_session(const std::string& name, std::uint64_t session) {
    (void)at(name).submit(now_, {OpenSession{{0, session}, at(name).self(), "app"}});
    drain(name);
  }
  Result<void, PublishError> publish(const std::string& name, std::uint64_t session, std::uint64_t first_n, std::uint32_t count = 1,
                                     Level level = Level::agreed) {
    auto result = at(name).publish(now_, {0, session}, first_n, count, Lane{}, level, Payload(std::vector<std::byte>(count)));
    drain(name);
    return result;
  }

  /// Runs until `done` or until `limit` has passed. True if done.
  bool run_until(const std::function<bool()>& done, Duration limit = std::chrono::seconds(20)) {
    const TimePoint end = now_ + limit;
    while (now_ < end) {
      if (done && done()) return true;
      step();
    }
    return done && done();
  }
  void run_for(Duration time) { run_until(nullptr, time); }
  bool settled(const std::vector<std::string>& members) {
    for (const std::string& name : members) {
      const Status status = at(name).status();
      if (status.component != ComponentState::primary || view(name) != view(members.front()) || view(name).size() != members.size()) return false;
      for (const Member& member : status.view->members) {
        if (!member.loaded || member.weight == 0) return false;
      }
    }
    return true;
  }

  std::function<bool(const std::string& from, const std::string& to, const Frame&)> drop;
  std::function<void(const std::string& to, Frame&)> alter;  ///< a fault of memory on the way
  std::function<void(const std::string& name, Config&)> configure;
  std::function<void(const std::string& name, const Write&)> written;  ///< is on the disk
  Duration write_delay = std::chrono::milliseconds(1);

 private:
  struct Arrival {
    TimePoint at;
    std::string to;
    std::uint64_t life;  // of the process whose write it is
    std::shared_ptr<const Frame> frame;  // or, if null, a write that is done
    std::string from;
    Write write;
  };

  void drain(const std::string& name) {
    Node& node = nodes_[name];
    node.engine->drain(outbox_);
    for (Event& event : outbox_.events) node.events.push_back(std::move(event));
    for (Write& write : outbox_.writes) arrivals_.push_back({now_ + write_delay, name, node.life, nullptr, name, write});
    for (Outgoing& frame : outbox_.frames) {
      if (cut_.contains({name, frame.to}) || (drop && drop(name, frame.to, *frame.frame))) continue;
      std::shared_ptr<const Frame> sent = frame.frame;
      if (alter) {
        Frame altered = *sent;
        alter(frame.to, altered);
        sent = std::make_shared<const Frame>(std::move(altered));
      }
      arrivals_.push_back({now_ + frame_delay, frame.to, 0, std::move(sent), name, {}});
    }
  }

  void step() {
    TimePoint next = now_ + std::chrono::milliseconds(10);
    for (const Arrival& arrival : arrivals_) {
      if (!nodes_[arrival.to].paused) next = std::min(next, arrival.at);
    }
    for (const auto& [name, node] : nodes_) {
      if (!node.running || node.paused) continue;
      if (const auto deadline = node.engine->next_deadline()) next = std::min(next, *deadline);
    }
    now_ = std::max(now_ + std::chrono::microseconds(1), next);
    for (auto arrival = arrivals_.begin(); arrival != arrivals_.end();) {
      if (arrival->at > now_ || nodes_[arrival->to].paused) {
        ++arrival;
        continue;
      }
      const Arrival due = *arrival;
      arrival = arrivals_.erase(arrival);
      deliver(due);
      arrival = arrivals_.begin();
    }
    for (auto& [name, node] : nodes_) {
      if (!node.running || node.paused) continue;
      node.engine->on_tick(now_);
      drain(name);
    }
  }
  void deliver(const Arrival& due) {
    Node& node = nodes_[due.to];
    if (!node.running) return;
    if (due.frame == nullptr) {
      if (due.life != node.life) return;
      node.log.insert(node.log.end(), due.write.log.begin(), due.write.log.end());
      if (due.write.state) node.disk = *due.write.state;
      if (written) written(due.to, due.write);
      node.engine->on_persisted(now_, due.write.token);
    } else if (!cut_.contains({due.from, due.to})) {
      node.engine->on_frame(now_, *due.frame);
    }
    drain(due.to);
  }

  static constexpr Duration frame_delay = std::chrono::microseconds(200);

  Config base_;
  std::vector<std::string> names_;
  std::map<std::string, Node> nodes_;
  std::set<std::pair<std::string, std::string>> cut_;
  std::deque<Arrival> arrivals_;
  Outbox outbox_;
  TimePoint now_{std::chrono::seconds(100)};
  std::uint64_t seed_ = 1;
};

}  // namespace vsync::protocol::test
