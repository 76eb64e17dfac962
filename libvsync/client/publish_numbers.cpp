#include "client/publish_numbers.hpp"

#include <algorithm>
#include <iterator>

namespace vsync::client {

std::vector<Run> PublishNumbers::unresolved_within(const Run& run) const {
  std::vector<Run> parts;
  const std::uint64_t end = run.count > last_ ? last_ + 1 : std::min(run.first + run.count, last_ + 1);
  std::uint64_t at = std::max(run.first, floor_);
  auto next = resolved_.upper_bound(at);
  if (next != resolved_.begin() && std::prev(next)->second > at) at = std::prev(next)->second;
  while (at < end) {
    const std::uint64_t stop = next == resolved_.end() ? end : std::min(end, next->first);
    if (at < stop) parts.push_back({at, stop - at});
    if (next == resolved_.end()) break;
    at = next->second;
    ++next;
  }
  return parts;
}

std::vector<Run> PublishNumbers::resolve(const Run& run) {
  std::vector<Run> fresh = unresolved_within(run);
  for (const Run& part : fresh) {
    unresolved_ -= part.count;
    mark(part.first, part.end());
  }
  return fresh;
}

void PublishNumbers::mark(std::uint64_t first, std::uint64_t end) {
  auto next = resolved_.lower_bound(first);
  if (next != resolved_.begin() && std::prev(next)->second == first) {
    --next;
    first = next->first;
    next = resolved_.erase(next);
  }
  if (next != resolved_.end() && next->first == end) {
    end = next->second;
    resolved_.erase(next);
  }
  if (first == floor_) {
    floor_ = end;
  } else {
    resolved_.emplace(first, end);
  }
}

}  // namespace vsync::client
