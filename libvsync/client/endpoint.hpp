#pragma once
// Where the daemon of this host listens, and why it can't be reached there.

#include <string>

#include "vsync/errors.hpp"

namespace vsync::client {

/// `chosen` if set; else VSYNC_ENDPOINT; else the system's socket if it is there; else that of a daemon run by this user.
[[nodiscard]] std::string resolve_endpoint(const std::string& chosen);

/// Looks at the path of an ipc:// endpoint that refuses connections.
[[nodiscard]] ConnectError explain_refusal(const std::string& endpoint);

}  // namespace vsync::client
