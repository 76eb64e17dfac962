#pragma once
// Who holds what, as far as the nodes have told: the ground on which marks are judged.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "checker/names.hpp"
#include "checker/primary_rule.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {

inline protocol::Seq reach_of(const Held& held) { return held.held; }
inline protocol::Seq reach_of(const Stored& stored) { return stored.stored; }

/// What the nodes have told so far of what they hold (Held), or have on their disks (Stored), while a walk through the trace goes on.
template <class Told>
class Holdings {
 public:
  explicit Holdings(const History& history) : history_(history) {}

  void see(const TraceEvent& event) {
    if (const auto* told = std::get_if<Told>(&event.body)) {
      protocol::Seq& known = held_[{told->view, told->lane}][event.node];
      known = std::max(known, reach_of(*told));
    } else if (const auto* installed = std::get_if<ViewInstalled>(&event.body)) {
      installed_[installed->view.id].insert(event.node);
    }
  }

  /// Who holds `up_to`, as seen by `observer`, which knows that it does so itself. Within the position's own view by what the
  /// members told; in a later view by having installed it, which nobody does without the cut.
  [[nodiscard]] Ranks holders(const protocol::NodeId& observer, const Marked& mark) const {
    Ranks found;
    const auto index = history_.view(mark.of_view);
    if (!index) return found;
    const protocol::View& view = history_.views()[*index].content;
    const bool own_view = mark.up_to.epoch == mark.of_view.epoch && mark.up_to.view == mark.of_view.number;
    const auto held = held_.find({mark.of_view, mark.up_to.lane});
    const auto installed = installed_.find(mark.of_view);
    for (std::uint16_t i = 0; i < view.members.size(); ++i) {
      const protocol::NodeId& node = view.members[i].node;
      bool holds = node == observer;
      if (own_view && held != held_.end()) {
        const auto told = held->second.find(node);
        holds = holds || (told != held->second.end() && told->second >= mark.up_to.seq);
      } else if (!own_view && installed != installed_.end()) {
        holds = holds || installed->second.contains(node);
      }
      if (holds) found.insert(protocol::Rank{i});
    }
    return found;
  }

 private:
  const History& history_;
  std::map<std::pair<protocol::ViewId, protocol::Lane>, std::map<protocol::NodeId, protocol::Seq>> held_;
  std::map<protocol::ViewId, std::set<protocol::NodeId>> installed_;
};

/// Calls `judge(event, mark, view, holders)` for each mark of `level`.
template <class Told, class Judge>
void for_each_mark(const History& history, protocol::Level level, Report& report, Judge judge) {
  Holdings<Told> holdings(history);
  for (const TraceEvent& event : history.trace().events) {
    holdings.see(event);
    const auto* mark = std::get_if<Marked>(&event.body);
    if (!mark || mark->level != level) continue;
    const auto view = history.view(mark->of_view);
    if (!view) {
      report.add(name_of(event.node) + " marked " + name_of(mark->up_to) + " in the name of " + name_of(mark->of_view) + ", which nobody installed");
      continue;
    }
    judge(event, *mark, history.views()[*view].content, holdings.holders(event.node, *mark));
  }
}

inline std::string names_of(const protocol::View& view, const Ranks& ranks) {
  std::string text;
  for (const protocol::Rank rank : ranks) {
    if (!text.empty()) text += ' ';
    text += name_of(view.at(rank).node);
  }
  return text.empty() ? "nobody" : text;
}

}  // namespace vsync::checker
