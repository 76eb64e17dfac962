// What must hold once faults have stopped and time has passed. (Chockler, Keidar, Vitenberg 2001, section 8: liveness is
// conditional on a stable component.)

#include <algorithm>

#include "checker/names.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

using protocol::NodeId;
using protocol::Outcome;
using protocol::SessionId;

const Stay* last_stay(const History& history, const NodeId& node) {
  const auto life = history.life(node);
  if (!life || history.lives()[*life].stays.empty()) return nullptr;
  return &history.stays()[history.lives()[*life].stays.back()];
}

}  // namespace

// Membership precision: all connected nodes end in one view, whose members are exactly they. (Chockler et al., property 8.1.)
void settles_on_the_connected(const History& history, const Liveness& liveness, Report& report) {
  std::set<NodeId> connected(liveness.connected.begin(), liveness.connected.end());
  const Stay* first = nullptr;
  for (const NodeId& node : liveness.connected) {
    const Stay* stay = last_stay(history, node);
    if (!stay) {
      report.add(name_of(node) + " never installed a view");
      continue;
    }
    if (!first) first = stay;
    if (first->view != stay->view) {
      report.add(name_of(node) + " ended in " + name_of(history.view_of(*stay)) + ", " + name_of(history.life_of(*first).node) + " in " +
                 name_of(history.view_of(*first)));
    }
  }
  if (!first) return;
  for (const protocol::Member& member : history.view_of(*first).members) {
    if (!connected.contains(member.node)) {
      report.add(name_of(history.view_of(*first)) + " has " + name_of(member.node) + ", which isn't connected");
    }
    if (connected.contains(member.node) && !member.loaded && !member.witness) {
      report.add(name_of(member.node) + " is still a learner in " + name_of(history.view_of(*first)));
    }
    connected.erase(member.node);
  }
  for (const NodeId& node : connected) report.add(name_of(history.view_of(*first)) + " doesn't have " + name_of(node));
}

// Nobody stays blocked, joining or wedged.
void nobody_waits(const History& history, const Liveness& liveness, Report& report) {
  for (const NodeId& node : liveness.connected) {
    const auto index = history.life(node);
    if (!index) continue;
    const Life& life = history.lives()[*index];
    if (life.state != protocol::ComponentState::primary) {
      report.add(name_of(node) + (life.state == protocol::ComponentState::blocked ? " stays blocked" : " is still joining"));
    }
    const Stay* stay = last_stay(history, node);
    if (!stay) continue;
    const auto wedge = std::find_if(life.events.rbegin(), life.events.rend(), [&](EventIndex at) {
      const auto* answered = std::get_if<AnsweredBallot>(&history.trace().events[at].body);
      return answered && answered->view == history.view_of(*stay).id;
    });
    if (wedge != life.events.rend()) report.add(name_of(node) + " stays wedged in " + name_of(history.view_of(*stay)));
  }
}

// Every publish that a connected node accepted is resolved.
void everything_resolved(const History& history, const Liveness& liveness, Report& report) {
  for (const NodeId& node : liveness.connected) {
    const auto index = history.life(node);
    if (!index) continue;
    std::map<std::pair<SessionId, std::uint64_t>, int> open;
    for (const EventIndex at : history.lives()[*index].events) {
      const TraceBody& body = history.trace().events[at].body;
      if (const auto* publish = std::get_if<Published>(&body); publish && publish->accepted) {
        ++open[{publish->session, publish->first_n}];
      } else if (const auto* resolved = std::get_if<Resolved>(&body); resolved && resolved->outcome != Outcome::ordered) {
        --open[{resolved->session, resolved->first_n}];
      }
    }
    for (const auto& [key, count] : open) {
      if (count > 0) {
        report.add(name_of(node) + " never resolved " + name_of(key.first) + " n " + std::to_string(key.second));
      }
    }
  }
}

// All connected nodes have delivered the same of their last view, and have the same groups. (Chockler et al., property 8.2,
// termination of delivery.)
void same_end(const History& history, const Liveness& liveness, Report& report) {
  const Stay* first = nullptr;
  for (const NodeId& node : liveness.connected) {
    const Stay* stay = last_stay(history, node);
    if (!stay) continue;
    const auto rank = history.view_of(*stay).rank_of(node);
    if (!rank || history.view_of(*stay).at(*rank).witness) continue;
    if (!first) first = stay;
    if (first->view != stay->view) continue;  // told above
    for (const auto& [lane, longest] : history.views()[stay->view].longest) {
      const auto here = stay->lanes.find(lane);
      const std::size_t count = here == stay->lanes.end() ? 0 : here->second.ordinary.size();
      if (count == longest.ordinary.size()) continue;
      report.add(name_of(node) + " delivered " + std::to_string(count) + " runs of " + name_of(history.view_of(*stay)) + ", others " +
                 std::to_string(longest.ordinary.size()));
    }
  }
  // The last view of each group, where a node has seen one: a joiner's snapshot shows no old ones.
  std::map<std::string, std::pair<const GroupView*, NodeId>> newest;
  std::map<NodeId, std::map<std::string, const GroupView*>> last;
  for (const NodeId& node : liveness.connected) {
    const auto index = history.life(node);
    if (!index) continue;
    for (const EventIndex at : history.lives()[*index].events) {
      if (const auto* group = std::get_if<GroupView>(&history.trace().events[at].body)) last[node][group->group] = group;
    }
    for (const auto& [name, group] : last[node]) {
      const auto [found, is_new] = newest.try_emplace(name, group, node);
      if (!is_new && found->second.first->position < group->position) found->second = {group, node};
    }
  }
  for (const auto& [node, groups] : last) {
    for (const auto& [name, group] : groups) {
      const auto& [best, by] = newest.at(name);
      if (group->number == best->number && group->members == best->members) continue;
      report.add(name_of(node) + " ended with view " + std::to_string(group->number) + " of group " + name + ", " + name_of(by) + " with view " +
                 std::to_string(best->number));
    }
  }
}

// An idle cluster installs no view.
void quiet_when_idle(const History& history, const Liveness& liveness, Report& report) {
  if (!liveness.quiet_from) return;
  for (const Stay& stay : history.stays()) {
    if (history.trace().events[stay.installed_at].time < *liveness.quiet_from) continue;
    report.add(name_of(history.life_of(stay).node) + " installed " + name_of(history.view_of(stay)) + " though nothing had happened");
  }
}

// Who can't go on tells its applications that it is blocked or joining. (DESIGN section 3, "Minority, split, return".)
void left_out_and_says_so(const History& history, const Liveness& liveness, Report& report) {
  for (const NodeId& node : liveness.left_out) {
    const auto index = history.life(node);
    if (!index || history.lives()[*index].state != protocol::ComponentState::primary) continue;
    report.add(name_of(node) + " is left out and takes itself for primary");
  }
}

}  // namespace vsync::checker
