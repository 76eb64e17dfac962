#include "daemon/accept_guard.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>

namespace vsync::daemon {

namespace {

// libzmq's threads read them.
std::atomic<int> first_kept{INT_MAX};
std::atomic<std::uint64_t> turned_away{0};

}  // namespace

void keep_descriptors_from(int first) { first_kept = first; }
std::uint64_t connections_turned_away() { return turned_away; }
bool is_kept(int descriptor) { return descriptor >= first_kept; }

}  // namespace vsync::daemon

extern "C" __attribute__((visibility("default"))) int accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  const int accepted = static_cast<int>(::syscall(SYS_accept4, listener, address, size, flags));
  if (accepted >= 0 && !vsync::daemon::is_kept(accepted)) return accepted;
  if (accepted < 0 && errno != EMFILE && errno != ENFILE) return -1;
  if (accepted >= 0) ::close(accepted);
  ++vsync::daemon::turned_away;
  errno = ECONNABORTED;  // as if the client had gone again: every user of accept() expects that
  return -1;
}
