#pragma once
// What the status says of the link to a peer.

#include <string>

namespace vsync::daemon {

struct LinkReport {
  std::string peer;
  std::string endpoint;  ///< the address in use, or tried now
  bool up = false;
};

}  // namespace vsync::daemon
