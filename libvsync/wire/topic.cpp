// Names of topics and patterns, and which topics a pattern means.

#include "wire/limits.hpp"
#include "wire/record.hpp"
#include "wire/text.hpp"

namespace vsync::wire {

static_assert(topic_bytes_max == 255 && topic_levels_max == 32, "as topic_rules says");

namespace {

/// The level at the front of `name`, which loses it and the dot behind it.
std::string_view take_level(std::string_view& name) {
  const std::size_t dot = name.find('.');
  const std::string_view level = name.substr(0, dot);
  name.remove_prefix(dot == std::string_view::npos ? name.size() : dot + 1);
  return level;
}

bool is_wildcard(std::string_view level) { return level == "*" || level == ">"; }

struct Form {
  bool sound = false;      ///< everything a name must be but for its wildcards
  bool wildcards = false;  ///< has '*' or '>' anywhere
};

/// In one pass: the topic of every record is checked, at the publisher's daemon and at each subscriber.
Form form_of(std::string_view name) {
  if (name.empty() || name.size() > topic_bytes_max) return {};
  Form form;
  bool plain = true;
  std::size_t levels = 1;
  char before = '.';
  for (const char c : name) {
    if (c == '.') {
      if (before == '.') return {};
      ++levels;
    } else if (c == '*' || c == '>') {
      form.wildcards = true;
    } else {
      plain &= c > ' ' && c < 0x7f;
    }
    before = c;
  }
  if (before == '.' || levels > topic_levels_max) return {};
  // Plain ASCII is what nearly all names are; only others pay for the decoding of UTF-8.
  form.sound = plain || (printable(name) && name.find(' ') == std::string_view::npos);
  return form;
}

}  // namespace

bool valid_topic(std::string_view topic) {
  const Form form = form_of(topic);
  return form.sound && !form.wildcards;
}

bool valid_pattern(std::string_view pattern) {
  const Form form = form_of(pattern);
  if (!form.sound || !form.wildcards) return form.sound;
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
