#pragma once
// The daemon as a whole: builds the parts in the order in which they can fail best, runs them, takes them down.

#include "daemon/configuration.hpp"
#include "daemon/start_error.hpp"

namespace vsync::daemon {

/// Throws StartError when the start can't go on; otherwise returns when the daemon has stopped.
ExitStatus run_daemon(const Configuration& configuration, const ConfigurationSource& source = {});

}  // namespace vsync::daemon
