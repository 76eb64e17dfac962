#include "client/topic_filter.hpp"

#include <algorithm>

#include "wire/record.hpp"

namespace vsync::client {

void TopicFilter::add(std::string_view group) {
  if (!wire::is_pattern(group)) {
    topics_.emplace(group);
  } else if (std::find(patterns_.begin(), patterns_.end(), group) == patterns_.end()) {
    patterns_.emplace_back(group);
  }
}

void TopicFilter::remove(std::string_view group) {
  if (const auto at = topics_.find(group); at != topics_.end()) topics_.erase(at);
  std::erase(patterns_, group);
}

void TopicFilter::clear() {
  topics_.clear();
  patterns_.clear();
}

bool TopicFilter::has(std::string_view group) const {
  return topics_.find(group) != topics_.end() || std::find(patterns_.begin(), patterns_.end(), group) != patterns_.end();
}

bool TopicFilter::wants(std::string_view topic) const {
  if (topics_.find(topic) != topics_.end()) return true;
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) { return wire::matches(pattern, topic); });
}

}  // namespace vsync::client
