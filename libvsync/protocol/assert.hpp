#pragma once
// VSYNC_ASSERT states an invariant of our own code, in release too: a crash the protocol handles, a wrong order it cannot.
// Never for what a peer or an application sent.

namespace vsync::detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#define VSYNC_ASSERT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::vsync::detail::assertion_failed(#expression, __FILE__, __LINE__))
