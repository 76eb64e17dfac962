#pragma once
// The events of a stream as `vsync sub` prints them for people.

#include <string>

#include "terminal.hpp"
#include "vsync/events.hpp"

namespace vsync::cli {

/// One line without its end; empty for what only programs care about (marks, outcomes).
[[nodiscard]] std::string text_of(const Event& event, const Paint& paint);

}  // namespace vsync::cli
