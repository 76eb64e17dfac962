#pragma once
// What happened, counted. The loop thread is the only writer; `vsync status` shows all of them.

#include <cstdint>

namespace vsync::daemon {

struct Counters {
  std::uint64_t turns = 0;
  std::uint64_t pauses = 0;                  ///< times the loop stood still for longer than a lease
  std::uint64_t frames_received = 0;
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_dropped = 0;          ///< a peer's queue was full or its link down; the protocol sends again
  std::uint64_t frames_malformed = 0;
  std::uint64_t frames_impersonated = 0;     ///< named another sender than the key they came under
  std::uint64_t frames_of_strangers = 0;     ///< of a node that is no peer here, or not any more
  std::uint64_t peers_refused = 0;           ///< handshakes with a key that isn't ours to trust
  std::uint64_t links_up = 0;
  std::uint64_t links_down = 0;
  std::uint64_t connections_turned_away = 0; ///< too few file descriptors were left
  std::uint64_t connections_refused = 0;     ///< applications that say to ZeroMQ what no vsync library says
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_crashed = 0;
  std::uint64_t sessions_refused = 0;
  std::uint64_t sessions_malformed = 0;      ///< ended for what they sent
  std::uint64_t sessions_too_slow = 0;
  std::uint64_t publishes_received = 0;      ///< messages
  std::uint64_t publishes_rejected = 0;
  std::uint64_t deliveries_sent = 0;         ///< messages times sessions
  std::uint64_t deliveries_replayed = 0;     ///< of these, durable ones for who was away
  std::uint64_t state_writes = 0;
  std::uint64_t divergences = 0;             ///< times that replicas were found to differ
};

/// Calls `visit(name, value)` for each.
template <class Visit>
void for_each_counter(const Counters& c, Visit&& visit) {
  visit("turns", c.turns);
  visit("pauses", c.pauses);
  visit("frames_received", c.frames_received);
  visit("frames_sent", c.frames_sent);
  visit("frames_dropped", c.frames_dropped);
  visit("frames_malformed", c.frames_malformed);
  visit("frames_impersonated", c.frames_impersonated);
  visit("frames_of_strangers", c.frames_of_strangers);
  visit("peers_refused", c.peers_refused);
  visit("links_up", c.links_up);
  visit("links_down", c.links_down);
  visit("connections_turned_away", c.connections_turned_away);
  visit("connections_refused", c.connections_refused);
  visit("sessions_opened", c.sessions_opened);
  visit("sessions_crashed", c.sessions_crashed);
  visit("sessions_refused", c.sessions_refused);
  visit("sessions_malformed", c.sessions_malformed);
  visit("sessions_too_slow", c.sessions_too_slow);
  visit("publishes_received", c.publishes_received);
  visit("publishes_rejected", c.publishes_rejected);
  visit("deliveries_sent", c.deliveries_sent);
  visit("deliveries_replayed", c.deliveries_replayed);
  visit("state_writes", c.state_writes);
  visit("divergences", c.divergences);
}

}  // namespace vsync::daemon
