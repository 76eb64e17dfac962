#pragma once
// Lines of a descriptor, whatever bytes they hold.

#include <string>
#include <string_view>

#include "signals.hpp"

namespace vsync::cli {

class LineReader {
 public:
  enum class Status { line, end, stopped, failed, nothing_yet };

  LineReader(int fd, StopSignal& stop, std::size_t bytes_max) : fd_(fd), stop_(stop), bytes_max_(bytes_max) {}

  /// `line` is without its '\n' and valid until the next call; a last line without '\n' counts if it isn't empty. One longer than
  /// `bytes_max` comes cut off, one byte too long. Waits at most `timeout` (negative: for ever) for more to read.
  Status next(std::string_view& line, std::chrono::milliseconds timeout);

 private:
  int fd_;
  StopSignal& stop_;
  std::size_t bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;    ///< of what isn't handed out
  std::size_t searched_ = 0; ///< no line break before
  bool ended_ = false;
};

}  // namespace vsync::cli
