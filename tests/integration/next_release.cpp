// A daemon of the next release: it speaks one version more.

#include "protocol/mutant.hpp"

namespace {

[[maybe_unused]] const bool next = [] {
  vsync::protocol::active_mutant = vsync::protocol::Mutant::speaks_the_next_version;
  return true;
}();

}  // namespace
