#include "protocol/failure_detector.hpp"

#include <algorithm>

#include "protocol/mutant.hpp"

namespace vsync::protocol {

void FailureDetector::advance(TimePoint now) {
  // A node that wasn't run for a while has heard nobody, and that is its own fault. It shifts the moments by what it overslept.
  const Duration expected = config_->heartbeat_every * 2;
  if (last_advance_ && now - *last_advance_ > expected) {
    const Duration late = now - *last_advance_ - expected;
    for (auto& [name, peer] : peers_) peer.last_heard += late;
  }
  last_advance_ = now;
}

bool FailureDetector::heard(TimePoint now, const NodeId& node) {
  Peer& peer = peers_[node.name];
  // A host that lost its disk counts from one again: it is believed once the incarnation known here has fallen silent.
  if (node.incarnation < peer.node.incarnation && now - peer.last_heard < timeout(peer)) return false;
  if (node.incarnation != peer.node.incarnation) {
    peer = Peer{};
    peer.node = node;
    peer.heard_since = now;
    peer.last_heard = now;
    return true;
  }
  if (now - peer.last_heard > timeout(peer)) {
    if (mutant(Mutant::suspicion_sticks)) return true;
    peer.heard_since = now;
  }
  peer.last_heard = std::max(peer.last_heard, now);
  return true;
}

void FailureDetector::on_heartbeat(TimePoint now, const NodeId& self, const Frame& frame, const Heartbeat& heartbeat) {
  Peer& peer = peers_[frame.from.name];
  if (heartbeat.nonce < peer.nonce) return;  // an older one overtaken
  const Duration gap = now - peer.heartbeat_at;
  if (peer.nonce != 0 && gap < timeout(peer)) {  // a longer one was a failure, not jitter
    const Duration off = gap > peer.gap_mean ? gap - peer.gap_mean : peer.gap_mean - gap;
    peer.gap_mean += (gap - peer.gap_mean) / 8;
    peer.gap_deviation += (off - peer.gap_deviation) / 4;
  }
  peer.heartbeat_at = now;
  peer.nonce = heartbeat.nonce;
  peer.cluster = frame.cluster;
  peer.speaks = frame.speaks;
  peer.heartbeat = heartbeat;
  for (const Heard& heard : heartbeat.heard) {
    if (heard.node != self || heard.nonce == 0) continue;
    peer.echoed = std::max(peer.echoed, mutant(Mutant::lease_from_arrival) ? now : TimePoint(Duration(heard.nonce)));
    peer.ever_echoed = true;
  }
  // What a process sent before it died may still arrive; only an echo of something newer proves a refusal wrong.
  if (peer.refused && peer.echoed > peer.refused_at) peer.refused = false;
}

bool FailureDetector::on_link(TimePoint now, const std::string& name, LinkState state) {
  const auto found = peers_.find(name);
  if (found == peers_.end()) return false;
  Peer& peer = found->second;
  if (state != LinkState::refused || peer.refused) return false;
  peer.refused = true;
  peer.refused_at = now;
  return true;
}

Duration FailureDetector::timeout(const Peer& peer) const {
  const Duration seen = peer.gap_mean * 2 + peer.gap_deviation * 8;
  return std::clamp<Duration>(seen, config_->suspect_after_min, config_->suspect_after_max);
}

bool FailureDetector::hears(TimePoint now, const NodeId& node) const {
  const Peer* peer = find(node.name);
  return peer != nullptr && peer->node == node && hears(now, *peer);
}

bool FailureDetector::refused(const NodeId& node) const {
  const Peer* peer = find(node.name);
  return peer != nullptr && peer->node == node && peer->refused;
}

bool FailureDetector::gone(const NodeId& node) const {
  const Peer* peer = find(node.name);
  return peer != nullptr && (peer->node.incarnation > node.incarnation || (peer->node == node && peer->refused));
}

const FailureDetector::Peer* FailureDetector::find(const std::string& name) const {
  const auto found = peers_.find(name);
  return found == peers_.end() ? nullptr : &found->second;
}

bool FailureDetector::heard_us_since(const NodeId& node, TimePoint moment) const {
  const Peer* peer = find(node.name);
  return peer != nullptr && peer->node == node && peer->ever_echoed && peer->echoed >= moment;
}

std::vector<Heard> FailureDetector::report(TimePoint now) const {
  std::vector<Heard> out;
  for (const auto& [name, peer] : peers_) {
    if (peer.refused) {
      out.push_back({peer.node, 0, true});
    } else if (hears(now, peer)) {
      out.push_back({peer.node, peer.nonce, false});
    }
  }
  return out;
}

}  // namespace vsync::protocol
