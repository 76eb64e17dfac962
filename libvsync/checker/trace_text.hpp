#pragma once
// The text form of a trace: one event per line, so that daemons can append to a file and people can grep it.
//
//   <nanoseconds> <node> <event> <fields...>
//   1200000 a/1/77 delivered 1.9/3/0/15 b/1/78 7 2 0 00..01-00..02 7 0 12 8837482
//
// Names are percent-escaped; a list is its length and then its items. A line that doesn't parse says why, and costs nothing else.

#include <cstdint>
#include <string>
#include <string_view>

#include "checker/trace.hpp"
#include "vsync/result.hpp"

namespace vsync::checker {

enum class LineError : std::uint8_t {
  unknown_event,
  bad_field,        ///< a number, name or separator isn't what the event's fields ask for
  out_of_range,     ///< a number that no such field can have
  list_too_long,    ///< longer than the rest of the line
  text_after_event,
};
[[nodiscard]] const char* describe(LineError error);

/// Both without the end of line. The event stays as it is: it isn't const, since one description of its fields serves reading, too.
void append_line(std::string& text, TraceEvent& event);
[[nodiscard]] std::string to_line(TraceEvent event);
[[nodiscard]] Result<TraceEvent, LineError> parse_line(std::string_view line);

}  // namespace vsync::checker
