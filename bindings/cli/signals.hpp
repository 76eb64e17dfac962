#pragma once
// SIGINT and SIGTERM as a descriptor: a command that is told to end leaves its groups and says goodbye.

#include <chrono>

namespace vsync::cli {

class StopSignal {
 public:
  /// Before any thread is started, so that all of them leave these signals alone.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Once true, always true.
  [[nodiscard]] bool came();
  /// Waits until `fd` is readable or a stop signal came, at most `timeout` (negative: for ever). True: `fd` is readable.
  bool wait_readable(int fd, std::chrono::milliseconds timeout);

 private:
  int fd_;
  bool came_ = false;
};

}  // namespace vsync::cli
