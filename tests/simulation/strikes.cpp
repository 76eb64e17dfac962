#include "tests/simulation/strikes.hpp"

#include <array>

namespace vsync::simulation {
namespace {

struct OutOfReach {
  Step step;
  FaultKind kind;
  const char* why;
};
constexpr std::array<OutOfReach, 2> out_of_reach = {{
    {Step::leaving, FaultKind::leave, "who was asked to leave isn't asked again"},
    {Step::left_out, FaultKind::leave, "only who was asked to leave is left out so, and isn't asked again"},
}};

}  // namespace

const char* why_out_of_reach(Step step, FaultKind kind) {
  for (const OutOfReach& pair : out_of_reach) {
    if (pair.step == step && pair.kind == kind) return pair.why;
  }
  return nullptr;
}

}  // namespace vsync::simulation
