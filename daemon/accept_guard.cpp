#include "daemon/accept_guard.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <string>

#include "daemon/zmtp_guard.hpp"
#include "daemon/start_error.hpp"

namespace vsync::daemon {

namespace {

constexpr std::uint64_t descriptors_for_files = 24;
constexpr std::uint64_t descriptors_per_address = 10;

// libzmq's threads read them.
std::atomic<int> kept_from_applications{INT_MAX};
std::atomic<int> kept_from_peers{INT_MAX};
std::atomic<std::uint64_t> turned_away{0};

/// Applications come by a unix socket, peers by TCP.
bool is_of_applications(int listener) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(listener, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain == AF_UNIX;
}

/// Whether what was accepted must be closed again.
bool is_too_much(int accepted, bool of_applications) { return accepted >= kept_from_peers || (is_kept(accepted) && of_applications); }

/// Of descriptors or memory, which may pass.
bool is_want(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

void keep_descriptors_for(const Configuration& configuration) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  std::size_t addresses = 0;
  for (const PeerConfiguration& peer : configuration.peers) addresses += peer.endpoints.size();
  const std::uint64_t all = std::min<std::uint64_t>(limit.rlim_cur, INT_MAX);
  const std::uint64_t needed = descriptors_for_files + descriptors_per_address * addresses;
  // ZeroMQ and libuv abort where they get none; so it is said here.
  if (all < needed) {
    throw StartError(ExitStatus::failure, "the limit of file descriptors (LimitNOFILE) is " + std::to_string(limit.rlim_cur) +
                                              ": allowed are at least " + std::to_string(needed) + ", and two more for each application");
  }
  keep_descriptors(static_cast<int>(all - std::min(needed, all / 2)), static_cast<int>(all - std::min(descriptors_for_files, all / 4)));
}

void keep_descriptors(int from_applications, int from_peers) {
  kept_from_applications = from_applications;
  kept_from_peers = from_peers;
}
std::uint64_t connections_turned_away() { return turned_away; }
bool is_kept(int descriptor) { return descriptor >= kept_from_applications; }

}  // namespace vsync::daemon

extern "C" __attribute__((visibility("default"))) int accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  const int accepted = static_cast<int>(::syscall(SYS_accept4, listener, address, size, flags));
  if (accepted < 0 && !vsync::daemon::is_want(errno)) return -1;
  if (accepted >= 0) {
    const bool of_applications = vsync::daemon::is_of_applications(listener);
    const bool room = !vsync::daemon::is_too_much(accepted, of_applications);
    if (room && (!of_applications || vsync::daemon::guard_application(accepted))) return accepted;
    ::close(accepted);
  }
  ++vsync::daemon::turned_away;
  errno = ECONNABORTED;  // as if the client had gone again: every user of accept() expects that
  return -1;
}
