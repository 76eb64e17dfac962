#pragma once
// What the status says of the link to a peer.

#include <string>

namespace vsync::daemon {

struct LinkReport {
  std::string peer;
  std::string endpoint;  ///< the address in use, or tried now
  bool up = false;
  std::string next;      ///< the address that takes its place as soon as it works; mostly none
};

}  // namespace vsync::daemon
