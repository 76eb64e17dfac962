#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/routing_table.hpp"
#include "protocol/assert.hpp"
#include "wire/record.hpp"

using namespace vsync;

namespace {

std::vector<std::string_view> levels_of(std::string_view name) {
  std::vector<std::string_view> levels;
  for (std::size_t dot = 0; (dot = name.find('.')) != std::string_view::npos; name.remove_prefix(dot + 1))
    levels.push_back(name.substr(0, dot));
  levels.push_back(name);
  return levels;
}

/// What record.hpp says of patterns, in the fewest words.
bool matches_naively(std::string_view pattern, std::string_view topic) {
  const auto wanted = levels_of(pattern), found = levels_of(topic);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (i >= found.size()) return false;
    if (wanted[i] == ">") return true;
    if (wanted[i] != "*" && wanted[i] != found[i]) return false;
  }
  return wanted.size() == found.size();
}

}  // namespace

/// Lines: names of subscriptions and, the last one, a topic. Who gets it is who a naive twin says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> names;
  for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1))
    names.emplace_back(rest.substr(0, end));
  const std::string_view topic = rest;
  VSYNC_ASSERT(!wire::valid_topic(topic) ||
               (wire::valid_pattern(topic) && !wire::is_pattern(topic) && wire::matches(topic, topic)));
  if (!wire::valid_topic(topic)) return 0;

  daemon::RoutingTable<const std::string> table;
  std::vector<const std::string*> expected;
  for (const std::string& name : names) {
    if (!wire::valid_topic(name) && !wire::valid_pattern(name)) continue;
    table.add(name, &name);
    if (matches_naively(name, topic)) expected.push_back(&name);
  }
  std::ranges::sort(expected);
  VSYNC_ASSERT(std::ranges::equal(table.match(topic), expected));
  for (const std::string* name : expected) table.remove(*name, name);
  VSYNC_ASSERT(table.match(topic).empty());
  return 0;
}
