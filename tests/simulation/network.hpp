#pragma once
// Network: connections between simulated hosts. Each pair of processes has one connection with two channels in each direction (bulk
// and the rest), each first in first out. What is sent without a connection is lost; what meets a cut on its way stalls, as TCP would
// make it, until the cut heals or the connection breaks, which loses everything under way in it.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/frames.hpp"
#include "protocol/link_state.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/schedule.hpp"

namespace vsync::simulation {

using Host = std::size_t;
using FramePtr = std::shared_ptr<const protocol::Frame>;

struct NetworkOptions {
  protocol::Duration delay_min = std::chrono::microseconds(50);
  protocol::Duration delay_max = std::chrono::microseconds(500);
  protocol::Duration bulk_delay_max{};   ///< of bulk frames, if more: they wait behind each other
  protocol::Duration dial_every_min = std::chrono::milliseconds(20);
  protocol::Duration dial_every_max = std::chrono::milliseconds(80);
  protocol::Duration break_after_min = std::chrono::milliseconds(300);  ///< a connection with stalled frames breaks
  protocol::Duration break_after_max = std::chrono::seconds(4);
  std::uint32_t loss_permille = 0;       ///< of single frames, without a word from the connection
  std::uint32_t duplicate_permille = 0;
  std::uint32_t spike_permille = 0;      ///< frames that take much longer, and all behind them
  protocol::Duration spike_max = std::chrono::milliseconds(400);
  std::uint32_t late_permille = 0;       ///< of the frames of a broken connection: they come after all, behind those of the next one
  protocol::Duration late_max = std::chrono::milliseconds(500);
  std::optional<Host> slow_host{};       ///< whose links carry so many bytes of bulk in a second
  std::uint64_t slow_bytes_per_second = 0;
};

/// What the network asks and tells the hosts.
class Hosts {
 public:
  virtual ~Hosts() = default;
  [[nodiscard]] virtual bool running(Host host) const = 0;  ///< its process lives (it may be paused)
  [[nodiscard]] virtual bool powered(Host host) const = 0;  ///< its kernel answers
  virtual void receive(Host host, FramePtr frame) = 0;
  virtual void link_changed(Host host, Host peer, protocol::LinkState state) = 0;
};

class Network {
 public:
  Network(std::size_t hosts, NetworkOptions options, Random random, Schedule& schedule, Hosts& owner);

  void send(Host from, Host to, FramePtr frame, bool bulk);

  /// A process began to run: connections are dialled.
  void started(Host host);
  /// A process ended. With `powered` its kernel resets the connections at once, else the others notice by silence.
  void ended(Host host, bool powered);
  /// A host whose kernel had been silent answers again.
  void woke(Host host);
  /// Breaks a connection, losing what is under way.
  void reset(Host a, Host b);

  /// Cuts one direction. Cuts of several faults add up; each ends by its own mend().
  void cut(Host from, Host to) { ++cuts_[index(from, to)]; }
  void mend(Host from, Host to);
  void mend_all();
  /// Cuts one direction until mend_all(), whatever other cuts end meanwhile.
  void bar(Host from, Host to) { barred_[index(from, to)] = true; }
  /// Bulk frames of one direction are dropped until `empty_queue`.
  void fill_queue(Host from, Host to) { ++full_[index(from, to)]; }
  void empty_queue(Host from, Host to) { full_[index(from, to)] = std::max(0, full_[index(from, to)] - 1); }
  [[nodiscard]] bool open(Host from, Host to) const { return cuts_[index(from, to)] == 0 && !barred_[index(from, to)]; }
  [[nodiscard]] bool connected(Host a, Host b) const { return pair(a, b).connected; }

  NetworkOptions& options() { return options_; }
  /// True: the frame is lost. For scenarios.
  std::function<bool(Host from, Host to, const FramePtr&)> filter;

 private:
  struct Channel {
    protocol::TimePoint free_at{};  ///< of a slow link
    protocol::TimePoint last_arrival{};
    std::deque<FramePtr> stalled;
  };
  struct Pair {
    bool connected = false;
    bool dialling = false;
    bool breaking = false;
    std::uint64_t connection = 0;  ///< counts connections: frames of an older one are lost
  };

  [[nodiscard]] std::size_t index(Host from, Host to) const { return from * hosts_ + to; }
  Pair& pair(Host a, Host b) { return pairs_[index(std::min(a, b), std::max(a, b))]; }
  [[nodiscard]] const Pair& pair(Host a, Host b) const { return pairs_[index(std::min(a, b), std::max(a, b))]; }
  Channel& channel(Host from, Host to, bool bulk) { return channels_[index(from, to) * 2 + (bulk ? 1 : 0)]; }

  void put_under_way(Host from, Host to, FramePtr frame, bool bulk);
  void come_late(Host to, FramePtr frame, std::uint64_t process);
  [[nodiscard]] protocol::Duration time_on_slow_link(const protocol::Frame& frame) const;
  void flush_stalled(Host from, Host to);
  void dial_later(Host a, Host b);
  void dial(Host a, Host b);
  void break_later(Host a, Host b);
  void disconnect(Host a, Host b);
  void tell(Host host, Host peer, protocol::LinkState state, protocol::Duration delay);

  std::size_t hosts_;
  NetworkOptions options_;
  Random random_;
  Schedule& schedule_;
  Hosts& owner_;
  std::vector<int> cuts_;
  std::vector<bool> barred_;
  std::vector<int> full_;
  std::vector<Pair> pairs_;
  std::vector<Channel> channels_;
  std::vector<std::uint64_t> processes_;  ///< counts the starts at each host
};

}  // namespace vsync::simulation
