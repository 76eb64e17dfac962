#pragma once
// A session's secret and its id. The application and the daemon that it speaks to know the former; the latter is read by everybody who
// reads what it publishes, and must not be enough to take the session over, be it at another daemon or behind a restart of its own.

#include <cstdint>

#include "protocol/ids.hpp"

namespace vsync::wire {

struct SessionSecret {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  [[nodiscard]] bool empty() const { return high == 0 && low == 0; }
  bool operator==(const SessionSecret&) const = default;
};

/// Its BLAKE2b hash of 16 bytes (RFC 7693), which nobody finds the secret by.
[[nodiscard]] protocol::SessionId session_of(const SessionSecret& secret);

}  // namespace vsync::wire
