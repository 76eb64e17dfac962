#include "protocol/view.hpp"

#include <algorithm>

namespace vsync::protocol {
namespace {

template <class Predicate>
std::optional<Rank> rank_where(const std::vector<Member>& members, Predicate matches) {
  const auto found = std::ranges::find_if(members, matches);
  if (found == members.end()) return std::nullopt;
  return Rank{static_cast<std::uint16_t>(found - members.begin())};
}

}  // namespace

std::optional<Rank> View::rank_of(const NodeId& node) const {
  return rank_where(members, [&](const Member& member) { return member.node == node; });
}

std::optional<Rank> View::rank_of_name(const std::string& name) const {
  return rank_where(members, [&](const Member& member) { return member.node.name == name; });
}

bool View::has_names(const std::vector<std::string>& names) const {
  return std::ranges::all_of(names, [&](const std::string& name) { return rank_of_name(name).has_value(); });
}

std::uint64_t View::total_weight() const {
  std::uint64_t total = 0;
  for (const Member& member : members) total += member.weight;
  return total;
}

std::uint16_t View::newest_common_version() const {
  return std::ranges::min(members, {}, [](const Member& member) { return member.speaks.newest; }).speaks.newest;
}

}  // namespace vsync::protocol
