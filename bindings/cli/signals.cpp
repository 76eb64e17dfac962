#include "signals.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace vsync::cli {

StopSignal::StopSignal() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  fd_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

StopSignal::~StopSignal() { ::close(fd_); }

bool StopSignal::came() {
  signalfd_siginfo info{};
  if (!came_ && ::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) came_ = true;
  return came_;
}

bool StopSignal::wait_readable(int fd, std::chrono::milliseconds timeout) {
  if (came()) return false;
  pollfd items[] = {{fd, POLLIN, 0}, {fd_, POLLIN, 0}};
  return ::poll(items, 2, static_cast<int>(timeout.count())) > 0 && items[0].revents != 0;
}

}  // namespace vsync::cli
