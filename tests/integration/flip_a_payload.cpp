// A daemon that hands out one payload with a flipped bit, for the test that the others find that.

#include "protocol/mutant.hpp"

namespace {

[[maybe_unused]] const bool broken = [] {
  vsync::protocol::active_mutant = vsync::protocol::Mutant::flips_a_payload;
  return true;
}();

}  // namespace
