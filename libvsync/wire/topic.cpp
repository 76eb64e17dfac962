// Names of topics and patterns, and which topics a pattern means.

#include <algorithm>

#include "wire/limits.hpp"
#include "wire/record.hpp"
#include "wire/text.hpp"

namespace vsync::wire {
namespace {

/// The level at the front of `name`, which loses it and the dot behind it.
std::string_view take_level(std::string_view& name) {
  const std::size_t dot = name.find('.');
  const std::string_view level = name.substr(0, dot);
  name.remove_prefix(dot == std::string_view::npos ? name.size() : dot + 1);
  return level;
}

bool is_wildcard(std::string_view level) { return level == "*" || level == ">"; }

/// Everything a name must be but for its wildcards.
bool well_formed(std::string_view name) {
  if (name.empty() || name.size() > topic_bytes_max || name.back() == '.') return false;
  const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
  // Plain ASCII is what nearly all names are; only others pay for the decoding of UTF-8.
  if (!std::all_of(name.begin(), name.end(), plain) && (!printable(name) || name.find(' ') != std::string_view::npos)) return false;
  std::size_t levels = 1;
  char before = '.';
  for (const char c : name) {
    if (c == '.' && before == '.') return false;
    levels += c == '.';
    before = c;
  }
  return levels <= topic_levels_max;
}

}  // namespace

bool valid_topic(std::string_view topic) { return well_formed(topic) && topic.find_first_of("*>") == std::string_view::npos; }

bool valid_pattern(std::string_view pattern) {
  if (!well_formed(pattern)) return false;
  while (!pattern.empty()) {
    const std::string_view level = take_level(pattern);
    if (level == ">" && !pattern.empty()) return false;
    if (!is_wildcard(level) && level.find_first_of("*>") != std::string_view::npos) return false;
  }
  return true;
}

bool is_pattern(std::string_view name) {
  while (!name.empty()) {
    if (is_wildcard(take_level(name))) return true;
  }
  return false;
}

bool matches(std::string_view pattern, std::string_view topic) {
  while (!pattern.empty() && !topic.empty()) {
    const std::string_view wanted = take_level(pattern);
    if (wanted == ">") return true;
    const std::string_view level = take_level(topic);
    if (wanted != "*" && wanted != level) return false;
  }
  return pattern.empty() && topic.empty();
}

}  // namespace vsync::wire
