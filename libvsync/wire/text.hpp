#pragma once
// What text may consist of, for everything that crosses a wire and is shown to people later.

#include <string_view>

namespace vsync::wire {

/// Well-formed UTF-8 (no surrogates, no overlong forms).
[[nodiscard]] bool valid_utf8(std::string_view text);
/// UTF-8 without control characters (C0, DEL, C1).
[[nodiscard]] bool printable(std::string_view text);
/// Name of a node: [A-Za-z0-9._-]{1,63}.
[[nodiscard]] bool valid_node_name(std::string_view name);

}  // namespace vsync::wire
