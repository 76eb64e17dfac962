#pragma once
// How strongly a message is confirmed, and what a subscription waits for.

#include <cstdint>

#include "vsync/api.hpp"

namespace vsync {

/// What the publisher asks for. The order never waits for it: confirmations follow as marks. Safe and durable are both uniform; neither
/// is the other.
enum class Level : std::uint8_t {
  agreed,   ///< one order at all members
  uniform,  ///< held by a set of members that every possible next primary view meets
  safe,     ///< held by every member of its view that keeps messages
  /// Uniform, and on the disks of a set of members that every possible next primary view meets: kept through a crash of all daemons,
  /// as long as so many of them come back with their disks as their last view needs to go on. Its outcome and marks take a disk's sync
  /// longer. A subscriber that was away gets the durable messages it missed, as far back as the daemons keep them (durable_keep_bytes).
  durable,
  /// No order but the publisher's own: handed out as soon as it is there and all that its publisher sent before is handed out, also
  /// ahead of what others sent before it. It crosses no view, answers nothing (what its publisher had seen may come later), has no
  /// place in the order, no marks, and no replay. Members that stay together get the same ones. For feeds where a loss at a crash
  /// hardly matters and microseconds do.
  fifo,
};

/// When a subscription hands out its messages. Fifo messages, which nothing confirms, come behind those that wait before them; those that
/// still wait when the daemon is left out of its view (Resync) don't come from there.
enum class DeliverOn : std::uint8_t {
  order,    ///< at once, as soon as the order is known
  uniform,  ///< when it is confirmed uniform
  safe,     ///< when it is confirmed safe
  durable,  ///< when it is confirmed durable; messages that aren't of that level, when they are uniform behind that
};

[[nodiscard]] VSYNC_API const char* name_of(Level level);
[[nodiscard]] VSYNC_API const char* name_of(DeliverOn deliver_on);

}  // namespace vsync
