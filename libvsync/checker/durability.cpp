// Properties of durable messages: what a mark promises about disks, and that no restart loses it.
//
// Durability as stable storage in state machine replication: Oki and Liskov, "Viewstamped replication" (PODC 1988), section 4.

#include <algorithm>
#include <map>
#include <set>

#include "checker/holdings.hpp"
#include "checker/names.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

using protocol::Level;
using protocol::Position;

/// What has been told durable, while a walk through the trace goes on: of the messages that the node which tells it has delivered. (A
/// former member may have delivered others at such positions, which the primary's order doesn't have.)
class Promised {
 public:
  void see(const TraceEvent& event) {
    if (const auto* delivered = std::get_if<Delivered>(&event.body)) {
      if (delivered->level == Level::durable && delivered->skip < delivered->count) waiting_[event.node].push_back(delivered);
    }
    const auto* mark = std::get_if<Marked>(&event.body);
    if (mark == nullptr || mark->level != Level::durable) return;
    std::erase_if(waiting_[event.node], [&](const Delivered* delivered) {
      if (delivered->first.lane != mark->up_to.lane || last_of(*delivered) > mark->up_to) return false;
      messages_.insert({delivered->first, delivered->digest});
      return true;
    });
  }

  using Messages = std::set<std::pair<Position, std::uint64_t>>;
  [[nodiscard]] const Messages& messages() const { return messages_; }

 private:
  static Position last_of(const Delivered& delivered) {
    Position last = delivered.first;
    last.seq = last.seq + (delivered.count - 1);
    return last;
  }

  std::map<protocol::NodeId, std::vector<const Delivered*>> waiting_;
  Messages messages_;
};

}  // namespace

// Durable, not early: when a position is told durable, a set of payload holders that every possible next primary meets has told that
// what is durable up to it is on their disks. (DESIGN section 1.)
void durable_marks_not_early(const History& history, Report& report) {
  for_each_mark<Stored>(history, Level::durable, report,
                        [&](const TraceEvent& event, const Marked& mark, const protocol::View& view, const Ranks& holders) {
                          if (is_uniform(view, holders)) return;
                          report.add(name_of(event.node) + " marked " + name_of(mark.up_to) + " durable in " + name_of(view) +
                                     ", but only these were known to have it on disk: " + names_of(view, holders));
                        });
}

// Durable survives: whoever begins an epoch with a state, and everybody at the end of the run, has in its log every message of a view
// before its own that was told durable; but for the view that a forced primary ended, of which it has what those had that were there. Where
// logs are bounded: of each lane what isn't older than the oldest that it has. (DESIGN section
// 8: "durable survives total restart".)
void durable_survives(const History& history, Report& report) {
  Promised promised;
  std::map<protocol::NodeId, const protocol::View*> installed_at;
  for (const TraceEvent& event : history.trace().events) {
    promised.see(event);
    if (const auto* installed = std::get_if<ViewInstalled>(&event.body)) installed_at[event.node] = &installed->view;
    const auto* continued = std::get_if<Continued>(&event.body);
    if (continued != nullptr && continued->view) installed_at[event.node] = &*continued->view;
    const auto* logged = std::get_if<Logged>(&event.body);
    if (logged == nullptr || installed_at[event.node] == nullptr) continue;
    const protocol::View& view = *installed_at[event.node];
    Promised::Messages held;
    std::map<protocol::Lane, Position> oldest;
    for (const Logged::Run& run : logged->runs) {
      held.insert({run.first, run.digest});
      const auto [known, is_new] = oldest.try_emplace(run.first.lane, run.first);
      known->second = std::min(known->second, run.first);
    }
    for (const auto& [position, digest] : promised.messages()) {
      const protocol::ViewId of{position.epoch, position.view};
      const bool ended_by_force =
          std::any_of(view.forced.begin(), view.forced.end(), [&](const protocol::Forced& forced) { return forced.from == of; });
      if (of >= view.id || ended_by_force || held.contains({position, digest})) continue;
      const auto kept_from = oldest.find(position.lane);
      if (history.logs_are_bounded() && kept_from != oldest.end() && position < kept_from->second) continue;
      report.add(name_of(event.node) + " has lost " + name_of(position) + ", which had been told durable");
    }
  }
}

}  // namespace vsync::checker
