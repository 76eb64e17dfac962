#pragma once
// Where an operator has forced a primary and the others went on as well, a trace tells of two histories, which never meet again. Each is
// judged as a run of its own, in which the daemons of the other end where they go the other way: that is all that either side sees.

#include <vector>

#include "checker/trace.hpp"

namespace vsync::checker {

/// The histories of the trace, one whole trace each. Empty: there is only one, the trace itself.
[[nodiscard]] std::vector<Trace> parted_histories(const Trace& trace);

}  // namespace vsync::checker
