#pragma once
// A trace for people: one line per event in the words of the protocol.

#include <cstdio>
#include <string>

#include "checker/trace.hpp"

namespace vsync::simulation {

[[nodiscard]] std::string readable(const checker::TraceEvent& event);
/// The last `lines` events that tell something (acknowledgements left out), or all.
void print_tail(const checker::Trace& trace, std::size_t lines, std::FILE* out);

}  // namespace vsync::simulation
