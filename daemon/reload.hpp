#pragma once
// A configuration that was read again, against the one in force: what changes at once, what waits for a restart, what can't be.

#include <string>
#include <vector>

#include "daemon/configuration.hpp"

namespace vsync::daemon {

struct Reload {
  struct Change {
    std::string key;  ///< "peer NAME" for a peer
    std::string from;
    std::string to;
  };
  Configuration configuration;   ///< to be in force: of the keys that need a restart it has the running daemon's values
  std::vector<Change> changed;
  std::vector<Change> at_restart;  ///< kept as they were
};

/// `listening`: the daemon has its address for peers already; one that never had peers takes it from `read`, and its keys.
/// Throws StartError (usage) where `read` is another daemon's, or a part of it would be unsafe without what needs a restart.
[[nodiscard]] Reload plan_reload(const Configuration& running, const Configuration& read, bool listening);

/// "log_level: "info" -> "debug""
[[nodiscard]] std::string text_of(const Reload::Change& change);

}  // namespace vsync::daemon
