// Preloaded into a daemon: of the calls of one kind that the process makes of the C library, one fails. The environment says
// which:
//
//   VSYNC_FAIL=open:7:28     the seventh, with that errno
//   VSYNC_FAIL=read:3:short  the third transfers half of what it could, which is no error
//   VSYNC_CALLS=FILE         what happens is written there: "struck" at that call, and how many calls there were of each kind
//   when
//                            the process ends by itself
//
// Of reads and writes those of files count, of sends and receives those of sockets. What the C library calls of itself isn't seen
// (fopen's open); what ZeroMQ, libuv and the C++ library call is.

#undef _FILE_OFFSET_BITS  // makes open() a second name of open64(), and both are wanted here

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

enum Kind : std::size_t {
  opens,
  reads,
  writes,
  sends,
  receives,
  syncs,
  renames,
  mkdirs,
  truncates,
  locks,
  sockets,
  binds,
  listens,
  connects,
  accepts,
  epolls,
  eventfds,
  pidfds,
  kinds
};
constexpr std::array<const char*, kinds> names{"open",   "read",    "write",     "send",         "recv",    "fsync",
                                               "rename", "mkdir",   "ftruncate", "flock",        "socket",  "bind",
                                               "listen", "connect", "accept",    "epoll_create", "eventfd", "pidfd_open"};
std::array<std::atomic<long>, kinds> calls{};

constexpr int shortened = -1;  // in place of an errno

struct Failure {
  std::size_t kind = kinds;
  long at = 0;
  int error = 0;
};

Failure read_failure() {
  Failure failure;
  char name[32] = "";
  char error[16] = "";
  const char* text = std::getenv("VSYNC_FAIL");
  if (text == nullptr || std::sscanf(text, "%31[a-z_]:%ld:%15s", name, &failure.at, error) != 3) return {};
  failure.error = std::string_view(error) == "short" ? shortened : std::atoi(error);
  while (failure.kind-- > 0 && std::string_view(names[failure.kind]) != name) {}
  return failure;
}

template <class Function, class... Arguments>
auto real(const char* name, Arguments... arguments) -> decltype(std::declval<Function*>()(arguments...)) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name))(arguments...);
}

void tell(const char* text, int size) {
  const char* path = std::getenv("VSYNC_CALLS");
  if (path == nullptr) return;
  const long file = ::syscall(SYS_open, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::syscall(SYS_write, file, text, size);
  ::syscall(SYS_close, file);
}

/// The error with which this call is to fail; 0: it goes on.
int error_of(Kind kind) {
  static const Failure failure = read_failure();
  if (++calls[kind] != failure.at || kind != failure.kind) return 0;
  constexpr std::string_view struck = "struck 1\n";
  tell(struck.data(), struck.size());
  return failure.error;
}

template <class Function, class... Arguments>
auto call(Kind kind, const char* name, Arguments... arguments) -> decltype(std::declval<Function*>()(arguments...)) {
  if (const int error = error_of(kind); error != 0) {
    errno = error;
    return -1;
  }
  return real<Function>(name, arguments...);
}

/// Whether a transfer goes on, of `size` or of half of it.
template <class Size>
bool may_transfer(Kind kind, int fd, Size& size) {
  const int error = error_of(kind);
  if (error == shortened) {
    // Of what there is to be read, if that is less than was asked for.
    int there = 0;
    if (kind != writes && kind != sends && ::ioctl(fd, FIONREAD, &there) == 0 && there > 0)
      size = std::min(size, static_cast<Size>(there));
    size -= size / 2;
  } else if (error != 0) {
    errno = error;
    return false;
  }
  return true;
}

template <class Function, class Data, class Size, class... Rest>
ssize_t transfer(Kind kind, const char* name, int fd, Data* data, Size size, Rest... rest) {
  return may_transfer(kind, fd, size) ? real<Function>(name, fd, data, size, rest...) : -1;
}

bool is_file(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

template <class Function, class Data, class Size, class... Rest>
ssize_t transfer_of_file(Kind kind, const char* name, int fd, Data* data, Size size, Rest... rest) {
  return is_file(fd) ? transfer<Function>(kind, name, fd, data, size, rest...) : real<Function>(name, fd, data, size, rest...);
}

template <class... Arguments>
int open_file(const char* name, int flags, va_list rest, Arguments... before) {
  using Function = int(Arguments..., int, ...);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (const int error = error_of(opens); error != 0) {
    errno = error;
    return -1;
  }
  return real<Function>(name, before..., flags, mode);
}

[[gnu::destructor]] void tell_calls() {
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    char line[64];
    tell(line, std::snprintf(line, sizeof line, "%s %ld\n", names[kind], calls[kind].load()));
  }
}

}  // namespace

