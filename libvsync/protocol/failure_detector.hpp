#pragma once
// FailureDetector: evidence about the other daemons. It suspects, it never decides: only a ballot makes an exclusion, and evidence is
// withdrawn by any newer frame. Unreliable failure detectors: Chandra and Toueg (JACM 1996); the adaptive timeout follows
// Jacobson (SIGCOMM 1988): mean plus a multiple of the deviation of what was seen, within configured bounds.
//
// Heartbeats carry the sender's clock as a nonce and echo the newest nonce of everyone heard. An echo proves that its sender has
// heard us since the moment we sent that nonce, whatever the clocks say: leases and self-doubt rest on it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/config.hpp"
#include "protocol/frames.hpp"
#include "protocol/ids.hpp"
#include "protocol/link_state.hpp"

namespace vsync::protocol {

class FailureDetector {
 public:
  /// What is known of a peer's current incarnation.
  struct Peer {
    NodeId node;
    TimePoint last_heard;
    TimePoint heard_since;        ///< without a break longer than the timeout
    TimePoint heartbeat_at;
    std::int64_t nonce = 0;       ///< its newest, to be echoed
    TimePoint echoed;             ///< it has heard us since this moment of our clock
    bool ever_echoed = false;
    bool refused = false;         ///< its host says that the process is gone
    TimePoint refused_at;
    Heartbeat heartbeat;          ///< its newest
    ClusterId cluster;            ///< stamped on it
    Versions speaks;
    Duration gap_mean{0};
    Duration gap_deviation{0};
  };

  explicit FailureDetector(const Config& config) : config_(&config) {}

  /// Time passes. When this node itself was late (paused, starved), silence during that time is no evidence.
  void advance(TimePoint now);
  /// Any frame of `node`. False: it is of an older incarnation than the newest seen, and must be dropped.
  bool heard(TimePoint now, const NodeId& node);
  void on_heartbeat(TimePoint now, const NodeId& self, const Frame& frame, const Heartbeat& heartbeat);
  void forget(const std::string& name) { forgotten_ += peers_.erase(name); }
  /// True when the evidence changed.
  bool on_link(TimePoint now, const std::string& name, LinkState state);

  /// Heard within its timeout, and not gone.
  [[nodiscard]] bool hears(TimePoint now, const NodeId& node) const;
  [[nodiscard]] bool hears(TimePoint now, const Peer& peer) const { return !peer.refused && now - peer.last_heard < timeout(peer); }
  /// Its process is proved gone: by a higher incarnation, or its host's refusal (as seen from here).
  [[nodiscard]] bool gone(const NodeId& node) const;
  [[nodiscard]] bool refused(const NodeId& node) const;
  /// The peer by name, if anything was ever heard of it. Good until a peer is forgotten.
  [[nodiscard]] const Peer* find(const std::string& name) const;
  /// How many were.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }
  [[nodiscard]] const std::map<std::string, Peer>& peers() const { return peers_; }
  /// T in force for this peer.
  [[nodiscard]] Duration timeout(const Peer& peer) const;
  /// It has heard us since `moment`.
  [[nodiscard]] bool heard_us_since(const NodeId& node, TimePoint moment) const;
  /// What a heartbeat tells about whom we hear.
  [[nodiscard]] std::vector<Heard> report(TimePoint now) const;

 private:
  const Config* config_;
  std::map<std::string, Peer> peers_;
  std::uint64_t forgotten_ = 0;
  std::optional<TimePoint> last_advance_;
};

}  // namespace vsync::protocol
