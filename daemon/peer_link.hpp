#pragma once
// The outgoing side of one peer: a control connection for everything small and urgent, a bulk connection for payload, so that
// a burst of one never delays the other; what ZeroMQ doesn't take at once waits in a bounded queue. Nothing here blocks, and
// what doesn't fit is dropped and counted: the protocol sends again what mattered.

#include <uv.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "daemon/address_choice.hpp"
#include "daemon/configuration.hpp"
#include "daemon/counters.hpp"
#include "daemon/curve_keys.hpp"
#include "daemon/link_report.hpp"
#include "daemon/log.hpp"
#include "daemon/loop_handle.hpp"
#include "daemon/parcel.hpp"
#include "daemon/zmq_poller.hpp"
#include "protocol/link_state.hpp"

namespace vsync::daemon {

/// How soon a connection that swallows everything is given up, measured by the time after which its silence is suspected anyway:
/// TCP itself would repeat a lost packet after longer and longer pauses, long after the path is whole again.
struct LinkTimes {
  int connect_timeout_ms;
  int handshake_timeout_ms;
  int heartbeat_ms;
  int heartbeat_timeout_ms;
  /// For bulk, whose heartbeats wait behind payload, only the path's own slowness must not look like its end.
  int bulk_heartbeat_timeout_ms = 15'000;
  /// `other_way`: there is another address to go over to, before the silence is suspected.
  LinkTimes(protocol::Duration suspect_after, bool other_way);
  bool operator==(const LinkTimes&) const = default;
};

/// What a link is made by; another one has a link made anew.
struct LinkPlan {
  PeerConfiguration peer;
  LinkTimes times;
  std::size_t queue_bytes_max;
  bool operator==(const LinkPlan&) const = default;
};

/// One PUSH connection and what waits for it.
class Outlet {
 public:
  /// What ZeroMQ's monitor says of the connection.
  struct Event {
    std::uint16_t kind = 0;
    std::uint32_t value = 0;
  };

  /// `given_up` is called when ZeroMQ has given the connection up for good, as it does when its encryption or protocol is broken; it
  /// is begun anew then.
  Outlet(uv_loop_t* loop, zmq::context_t& context, const PeerConfiguration& peer, const std::string& endpoint,
         const std::optional<KeyPair>& keys, const LinkTimes& times, bool bulk, std::size_t queue_bytes_max,
         std::function<void()> given_up);
  ~Outlet();
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;

  void connect();
  /// Leaves a connection, which may hang, to its fate.
  void disconnect();
  /// The next thing that the monitor says; to be asked until it is nothing.
  std::optional<Event> next_event();
  /// After that: of a loop that was late, the timer must not speak before ZeroMQ has been heard.
  void begin_anew_if_given_up();
  [[nodiscard]] bool pending() { return monitor_poller_.pending(); }
  /// How many frames were dropped to bound the queue. `heartbeat`: worthless when the next one follows.
  std::size_t send(Parcel parcel, bool heartbeat, bool link_up);
  void flush();
  /// The link is gone, and with it what waited.
  std::size_t clear();

 private:
  struct Waiting {
    Parcel parcel;
    bool heartbeat;
  };
  bool try_send(Parcel& parcel);
  void take_commands();
  void be_patient_no_more();

  std::string endpoint_;
  std::size_t queue_bytes_max_;
  std::deque<Waiting> queue_;
  std::size_t queue_bytes_ = 0;
  zmq::socket_t socket_;
  /// Takes the socket's commands at once. They tell that what waits may be sent, and they end a connection that was left: as long as that
  /// stands half ended, with half a message sent, its failure is an assertion of libzmq (4.3.4, clean_pipes) that stops the process.
  LoopHandle<uv_poll_t> wake_;
  bool wanted_ = false;  ///< between connect() and disconnect(); the monitor may speak of a connection that was left
  zmq::socket_t monitor_;
  ZmqPoller monitor_poller_;
  std::function<void()> given_up_;
  LoopHandle<uv_timer_t> patience_;  ///< runs while a connection is lost and ZeroMQ hasn't said that it tries again
  bool patience_ended_ = false;
};

class PeerLink {
 public:
  using Changed = std::function<void(const std::string& peer, protocol::LinkState state)>;

  PeerLink(uv_loop_t* loop, zmq::context_t& context, const LinkPlan& plan, const std::optional<KeyPair>& keys, Counters& counters, Log& log,
           Changed changed);
  ~PeerLink();

  [[nodiscard]] const LinkPlan& plan() const { return plan_; }
  [[nodiscard]] bool up() const { return up_; }
  /// No process listens at any of its addresses, as far as was heard since it was last up.
  [[nodiscard]] bool all_refuse() const { return choice_.all_refuse(); }
  [[nodiscard]] LinkReport report() const;
  void send(Parcel parcel, bool bulk, bool heartbeat);
  void flush();
  /// Takes what the monitors say of the control connections.
  void observe();
  [[nodiscard]] bool pending();

 private:
  struct Way;

  void on_event(const Outlet::Event& event);
  void on_given_up(const std::string& endpoint);
  void on_up();
  void on_down();
  void on_retried();
  void on_refused(std::size_t address);
  void go_over(Way& left);
  void probe();
  [[nodiscard]] Way& way() const { return *ways_[choice_.current()]; }

  LinkPlan plan_;
  std::string name_;
  Counters& counters_;
  Log& log_;
  Changed changed_;
  bool up_ = false;
  RateLimit handshakes_;
  AddressChoice choice_;
  std::vector<std::unique_ptr<Way>> ways_;  ///< by address
};

}  // namespace vsync::daemon
