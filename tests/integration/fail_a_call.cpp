// Preloaded into a daemon: of the calls of one kind that the process makes of the C library, one fails. The environment says
// which:
//
//   VSYNC_FAIL=open:7:28     the seventh, with that errno
//   VSYNC_CALLS=FILE         how many there were of each kind is written there when the process ends by itself
//
// Of writes those to files count. What the C library calls of itself isn't seen (fopen's open); what ZeroMQ and libuv call is.

#undef _FILE_OFFSET_BITS  // makes open() a second name of open64(), and both are wanted here

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

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
  writes,
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
  kinds
};
constexpr std::array<const char*, kinds> names{"open",   "write", "fsync",  "rename",  "mkdir",  "ftruncate",    "flock",
                                               "socket", "bind",  "listen", "connect", "accept", "epoll_create", "eventfd"};
std::array<std::atomic<long>, kinds> calls{};

struct Failure {
  std::size_t kind = kinds;
  long at = 0;
  int error = 0;
};

Failure read_failure() {
  Failure failure;
  char name[32] = "";
  const char* text = std::getenv("VSYNC_FAIL");
  if (text == nullptr || std::sscanf(text, "%31[a-z_]:%ld:%d", name, &failure.at, &failure.error) != 3) return {};
  while (failure.kind-- > 0 && std::string_view(names[failure.kind]) != name) {}
  return failure;
}

/// The error with which this call is to fail; 0: it goes on.
int error_of(Kind kind) {
  static const Failure failure = read_failure();
  return ++calls[kind] == failure.at && kind == failure.kind ? failure.error : 0;
}

template <class Function, class... Arguments>
auto call(Kind kind, const char* name, Arguments... arguments) -> decltype(std::declval<Function*>()(arguments...)) {
  if (const int error = error_of(kind); error != 0) {
    errno = error;
    return -1;
  }
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name))(arguments...);
}

bool is_file(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

template <class Function, class... Arguments>
ssize_t write_to(int fd, const char* name, Arguments... arguments) {
  if (is_file(fd)) return call<Function>(writes, name, fd, arguments...);
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name))(fd, arguments...);
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
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name))(before..., flags, mode);
}

[[gnu::destructor]] void tell_calls() {
  const char* path = std::getenv("VSYNC_CALLS");
  if (path == nullptr) return;
  const long file = ::syscall(SYS_open, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    char line[64];
    ::syscall(SYS_write, file, line, std::snprintf(line, sizeof line, "%s %ld\n", names[kind], calls[kind].load()));
  }
  ::syscall(SYS_close, file);
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
ssize_t write(int fd, const void* data, size_t size) {
  return write_to<ssize_t(int, const void*, size_t)>(fd, "write", data, size);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  return write_to<ssize_t(int, const iovec*, int)>(fd, "writev", parts, count);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return write_to<ssize_t(int, const void*, size_t, off64_t)>(fd, "pwrite64", data, size, at);
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
// NOLINTEND

}  // extern "C"
