#include "local_socket_in_memory.hpp"

namespace vsync::daemon {

namespace {
test::Wire* wire = nullptr;
}  // namespace

void test::use(Wire* used) { wire = used; }

ZmqPoller::ZmqPoller(uv_loop_t*, zmq::socket_ref socket) : socket_(socket), poll_([] {}) {}

LocalSocket::LocalSocket(uv_loop_t* loop, zmq::context_t&, const Configuration&) : poller_(loop, socket_) {}

LocalSocket::~LocalSocket() = default;

bool LocalSocket::receive(Request& request) {
  if (wire->requests.empty()) return false;
  const test::Wire::Request next = std::move(wire->requests.front());
  wire->requests.pop_front();
  request.route = zmq::message_t(next.route);
  request.parts = next.parts.size();
  request.envelope = request.parts > 0 ? zmq::message_t(next.parts[0]) : zmq::message_t();
  request.body = request.parts > 1 ? zmq::message_t(next.parts[1]) : zmq::message_t();
  return true;
}

std::optional<PeerCredentials> LocalSocket::Request::credentials() { return wire->credentials; }

LocalSocket::Sent LocalSocket::send(std::string_view route, Parcel& parcel) {
  const auto answer = wire->answers.find(route);
  const Sent result = answer == wire->answers.end() ? Sent::yes : answer->second;
  if (result != Sent::yes) return result;
  wire->sent(route, parcel);
  parcel.envelope.rebuild();  // as ZeroMQ leaves what it has taken
  parcel.body.rebuild();
  return Sent::yes;
}

}  // namespace vsync::daemon
