#pragma once
// Asks a peer's host whether anything listens at the peer's address. "Connection refused" is the kernel's own word that the
// process is gone; silence (a partition, a dead host, a paused daemon) is no answer and never reported.
//
// ZeroMQ's monitor can't tell the two apart, so this is a connect() of our own, closed at once.

#include <uv.h>

#include <functional>
#include <memory>

#include "daemon/configuration.hpp"

namespace vsync::daemon {

class RefusalProbe {
 public:
  /// `refused` is called on the loop's thread.
  RefusalProbe(uv_loop_t* loop, Endpoint endpoint, std::function<void()> refused);
  ~RefusalProbe();
  RefusalProbe(const RefusalProbe&) = delete;
  RefusalProbe& operator=(const RefusalProbe&) = delete;

  /// Starts a probe; one under way for less than a second is left to end.
  void probe();

 private:
  struct Attempt;
  void abandon();

  uv_loop_t* loop_;
  Endpoint endpoint_;
  std::function<void()> refused_;
  Attempt* attempt_ = nullptr;  ///< owned by the loop until its callbacks have run
};

}  // namespace vsync::daemon
