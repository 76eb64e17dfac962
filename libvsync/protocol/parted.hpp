#pragma once
// Parted histories: where an operator has ended a view without a set that may go on (a forced primary), the others may have gone on from
// the same view. Both histories are in use then, and nothing that reads them alone can say which counts: they never merge, and an
// operator names the one that is given up.

#include <optional>
#include <vector>

#include "protocol/view.hpp"

namespace vsync::protocol {

/// A view, and the forced primaries before it, as the two that tell if histories are parted.
struct Lineage {
  ViewId view;
  std::vector<Forced> forced;
};

/// Nothing: one is a part of the other, as far as these two can tell. Else the view that both have come from (the first, if they have parted
/// more than once): the epoch that one has been forced into behind it is none of the other's, which went on from there another way.
[[nodiscard]] std::optional<ViewId> parted_at(const Lineage& one, const Lineage& other);

}  // namespace vsync::protocol
