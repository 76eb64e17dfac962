#include "protocol/parted.hpp"

#include <algorithm>

namespace vsync::protocol {

std::optional<ViewId> parted_at(const Lineage& one, const Lineage& other) {
  std::optional<ViewId> earliest;
  const auto look = [&](const Lineage& lineage, const std::vector<Forced>& forced) {
    for (const Forced& each : forced) {
      const bool took_part = std::find(lineage.forced.begin(), lineage.forced.end(), each) != lineage.forced.end();
      // Who hasn't gone on from there is only behind.
      if (!took_part && lineage.view > each.from) earliest = std::min(earliest.value_or(each.from), each.from);
    }
  };
  look(one, other.forced);
  look(other, one.forced);
  return earliest;
}

}  // namespace vsync::protocol
