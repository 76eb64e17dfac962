#pragma once
// Reading and writing files whole, for what lies in the state directory and for keys.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "daemon/unique_fd.hpp"

namespace vsync::daemon {

/// "what: the reason" of the system call that failed last.
[[nodiscard]] std::string failure_of(const std::string& what);
/// At the file's position. False: errno says why.
[[nodiscard]] bool write_all(int file, std::span<const std::byte> bytes);
/// From the beginning. False: errno says why; a file that has become shorter meanwhile is an I/O error.
[[nodiscard]] bool read_all(int file, std::vector<std::byte>& bytes);

}  // namespace vsync::daemon
