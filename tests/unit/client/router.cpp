#include "router.hpp"

#include <zmq.hpp>

namespace vsync::testing {
namespace {

std::vector<std::byte> bytes_of(const zmq::message_t& message) {
  const auto* bytes = static_cast<const std::byte*>(message.data());
  return {bytes, bytes + message.size()};
}

}  // namespace

struct Router::Socket {
  zmq::context_t context;
  zmq::socket_t router{context, zmq::socket_type::router};
};

Router::Router(const std::string& endpoint) : socket_(std::make_unique<Socket>()) {
  socket_->router.set(zmq::sockopt::linger, 0);
  socket_->router.set(zmq::sockopt::sndhwm, 0);
  socket_->router.bind(endpoint);
}

Router::~Router() = default;

void Router::wait() {
  zmq_pollitem_t item{socket_->router.handle(), 0, ZMQ_POLLIN, 0};
  zmq_poll(&item, 1, 1);
}

bool Router::receive(Request& request) {
  zmq::message_t route;
  if (!socket_->router.recv(route, zmq::recv_flags::dontwait)) return false;
  zmq::message_t envelope;
  zmq::message_t body;
  static_cast<void>(socket_->router.recv(envelope));
  static_cast<void>(socket_->router.recv(body));
  request = {route.to_string(), bytes_of(envelope), bytes_of(body)};
  return true;
}

void Router::send(const std::string& route, const std::vector<std::string>& parts) {
  socket_->router.send(zmq::buffer(route), zmq::send_flags::sndmore);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    socket_->router.send(zmq::buffer(parts[i]), i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

}  // namespace vsync::testing
