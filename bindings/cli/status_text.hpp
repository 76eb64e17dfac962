#pragma once
// `vsync status` in words and columns.

#include <string>

#include "questions.hpp"
#include "terminal.hpp"

namespace vsync::cli {

[[nodiscard]] std::string status_text(const Json& status, const Paint& paint);

}  // namespace vsync::cli
