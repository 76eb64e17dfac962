#pragma once
// The only place that asks for the time. Boot time also counts while the machine sleeps, and no operator can set it.

#include <time.h>

#include <chrono>

#include "protocol/ids.hpp"

namespace vsync::daemon {

inline std::chrono::nanoseconds read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

inline protocol::TimePoint boot_now() { return protocol::TimePoint(read_clock(CLOCK_BOOTTIME)); }

/// Wall clock minus boot clock.
inline protocol::Duration wall_offset() { return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_BOOTTIME); }

}  // namespace vsync::daemon
