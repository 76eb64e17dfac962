#pragma once
// A ZeroMQ socket in a libuv loop.
//
// The socket's descriptor doesn't say "a message is ready" but "the mailbox has commands", and any call on the socket, a send
// included, may take those commands and with them the wake-up. So readiness is remembered here: it begins with the descriptor,
// or with ZMQ_EVENTS asked for before the loop blocks if the socket was used for anything else, and it ends only when a
// receive found nothing. While something is ready the loop must not block: its owner runs an idle handle (engine_loop.cpp).

#include <uv.h>
#include <zmq.hpp>

#include "daemon/loop_handle.hpp"

namespace vsync::daemon {

class ZmqPoller {
 public:
  ZmqPoller(uv_loop_t* loop, zmq::socket_ref socket);

  /// Whether a receive may find something.
  [[nodiscard]] bool readable() const { return readable_; }
  /// A receive found nothing.
  void drained() { readable_ = false; }
  /// The socket was used for something else than a receive until nothing was left: wake-ups may be lost.
  void touched() { touched_ = true; }
  /// Called before the loop blocks: whether it must not, because something can be read.
  [[nodiscard]] bool pending();

 private:
  zmq::socket_ref socket_;
  LoopHandle<uv_poll_t> poll_;
  bool readable_ = true;  // what came before the descriptor was watched
  bool touched_ = true;
};

}  // namespace vsync::daemon
