#pragma once
// All links between this daemon and its peers: one bound PULL socket for what comes in, a PeerLink per peer for what goes out.
// With CURVE a frame is taken only if it names the node whose key it came under.

#include <uv.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "daemon/configuration.hpp"
#include "daemon/counters.hpp"
#include "daemon/curve_keys.hpp"
#include "daemon/link_report.hpp"
#include "daemon/log.hpp"
#include "daemon/peer_link.hpp"
#include "daemon/zap_handler.hpp"
#include "daemon/zmq_poller.hpp"
#include "protocol/engine.hpp"

namespace vsync::daemon {

struct LinkChange {
  std::string peer;
  protocol::LinkState state;
};

class PeerLinks {
 public:
  /// Binds and connects. Throws StartError (usage, in_use, network).
  PeerLinks(uv_loop_t* loop, zmq::context_t& context, const Configuration& configuration, Counters& counters, Log& log);

  /// Other peers, or known ones by other addresses, keys or times. A link that works is used until the one that takes its place works,
  /// too: a wrong address costs nothing. A peer that is named no more is kept until `keep_only`. Throws StartError like the constructor,
  /// having changed nothing.
  void reconfigure(const Configuration& configuration);
  /// Ends the links to peers that are neither configured nor among `wanted`.
  void keep_only(std::span<const std::string> wanted);
  [[nodiscard]] bool any_unconfigured() const;
  /// Has its address. That is so from the first peer on.
  [[nodiscard]] bool listening() const { return poller_ != nullptr; }

  /// Called before the loop blocks: whether it must not.
  [[nodiscard]] bool pending();
  /// Looks at handshakes and links; appends what changed to `changes`.
  void observe(std::vector<LinkChange>& changes);
  /// Receives up to a budget; each sound frame goes to `use`.
  template <class Use>
  void receive(Use&& use) {
    for (std::size_t i = 0; poller_ && i < receive_budget && poller_->readable(); ++i) {
      if (std::optional<protocol::Frame> frame = receive_one()) use(*frame);
    }
  }
  void send(std::span<const protocol::Outgoing> frames);
  /// Sends what waited.
  void flush();
  [[nodiscard]] std::vector<LinkReport> report() const;

 private:
  static constexpr std::size_t receive_budget = 256;
  struct Peer {
    std::unique_ptr<PeerLink> link;
    std::unique_ptr<PeerLink> next;  ///< or null: takes the other's place once it is up
    bool configured = true;
  };
  std::optional<protocol::Frame> receive_one();
  bool take_parts(zmq::message_t& envelope, zmq::message_t& body);
  void bind(zmq::context_t& context, const Configuration& configuration);
  void listen(const Configuration& configuration);
  [[nodiscard]] std::unique_ptr<PeerLink> make_link(const LinkPlan& plan);
  [[nodiscard]] Peer* find(const std::string& name);
  void on_change(const std::string& name, protocol::LinkState state);
  void put_in_place(Peer& peer);
  void tell_who_may_connect();
  [[nodiscard]] Parcel seal(const protocol::Frame& frame);

  uv_loop_t* loop_;
  zmq::context_t& context_;
  Counters& counters_;
  Log& log_;
  RateLimit malformed_;
  std::optional<KeyPair> keys_;
  std::vector<LinkChange> changes_;
  std::vector<std::byte> scratch_;
  std::unique_ptr<ZapHandler> zap_;
  zmq::socket_t inbound_;
  std::unique_ptr<ZmqPoller> poller_;
  std::vector<Peer> peers_;
};

}  // namespace vsync::daemon
