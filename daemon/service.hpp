#pragma once
// What systemd wants to know: ready, how it stands in words, alive, stopping. Silent where nobody asks.

#include <uv.h>

#include <memory>
#include <string>

#include "daemon/loop_handle.hpp"
#include "protocol/engine.hpp"

namespace vsync::daemon {

class Service {
 public:
  /// Keeps the watchdog fed from `loop`: a stalled loop feeds nobody.
  explicit Service(uv_loop_t* loop);

  /// Ready is a node in a primary view, or one that knows what it waits for.
  void report(const protocol::Status& status);
  void stopping();
  /// Around a reload, which systemd shows while it lasts.
  void reloading();
  void reloaded();

 private:
  std::string last_;
  bool ready_ = false;
  LoopHandle<uv_timer_t> watchdog_;
};

}  // namespace vsync::daemon
