#pragma once
// What both protocols send: an envelope part and a body part. Copies share the bytes.

#include <zmq.hpp>

namespace vsync::daemon {

struct Parcel {
  zmq::message_t envelope;
  zmq::message_t body;

  [[nodiscard]] std::size_t bytes() const { return envelope.size() + body.size(); }
  [[nodiscard]] Parcel share() {
    Parcel copy;
    copy.envelope.copy(envelope);
    copy.body.copy(body);
    return copy;
  }
};

}  // namespace vsync::daemon
