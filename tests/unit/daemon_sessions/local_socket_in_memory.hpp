#pragma once
// The daemon's LocalSocket without a socket: local_socket_in_memory.cpp defines its members in place of daemon/local_socket.cpp
// and daemon/zmq_poller.cpp, so that sessions run as they are, at the pace of a test or a fuzzer.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/local_socket.hpp"

namespace vsync::daemon::test {

/// What applications have sent, and what becomes of what is sent to them.
struct Wire {
  struct Request {
    std::string route;
    std::vector<std::vector<std::byte>> parts;
  };
  std::deque<Request> requests;
  std::map<std::string, LocalSocket::Sent, std::less<>> answers;  ///< to sends; `yes` unless named
  std::function<void(std::string_view route, const Parcel& parcel)> sent;
  /// Of everybody: nobody's operator.
  std::optional<PeerCredentials> credentials = PeerCredentials{.uid = 12345, .gid = 12345, .pid = 0};
};

/// All sockets use this one until the next call.
void use(Wire* wire);

}  // namespace vsync::daemon::test
