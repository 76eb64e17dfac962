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
  explicit Cluster(const std::vector<std::string>& names, const Config& base = {});
  ~Cluster();

  struct Node {
    std::unique_ptr<Engine> engine;
    PersistentState disk;
    std::vector<LogRecord> log;
    std::vector<Event> events;
    bool running = false;
    bool paused = false;
    std::uint64_t life = 0;
  };

  void start(const std::string& name);
  void start_all();
  /// The process dies; what is on disk stays, writes under way are lost.
  void crash(const std::string& name, bool tell = true);
  void cut(const std::string& a, const std::string& b);
  void cut_one_way(const std::string& from, const std::string& to) { cut_.insert({from, to}); }
  void heal() { cut_.clear(); }
  /// The process is stopped: nothing runs in it, what is sent to it waits.
  void pause(const std::string& name);
  void resume(const std::string& name);
  /// The host gets an empty disk.
  void wipe(const std::string& name);
  [[nodiscard]] const PersistentState& disk(const std::string& name);
  /// A frame from nowhere: late, repeated or forged.
  void inject(const std::string& to, const Frame& frame);
  void leave(const std::string& name);
  /// What an operator says to a node.
  template <class Command>
  auto tell(const std::string& name, Command command) {
    auto answer = command(at(name), now_);
    drain(name);
    return answer;
  }
  void submit(const std::string& name, DirectoryOps ops);

  Engine& at(const std::string& name);
  std::vector<Event>& events(const std::string& name);
  [[nodiscard]] TimePoint now() const { return now_; }

  /// Members of the view a node has installed, by name.
  std::vector<std::string> view(const std::string& name);
  /// What a node has delivered: "session:n" by position.
  std::vector<std::string> delivered(const std::string& name);
  template <class E>
  std::vector<E> all(const std::string& name) {
    std::vector<E> out;
    for (const Event& event : events(name)) {
      if (const E* wanted = std::get_if<E>(&event)) out.push_back(*wanted);
    }
    return out;
  }

  void open_session(const std::string& name, std::uint64_t session);
  Result<void, PublishError> publish(const std::string& name, std::uint64_t session, std::uint64_t first_n, std::uint32_t count = 1,
                                     Level level = Level::agreed);

  /// Runs until `done` or until `limit` has passed. True if done.
  bool run_until(const std::function<bool()>& done, Duration limit = std::chrono::seconds(20));
  void run_for(Duration time) { run_until(nullptr, time); }
  bool settled(const std::vector<std::string>& members);

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

  void drain(const std::string& name);
  void step();
  void deliver(const Arrival& due);

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