extern "C" {

// NOLINTBEGIN: the names and parameters are the C library's
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  return open_file("open", flags, rest, path);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  return open_file("open64", flags, rest, path);
}
int openat(int at, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  return open_file("openat", flags, rest, at, path);
}
int openat64(int at, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  return open_file("openat64", flags, rest, at, path);
}
ssize_t read(int fd, void* data, size_t size) {
  return transfer_of_file<ssize_t(int, void*, size_t)>(reads, "read", fd, data, size);
}
ssize_t pread(int fd, void* data, size_t size, off_t at) {
  return transfer_of_file<ssize_t(int, void*, size_t, off_t)>(reads, "pread", fd, data, size, at);
}
ssize_t pread64(int fd, void* data, size_t size, off64_t at) {
  return transfer_of_file<ssize_t(int, void*, size_t, off64_t)>(reads, "pread64", fd, data, size, at);
}
ssize_t write(int fd, const void* data, size_t size) {
  return transfer_of_file<ssize_t(int, const void*, size_t)>(writes, "write", fd, data, size);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return transfer_of_file<ssize_t(int, const void*, size_t, off_t)>(writes, "pwrite", fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return transfer_of_file<ssize_t(int, const void*, size_t, off64_t)>(writes, "pwrite64", fd, data, size, at);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  return transfer_of_file<ssize_t(int, const iovec*, int)>(writes, "writev", fd, parts, count);
}
ssize_t send(int fd, const void* data, size_t size, int flags) {
  return transfer<ssize_t(int, const void*, size_t, int)>(sends, "send", fd, data, size, flags);
}
ssize_t recv(int fd, void* data, size_t size, int flags) {
  return transfer<ssize_t(int, void*, size_t, int)>(receives, "recv", fd, data, size, flags);
}
int fsync(int fd) { return call<int(int)>(syncs, "fsync", fd); }
int fdatasync(int fd) { return call<int(int)>(syncs, "fdatasync", fd); }
int rename(const char* from, const char* to) { return call<int(const char*, const char*)>(renames, "rename", from, to); }
int renameat(int a, const char* from, int b, const char* to) {
  return call<int(int, const char*, int, const char*)>(renames, "renameat", a, from, b, to);
}
int mkdir(const char* path, mode_t mode) { return call<int(const char*, mode_t)>(mkdirs, "mkdir", path, mode); }
int ftruncate64(int fd, off64_t size) { return call<int(int, off64_t)>(truncates, "ftruncate64", fd, size); }
int ftruncate(int fd, off_t size) { return call<int(int, off_t)>(truncates, "ftruncate", fd, size); }
int flock(int fd, int how) { return call<int(int, int)>(locks, "flock", fd, how); }
int socket(int domain, int type, int protocol) { return call<int(int, int, int)>(sockets, "socket", domain, type, protocol); }
int bind(int fd, const sockaddr* address, socklen_t size) {
  return call<int(int, const sockaddr*, socklen_t)>(binds, "bind", fd, address, size);
}
int listen(int fd, int backlog) { return call<int(int, int)>(listens, "listen", fd, backlog); }
int connect(int fd, const sockaddr* address, socklen_t size) {
  return call<int(int, const sockaddr*, socklen_t)>(connects, "connect", fd, address, size);
}
int accept(int fd, sockaddr* address, socklen_t* size) {
  return call<int(int, sockaddr*, socklen_t*)>(accepts, "accept", fd, address, size);
}
int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  return call<int(int, sockaddr*, socklen_t*, int)>(accepts, "accept4", fd, address, size, flags);
}
int epoll_create(int size) { return call<int(int)>(epolls, "epoll_create", size); }
int epoll_create1(int flags) { return call<int(int)>(epolls, "epoll_create1", flags); }
int eventfd(unsigned count, int flags) { return call<int(unsigned, int)>(eventfds, "eventfd", count, flags); }
// The daemon has an accept4() and a recv() of its own, which call the kernel like this.
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  std::array<long, 6> of{};
  for (long& argument : of) argument = va_arg(rest, long);
  va_end(rest);
  using Function = long(long, ...);
  const auto go_on = [&] {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, "syscall"))(number, of[0], of[1], of[2], of[3], of[4], of[5]);
  };
  if (number == SYS_recvfrom) return may_transfer(receives, static_cast<int>(of[0]), of[2]) ? go_on() : -1;
  const Kind kind = number == SYS_accept4 ? accepts : number == SYS_pidfd_open ? pidfds : kinds;
  if (kind == kinds) return go_on();
  if (const int error = error_of(kind); error != 0) {
    errno = error;
    return -1;
  }
  return go_on();
}
// NOLINTEND

}  // extern "C"
