#pragma once
// Who takes part: sessions and members of groups.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "vsync/api.hpp"

namespace vsync {

/// Names one connection of one application for as long as it lives, through reconnects and restarts of its daemon. Random.
struct SessionId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const SessionId&) const = default;
};

/// 32 hexadecimal digits.
[[nodiscard]] VSYNC_API std::string to_string(const SessionId& session);

/// An application in a group.
struct Member {
  SessionId session;
  std::string node;         ///< name of the daemon it is connected to
  std::string application;  ///< what it calls itself
  bool operator==(const Member&) const = default;

  /// How it is shown everywhere: "<application>@<node>#<first 8 hexadecimal digits of the session>".
  [[nodiscard]] VSYNC_API std::string display_name() const;
};

}  // namespace vsync
