#pragma once
// One connection to the daemon: a DEALER socket that never reconnects. Who wants another connection makes another Line, so that
// nothing meant for one daemon is ever read by the next.

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "client/publish_queue.hpp"

namespace vsync::client {

class Line {
 public:
  enum class Health { connecting, connected, refused, lost };

  /// Throws zmq::error_t for an endpoint that can't be.
  Line(zmq::context_t& context, const std::string& endpoint);
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  /// Waits until something can be read, until something can be sent (if wanted), until `wake_fd` is readable, or `timeout`.
  /// True: `wake_fd` is.
  bool wait(int wake_fd, bool read, bool write, std::chrono::milliseconds timeout);
  /// As of the last look at the socket's events.
  Health health();

  enum class Received { message, nothing, malformed };
  /// A message is exactly two parts; whatever else comes is malformed.
  Received receive(zmq::message_t& envelope, zmq::message_t& body);

  [[nodiscard]] bool writable();
  /// False: not now, nothing was sent. `body` may be nullptr: an empty part.
  bool send(std::span<const std::byte> envelope, const std::shared_ptr<const Body>& body);

 private:
  zmq::socket_t monitor_;  ///< declared first: it outlives the socket it watches
  zmq::socket_t socket_;
  Health health_ = Health::connecting;
};

}  // namespace vsync::client
