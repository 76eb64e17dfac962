#pragma once
// What a node must find again after a crash: promises, acceptances and the view they belong to (Paxos' stable storage).

#include <cstdint>
#include <optional>

#include "protocol/frames.hpp"
#include "protocol/ids.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol {

/// Written as a whole, atomically: the old one or the new one is found again, never a mixture.
struct PersistentState {
  std::uint64_t incarnation_counter = 0;  ///< of the node that wrote it; the next start takes a higher one
  ClusterId cluster;
  std::optional<View> installed;
  Ballot promised;                        ///< in the instance of `installed`
  std::optional<Accepted> accepted;       ///< likewise
  bool operator==(const PersistentState&) const = default;
};

using WriteToken = std::uint64_t;

struct Write {
  WriteToken token = 0;
  PersistentState state;
};

}  // namespace vsync::protocol
