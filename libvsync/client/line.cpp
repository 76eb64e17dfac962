#include "client/line.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <utility>

#include "wire/limits.hpp"

namespace vsync::client {
namespace {

/// Batches that may wait inside ZeroMQ. Few: while they wait, the next batch still grows here, where nothing is lost when the
/// line is.
constexpr int sends_under_way = 2;
constexpr int receives_under_way = 256;
constexpr std::int64_t frame_bytes_max = wire::local_envelope_bytes_max;
static_assert(wire::local_envelope_bytes_max >= wire::batch_bytes_max);
/// Longer than any line lives without one: the library makes a new socket instead.
constexpr int never_ms = 24 * 3600 * 1000;
/// From here on handing over the buffer is cheaper than copying it.
constexpr std::size_t zero_copy_bytes = 4096;

zmq::message_t message_of(const std::shared_ptr<const Body>& body) {
  if (body == nullptr) return {};
  if (body->size() < zero_copy_bytes) return {body->data(), body->size()};
  auto* reference = new std::shared_ptr<const Body>(body);
  const auto release = [](void*, void* hint) { delete static_cast<std::shared_ptr<const Body>*>(hint); };
  return {const_cast<std::byte*>(body->data()), body->size(), release, reference};  // ZeroMQ only reads it
}

}  // namespace

Line::Line(zmq::context_t& context, const std::string& endpoint)
    : monitor_(context, zmq::socket_type::pair), socket_(context, zmq::socket_type::dealer) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::sndhwm, sends_under_way);
  socket_.set(zmq::sockopt::rcvhwm, receives_under_way);
  socket_.set(zmq::sockopt::maxmsgsize, frame_bytes_max);
  socket_.set(zmq::sockopt::reconnect_ivl, never_ms);
  monitor_.set(zmq::sockopt::linger, 0);
  static std::atomic<std::uint64_t> lines = 0;
  const std::string watch = "inproc://vsync-line-" + std::to_string(++lines);
  const int watched = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED |
                      ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
  if (zmq_socket_monitor(socket_.handle(), watch.c_str(), watched) != 0) throw zmq::error_t();
  monitor_.connect(watch);
  socket_.connect(endpoint);
}

// ZeroMQ's I/O thread sends monitor events without a timeout: one that finds the reading end gone holds up every socket of the
// context for good. So the monitoring ends while the reading end is still there.
Line::~Line() { zmq_socket_monitor(socket_.handle(), nullptr, 0); }

bool Line::wait(int wake_fd, bool read, bool write, std::chrono::milliseconds timeout) {
  const auto wanted = static_cast<short>((read ? ZMQ_POLLIN : 0) | (write ? ZMQ_POLLOUT : 0));
  zmq_pollitem_t items[] = {{monitor_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, wake_fd, ZMQ_POLLIN, 0}, {socket_.handle(), 0, wanted, 0}};
  zmq_poll(items, wanted == 0 ? 2 : 3, static_cast<long>(timeout.count()));  // an interrupted wait is a short wait
  return items[1].revents != 0;
}

Line::Health Line::health() {
  zmq::message_t event;
  while (monitor_.recv(event, zmq::recv_flags::dontwait)) {
    std::uint16_t kind = 0;
    if (event.size() >= sizeof kind) std::memcpy(&kind, event.data(), sizeof kind);
    zmq::message_t endpoint;
    if (event.more()) static_cast<void>(monitor_.recv(endpoint));
    if (health_ == Health::lost || health_ == Health::refused) continue;
    if (kind == ZMQ_EVENT_CONNECTED) {
      health_ = Health::connected;
    } else {
      health_ = health_ == Health::connecting ? Health::refused : Health::lost;
    }
  }
  return health_;
}

Line::Received Line::receive(zmq::message_t& envelope, zmq::message_t& body) {
  if (!socket_.recv(envelope, zmq::recv_flags::dontwait)) return Received::nothing;
  if (!envelope.more() || !socket_.recv(body, zmq::recv_flags::dontwait)) return Received::malformed;
  return body.more() ? Received::malformed : Received::message;
}

bool Line::writable() { return (socket_.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0; }

bool Line::send(std::span<const std::byte> envelope, const std::shared_ptr<const Body>& body) {
  zmq::message_t head(envelope.data(), envelope.size());
  if (!socket_.send(head, zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return false;
  zmq::message_t rest = message_of(body);
  // The room was found for the whole message: a second part is only refused when the line is gone, and then nothing arrives.
  static_cast<void>(socket_.send(rest, zmq::send_flags::dontwait));
  return true;
}

}  // namespace vsync::client
