#pragma once
// The socket of the applications: a ROUTER on ipc:// over a listening descriptor of our own, so that its mode holds before
// anybody can connect and its backlog takes a storm. A lock beside it keeps a second daemon from stealing the path, which
// bind() alone would allow.

#include <sys/types.h>
#include <uv.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "daemon/configuration.hpp"
#include "daemon/parcel.hpp"
#include "daemon/unique_fd.hpp"
#include "daemon/zmq_poller.hpp"

namespace vsync::daemon {

/// Who is at the other end, by the kernel's word (SO_PEERCRED). Zero pid: in another pid namespace.
struct PeerCredentials {
  uid_t uid = static_cast<uid_t>(-1);  ///< nobody's, where the kernel doesn't say: 0 would be root's
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;
};

class LocalSocket {
 public:
  /// Listens, or takes the listening descriptor that systemd hands over. Throws StartError (in_use, network).
  LocalSocket(uv_loop_t* loop, zmq::context_t& context, const Configuration& configuration);
  ~LocalSocket();
  LocalSocket(const LocalSocket&) = delete;
  LocalSocket& operator=(const LocalSocket&) = delete;

  /// Who may connect from now on: mode and group of the path. One that systemd handed over is systemd's. Throws StartError.
  void set_access(const Configuration& configuration);

  struct Request {
    zmq::message_t route;
    zmq::message_t envelope;
    zmq::message_t body;
    std::size_t parts = 0;  ///< behind the route; sound are exactly 2
    [[nodiscard]] std::string_view route_view() const { return {route.data<char>(), route.size()}; }
    [[nodiscard]] std::optional<PeerCredentials> credentials();
  };
  /// False when there is nothing.
  bool receive(Request& request);
  [[nodiscard]] bool readable() const { return poller_.readable(); }
  [[nodiscard]] bool pending() { return poller_.pending(); }

  enum class Sent : std::uint8_t {
    yes,
    full,  ///< the application doesn't read; the parcel is still the caller's
    gone,  ///< its connection has ended
  };
  Sent send(std::string_view route, Parcel& parcel);
  /// While set, everything is answered `full`: a daemon that doesn't know whether it was excluded hands out nothing.
  void hold(bool held) { held_ = held; }
  [[nodiscard]] bool held() const { return held_; }

 private:
  std::string path_;
  UniqueFd lock_;
  bool handed_over_ = false;
  bool held_ = false;
  zmq::socket_t socket_;
  ZmqPoller poller_;

  zmq::socket_t open(zmq::context_t& context, const Configuration& configuration);
  [[nodiscard]] int listen_on_path(const Configuration& configuration);
};

}  // namespace vsync::daemon
