#pragma once
// Assemble: one trace out of what daemons have left, whole trace files and dumps of flight recorders, several of one daemon too, also such
// as overlap or begin or end in the middle.

#include <cstddef>
#include <string_view>
#include <vector>

#include "checker/check.hpp"
#include "checker/trace.hpp"
#include "checker/trace_text.hpp"
#include "vsync/result.hpp"

namespace vsync::checker {

struct BadLine {
  std::size_t number = 0;  ///< from 1
  LineError error = LineError::bad_field;
};
/// All lines of a file. What a daemon hadn't written whole when it was killed is left out: a line without its end at the end of the file,
/// and a broken one before the line of the next start.
[[nodiscard]] Result<Trace, BadLine> read_trace(std::string_view text);

struct Assembled {
  Trace trace;
  bool one_clock = true;                      ///< as in Options
  std::vector<protocol::NodeId> in_part;      ///< nodes whose beginning, middle or end isn't shown
  std::vector<protocol::NodeId> without;      ///< members of views of which there is no trace at all
  [[nodiscard]] bool partial() const { return !in_part.empty() || !without.empty(); }
  /// For check().
  [[nodiscard]] Options options() const { return {.partial = partial(), .one_clock = one_clock, .logs_are_bounded = true}; }
};
[[nodiscard]] Assembled assemble(std::vector<Trace> files);

}  // namespace vsync::checker
