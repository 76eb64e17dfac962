#pragma once
// Where the system gives them no thread, ZeroMQ and libuv abort, libuv without a word. So whether there is room for all of them
// is found out before, and said; and libuv's begin with the daemon rather than with the first write, when the limit may be
// another.

#include <uv.h>

#include "daemon/configuration.hpp"

namespace vsync::daemon {

/// StartError if this process may not have as many threads as a daemon of this configuration has.
void require_threads_for(const Configuration& configuration);
/// Has libuv start its threads, all of them; they are the process's, whatever loops it has.
void start_workers(uv_loop_t* loop);

}  // namespace vsync::daemon
