// Properties of confirmations: marks, and what `uniform` and `safe` promise.
//
// Uniform agreement and safe delivery: Chockler, Keidar, Vitenberg (ACM Computing Surveys 2001), sections 4.3 and 5 (safe prefix);
// stability as Jha et al., "Derecho: fast state machine replication for cloud services" (TOCS 2019).

#include <algorithm>

#include "checker/holdings.hpp"
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

Position last_of(const Resolved& resolved) {
  Position last = resolved.first;
  if (last == Position{}) return last;
  last.seq = last.seq + (resolved.count - 1);
  return last;
}

}  // namespace

// Uniform, not early: when a position is told uniform, a set of payload holders that every possible next primary meets has told that
// it holds everything up to it. (DESIGN section 4.)
void uniform_marks_not_early(const History& history, Report& report) {
  for_each_mark<Held>(history, protocol::Level::uniform, report,
                [&](const TraceEvent& event, const Marked& mark, const protocol::View& view, const Ranks& holders) {
                  if (is_uniform(view, holders)) return;
                  report.add(name_of(event.node) + " marked " + name_of(mark.up_to) + " uniform in " + name_of(view) +
                             ", but only these were known to hold it: " + names_of(view, holders));
                });
}

// Safe only when all held it: every payload holder of the view in whose name it is told. (Chockler et al., property 5.1.)
void safe_marks_not_early(const History& history, Report& report) {
  for_each_mark<Held>(history, protocol::Level::safe, report,
                [&](const TraceEvent& event, const Marked& mark, const protocol::View& view, const Ranks& holders) {
                  Ranks missing;
                  for (std::uint16_t i = 0; i < view.members.size(); ++i) {
                    if (stores(view.members[i]) && !holders.contains(Rank{i})) missing.insert(Rank{i});
                  }
                  if (missing.empty()) return;
                  report.add(name_of(event.node) + " marked " + name_of(mark.up_to) + " safe in " + name_of(view) +
                             ", but these were not known to hold it: " + names_of(view, missing));
                });
}

// A mark in the name of a later view, whose members all hold it, says so if one that held the message in its own view was lost before: that
// one isn't among them. (DESIGN section 4.)
void safe_marks_tell_of_losses(const History& history, Report& report) {
  for (const TraceEvent& event : history.trace().events) {
    const auto* mark = std::get_if<Marked>(&event.body);
    if (!mark || mark->level != protocol::Level::safe || mark->member_lost_before) continue;
    const auto own = history.view({mark->up_to.epoch, mark->up_to.view});
    const auto of = history.view(mark->of_view);
    if (!own || !of) continue;
    for (const protocol::Member& member : history.views()[*own].content.members) {
      if (!stores(member) || history.views()[*of].content.rank_of(member.node)) continue;
      report.add(name_of(event.node) + " marked " + name_of(mark->up_to) + " safe in " + name_of(history.views()[*of].content) +
                 " without a word of " + name_of(member.node) + ", which was lost before");
    }
  }
}

// A mark comes behind what it confirms: what its node delivers later stands behind it.
void marks_follow_deliveries(const History& history, Report& report) {
  for (const Life& life : history.lives()) {
    std::map<Lane, Position> marked;
    for (const EventIndex at : life.events) {
      const TraceBody& body = history.trace().events[at].body;
      if (const auto* mark = std::get_if<Marked>(&body)) {
        Position& last = marked[mark->up_to.lane];
        last = std::max(last, mark->up_to);
      } else if (const auto* delivered = std::get_if<Delivered>(&body); delivered && !delivered->ahead()) {
        const auto last = marked.find(delivered->first.lane);
        if (last == marked.end() || delivered->first > last->second) continue;
        report.add(name_of(life.node) + " delivered " + name_of(delivered->first) + " after its mark for " + name_of(last->second));
      }
    }
  }
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
          std::count_if(longest.begin(), longest.end(), [&, &told = told](const Delivered* d) { return d->first.seq <= told.up_to.seq; }));
      for (const std::size_t index : history.survivors(view)) {
        const Stay& stay = history.stays()[index];
        if (!stay.whole) continue;
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
