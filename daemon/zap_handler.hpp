#pragma once
// Who may connect as a peer: ZeroMQ asks this handler (RFC 27, ZAP) with the public key a peer has proved to hold. Known keys
// get their node's name as User-Id on every message; others get no connection. Runs in the daemon's loop.

#include <uv.h>

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <zmq.hpp>

#include "daemon/configuration.hpp"
#include "daemon/counters.hpp"
#include "daemon/log.hpp"
#include "daemon/zmq_poller.hpp"

namespace vsync::daemon {

class ZapHandler {
 public:
  /// Must be there before a socket with `domain()` binds.
  ZapHandler(uv_loop_t* loop, zmq::context_t& context, Counters& counters, Log& log);

  /// Who may connect from now on. A peer may have several keys.
  void let_in(const std::vector<PeerConfiguration>& peers);

  static const char* domain() { return "vsync-peers"; }
  /// Answers what was asked.
  void serve();
  [[nodiscard]] bool pending() { return poller_.pending(); }

 private:
  using Key = std::array<std::byte, 32>;
  void answer(const std::vector<zmq::message_t>& request);

  std::map<Key, std::string> names_;
  Counters& counters_;
  Log& log_;
  RateLimit refusals_;
  zmq::socket_t socket_;
  ZmqPoller poller_;
};

}  // namespace vsync::daemon
