#pragma once
// The events of a stream as `vsync sub --json` prints them. The shapes are an interface: names are added, never changed.

#include <string>

#include "vsync/events.hpp"

namespace vsync::cli {

/// Appends one object and a line break; nothing for events that say nothing to a subscriber.
void append_json(std::string& out, const Event& event);

}  // namespace vsync::cli
