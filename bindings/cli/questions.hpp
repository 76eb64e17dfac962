#pragma once
// Asking the daemon one question and printing its answer.

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "vsync/errors.hpp"
#include "vsync/result.hpp"

namespace vsync::cli {

using Json = nlohmann::ordered_json;

/// Prints the daemon's JSON as it is, or what `to_text` makes of it; returns the exit status.
int answer(const Result<std::string, RequestError>& reply, bool json, const std::function<std::string(const Json&)>& to_text);

}  // namespace vsync::cli
