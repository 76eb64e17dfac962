#include "daemon/zmq_poller.hpp"

namespace vsync::daemon {

ZmqPoller::ZmqPoller(uv_loop_t* loop, zmq::socket_ref socket) : socket_(socket), poll_([this] { readable_ = true; }) {
  require_of_loop(uv_poll_init(loop, poll_.get(), socket_.get(zmq::sockopt::fd)));
  uv_poll_start(poll_.get(), UV_READABLE, &LoopHandle<uv_poll_t>::call<int, int>);
}

bool ZmqPoller::pending() {
  if (!readable_ && touched_) {
    touched_ = false;
    if ((socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0) readable_ = true;
  }
  return readable_;
}

}  // namespace vsync::daemon
