#pragma once
// How strongly a message is confirmed, and what a subscription waits for.

#include <cstdint>

#include "vsync/api.hpp"

namespace vsync {

/// What the publisher asks for. The order never waits for it: confirmations follow as marks.
enum class Level : std::uint8_t {
  agreed,   ///< one order at all members
  uniform,  ///< held by a set of members that every possible next primary view meets
  safe,     ///< held by every member of its view that keeps messages
};

/// When a subscription hands out its messages.
enum class DeliverOn : std::uint8_t {
  order,    ///< at once, as soon as the order is known
  uniform,  ///< when it is confirmed uniform
  safe,     ///< when it is confirmed safe
};

[[nodiscard]] VSYNC_API const char* name_of(Level level);
[[nodiscard]] VSYNC_API const char* name_of(DeliverOn deliver_on);

}  // namespace vsync
