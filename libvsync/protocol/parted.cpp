#include "protocol/parted.hpp"

#include <algorithm>

#include "protocol/mutant.hpp"

namespace vsync::protocol {

std::optional<ViewId> parted_at(const Lineage& one, const Lineage& other) {
  std::optional<ViewId> earliest;
  const auto look = [&](const Lineage& lineage, const std::vector<Forced>& forced) {
    for (const Forced& each : forced) {
      const bool took_part = std::find(lineage.forced.begin(), lineage.forced.end(), each) != lineage.forced.end();
      // Who hasn't gone on from there is only behind.
      const bool parted = !took_part && lineage.view > each.from;
      if (parted && !mutant(Mutant::parted_histories_meet)) earliest = std::min(earliest.value_or(each.from), each.from);
    }
  };
  look(one, other.forced);
  look(other, one.forced);
  return earliest;
}

}  // namespace vsync::protocol
