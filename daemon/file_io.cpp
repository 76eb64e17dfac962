#include "daemon/file_io.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vsync::daemon {

std::string failure_of(const std::string& what) { return what + ": " + std::strerror(errno); }

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = ENOSPC;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

bool read_all(int file, std::vector<std::byte>& bytes) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return false;
  bytes.resize(static_cast<std::size_t>(status.st_size));
  for (std::size_t read = 0; read < bytes.size();) {
    const ssize_t got = ::pread(file, bytes.data() + read, bytes.size() - read, static_cast<off_t>(read));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;
    if (got <= 0) return false;
    read += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace vsync::daemon
