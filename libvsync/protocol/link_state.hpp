#pragma once
// What a transport says about its link to a peer.

#include <cstdint>

namespace vsync::protocol {

enum class LinkState : std::uint8_t {
  up,
  down,
  refused,  ///< its host answers that no process listens: it is gone
};

}  // namespace vsync::protocol
