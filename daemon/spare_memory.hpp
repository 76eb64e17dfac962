#pragma once
// Gives memory back. What a burst of messages, a storm of joins or a slow application made the daemon hold is free afterwards,
// but glibc keeps it for the next one, in pieces between what is in use, for good: its own threshold looks at the heap's end
// only.

#include <uv.h>

#include <chrono>
#include <cstddef>

#include "daemon/loop_handle.hpp"

namespace vsync::daemon {

class SpareMemory {
 public:
  static constexpr std::chrono::seconds look_every{5};
  static constexpr std::size_t spare_max = 1u << 20;  ///< free memory that a quiet daemon keeps: a tenth of what it has in all

  /// From now on looks every `look_every`.
  explicit SpareMemory(uv_loop_t* loop);

  /// All there is, if it is more than `spare_max`.
  static void give_back();

 private:
  void look();
  /// Hardly any processor time since the last look: nobody needs the memory soon, and nobody waits while it goes.
  [[nodiscard]] bool quiet();

  LoopHandle<uv_timer_t> timer_;
  std::chrono::nanoseconds used_{0};  ///< processor time, at the last look
};

}  // namespace vsync::daemon
