// Properties of confirmations: marks, and what `uniform` and `safe` promise.
//
// Uniform agreement and safe delivery: Chockler, Keidar, Vitenberg (ACM Computing Surveys 2001), sections 4.3 and 5 (safe prefix);
// stability as Jha et al., "Derecho: fast state machine replication for cloud services" (TOCS 2019).

#include <algorithm>

#include "checker/names.hpp"
#include "checker/primary_rule.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

using protocol::Lane;
using protocol::NodeId;
using protocol::Outcome;
using protocol::Position;
using protocol::Rank;
using protocol::Seq;
using protocol::ViewId;

/// What the nodes have told so far of what they hold, while a walk through the trace goes on.
class Holdings {
 public:
  explicit Holdings(const History& history) : history_(history) {}

  void see(const TraceEvent& event) {
    if (const auto* held = std::get_if<Held>(&event.body)) {
      Seq& known = held_[{held->view, held->lane}][event.node];
      known = std::max(known, held->held);
    } else if (const auto* installed = std::get_if<ViewInstalled>(&event.body)) {
      installed_[installed->view.id].insert(event.node);
    }
  }

  /// Who holds `up_to`, as seen by `observer`, which knows that it does so itself. Within the position's own view by what the
  /// members told; in a later view by having installed it, which nobody does without the cut.
  [[nodiscard]] Ranks holders(const NodeId& observer, const Marked& mark) const {
    Ranks found;
    const auto index = history_.view(mark.of_view);
    if (!index) return found;
    const protocol::View& view = history_.views()[*index].content;
    const bool own_view = mark.up_to.epoch == mark.of_view.epoch && mark.up_to.view == mark.of_view.number;
    const auto held = held_.find({mark.of_view, mark.up_to.lane});
    const auto installed = installed_.find(mark.of_view);
    for (std::uint16_t i = 0; i < view.members.size(); ++i) {
      const NodeId& node = view.members[i].node;
      bool holds = node == observer;
      if (own_view && held != held_.end()) {
        const auto told = held->second.find(node);
        holds = holds || (told != held->second.end() && told->second >= mark.up_to.seq);
      } else if (!own_view && installed != installed_.end()) {
        holds = holds || installed->second.contains(node);
      }
      if (holds) found.insert(Rank{i});
    }
    return found;
  }

 private:
  const History& history_;
  std::map<std::pair<ViewId, Lane>, std::map<NodeId, Seq>> held_;
  std::map<ViewId, std::set<NodeId>> installed_;
};

/// Calls `judge(event, mark, view, holders)` for each mark of `level`.
template <class Judge>
void for_each_mark(const History& history, protocol::Level level, Report& report, Judge judge) {
  Holdings holdings(history);
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

Position last_of(const Resolved& resolved) {
  Position last = resolved.first;
  last.seq = last.seq + (resolved.count - 1);
  return last;
}

std::string names(const protocol::View& view, const Ranks& ranks) {
  std::string text;
  for (const Rank rank : ranks) {
    if (!text.empty()) text += ' ';
    text += name_of(view.at(rank).node);
  }
  return text.empty() ? "nobody" : text;
}

}  // namespace

// Uniform, not early: when a position is told uniform, a set of payload holders that every possible next primary meets has told that
// it holds everything up to it. (DESIGN section 4.)
void uniform_marks_not_early(const History& history, Report& report) {
  for_each_mark(history, protocol::Level::uniform, report,
                [&](const TraceEvent& event, const Marked& mark, const protocol::View& view, const Ranks& holders) {
                  if (is_uniform(view, holders)) return;
                  report.add(name_of(event.node) + " marked " + name_of(mark.up_to) + " uniform in " + name_of(view) +
                             ", but only these were known to hold it: " + names(view, holders));
                });
}

// Safe only when all held it: every payload holder of the view in whose name it is told. (Chockler et al., property 5.1.)
void safe_marks_not_early(const History& history, Report& report) {
  for_each_mark(history, protocol::Level::safe, report,
                [&](const TraceEvent& event, const Marked& mark, const protocol::View& view, const Ranks& holders) {
                  Ranks missing;
                  for (std::uint16_t i = 0; i < view.members.size(); ++i) {
                    if (stores(view.members[i]) && !holders.contains(Rank{i})) missing.insert(Rank{i});
                  }
                  if (missing.empty()) return;
                  report.add(name_of(event.node) + " marked " + name_of(mark.up_to) + " safe in " + name_of(view) +
                             ", but these were not known to hold it: " + names(view, missing));
                });
}

// What was told uniform, by a mark or by an outcome, is delivered by everybody who goes on to a later primary of the epoch.
// (Uniform agreement: Chockler et al., property 4.8, for the primary chain.)
void uniform_is_never_lost(const History& history, Report& report) {
  struct Promise {
    Position up_to;
    NodeId by;
  };
  std::map<std::pair<std::size_t, Lane>, Promise> ordinary, tail;
  const auto promise = [&](const Position& up_to, const NodeId& by) {
    const auto view = history.view_at(up_to);
    if (!view || up_to.seq.value == 0) return;
    auto& part = up_to.seq >= protocol::tail_begin ? tail : ordinary;
    const auto [found, is_new] = part.try_emplace({*view, up_to.lane}, Promise{up_to, by});
    if (!is_new && found->second.up_to < up_to) found->second = {up_to, by};
  };
  for (const TraceEvent& event : history.trace().events) {
    if (const auto* mark = std::get_if<Marked>(&event.body)) {
      promise(mark->up_to, event.node);
    } else if (const auto* resolved = std::get_if<Resolved>(&event.body); resolved && resolved->outcome == Outcome::ok) {
      promise(last_of(*resolved), event.node);
    }
  }
  const auto look = [&](const auto& promises, std::vector<const Delivered*> LaneDeliveries::*part) {
    for (const auto& [key, told] : promises) {
      const auto& [view, lane] = key;
      const auto found = history.views()[view].longest.find(lane);
      if (found == history.views()[view].longest.end()) continue;
      const auto& longest = found->second.*part;
      const auto covered = static_cast<std::size_t>(
          std::count_if(longest.begin(), longest.end(), [&](const Delivered* d) { return d->first.seq <= told.up_to.seq; }));
      for (const std::size_t index : history.survivors(view)) {
        const Stay& stay = history.stays()[index];
        if (history.views()[*stay.next_view].content.id.epoch != history.views()[view].content.id.epoch) continue;
        const auto here = stay.lanes.find(lane);
        const std::size_t count = here == stay.lanes.end() ? 0 : (here->second.*part).size();
        if (count >= covered) continue;
        report.add(name_of(history.life_of(stay).node) + " went on to " + name_of(history.views()[*stay.next_view].content) + " without " +
                   name_of(longest[count]->first) + ", which " + name_of(told.by) + " had told uniform");
      }
    }
  };
  look(ordinary, &LaneDeliveries::ordinary);
  look(tail, &LaneDeliveries::tail);
}

}  // namespace vsync::checker
