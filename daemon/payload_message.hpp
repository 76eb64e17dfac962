#pragma once
// Payloads and ZeroMQ messages are both bytes with shared ownership; turning one into the other copies nothing.

#include <memory>
#include <utility>
#include <zmq.hpp>

#include "protocol/payload.hpp"

namespace vsync::daemon {

/// The bytes of a received message, which live as long as somebody holds the payload.
inline protocol::Payload payload_of(zmq::message_t message) {
  if (message.size() == 0) return {};
  auto owner = std::make_shared<zmq::message_t>(std::move(message));
  const std::span<const std::byte> bytes{owner->data<std::byte>(), owner->size()};
  return {std::move(owner), bytes};
}

/// A message that refers to `payload`'s bytes. ZeroMQ gives them back on its own thread.
inline zmq::message_t message_of(const protocol::Payload& payload) {
  if (payload.size() == 0) return {};
  auto* holder = new protocol::Payload(payload);
  return {const_cast<std::byte*>(payload.bytes().data()), payload.size(),
          [](void*, void* hint) { delete static_cast<protocol::Payload*>(hint); }, holder};
}

}  // namespace vsync::daemon
