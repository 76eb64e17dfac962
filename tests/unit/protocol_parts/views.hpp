#pragma once
// Views and nodes for tests, as short as a test wants to write them.

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol::test {

inline NodeId node(const std::string& name, std::uint64_t incarnation = 1) { return {name, {incarnation, 7}}; }

inline Rank rank(std::size_t index) { return Rank{static_cast<std::uint16_t>(index)}; }

/// View 5 of epoch 1 with these members, loaded, of weight 1, the first one the sequencer of the only lane.
inline View view_of(const std::vector<std::string>& names) {
  View view;
  view.id = {{1, 11}, 5};
  for (const std::string& name : names) view.members.push_back({node(name), 1, 1, false, true});
  view.sequencers = {Rank{0}};
  return view;
}

inline std::vector<std::string> names_of(const View& view) {
  std::vector<std::string> names;
  for (const Member& member : view.members) names.push_back(member.node.name);
  return names;
}

}  // namespace vsync::protocol::test
