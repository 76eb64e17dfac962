#include "protocol/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace vsync::detail {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "<0>vsync: broken invariant: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace vsync::detail
