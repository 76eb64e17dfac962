#include "daemon/spare_memory.hpp"

#include <malloc.h>

#include <ctime>
#include <utility>

namespace vsync::daemon {

namespace {

// Of one processor. Heartbeats alone take about a hundredth.
constexpr int quiet_part = 10;

std::chrono::nanoseconds processor_time() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

SpareMemory::SpareMemory(uv_loop_t* loop) : timer_([this] { look(); }), used_(processor_time()) {
  constexpr auto every = static_cast<std::uint64_t>(std::chrono::milliseconds(look_every).count());
  uv_timer_init(loop, timer_.get());
  uv_unref(reinterpret_cast<uv_handle_t*>(timer_.get()));
  uv_timer_start(timer_.get(), &LoopHandle<uv_timer_t>::call<>, every, every);
}

bool SpareMemory::quiet() {
  const std::chrono::nanoseconds before = std::exchange(used_, processor_time());
  return used_ - before < std::chrono::nanoseconds(look_every) / quiet_part;
}

void SpareMemory::look() {
  if (quiet()) give_back();
}

void SpareMemory::give_back() {
  if (mallinfo2().fordblks > spare_max) malloc_trim(0);
}

}  // namespace vsync::daemon
