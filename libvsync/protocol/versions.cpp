#include "protocol/versions.hpp"

#include "protocol/mutant.hpp"

namespace vsync::protocol {

Versions program_versions() {
  constexpr Versions spoken{3, 3};
  constexpr Versions next{spoken.oldest, spoken.newest + 1};
  return mutant(Mutant::speaks_the_next_version) ? next : spoken;
}

}  // namespace vsync::protocol
