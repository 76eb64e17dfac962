#include "checker/parted.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace vsync::checker {
namespace {

using protocol::Forced;
using protocol::NodeId;
using protocol::TimePoint;
using protocol::View;
using protocol::ViewId;

/// A history is told by the forced primaries in it.
using Record = std::vector<Forced>;

bool begins_with(const Record& record, const Record& other) {
  return other.size() <= record.size() && std::equal(other.begin(), other.end(), record.begin());
}

/// Whether the view is in the history, or in the part that came before a forced primary in it.
bool has(const Record& history, const View& view) {
  if (!begins_with(history, view.forced)) return false;
  return view.forced.size() == history.size() || view.id <= history[view.forced.size()].from;
}

const View* view_of(const TraceEvent& event) {
  if (const auto* installed = std::get_if<ViewInstalled>(&event.body)) return &installed->view;
  const auto* continued = std::get_if<Continued>(&event.body);
  return continued != nullptr && continued->view ? &*continued->view : nullptr;
}

/// Those that somebody has gone on in: not what is only the beginning of another.
std::vector<Record> records_of(const Trace& trace) {
  std::vector<Record> all;
  std::vector<const View*> views;
  for (const TraceEvent& event : trace.events) {
    const View* view = view_of(event);
    if (view == nullptr) continue;
    views.push_back(view);
    if (std::find(all.begin(), all.end(), view->forced) == all.end()) all.push_back(view->forced);
  }
  std::vector<Record> found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found), [&](const Record& record) {
    return std::any_of(views.begin(), views.end(), [&](const View* view) {
      if (view->forced != record) return false;
      return std::none_of(all.begin(), all.end(), [&](const Record& other) { return other != record && has(other, *view); });
    });
  });
  return found;
}

/// The first view of each life, by name, in the order of the trace.
struct Beginning {
  std::size_t at;
  NodeId node;
  const View* view;
};
using Beginnings = std::map<std::string, std::vector<Beginning>>;

Beginnings beginnings_of(const Trace& trace) {
  Beginnings found;
  std::set<NodeId> seen;
  for (std::size_t at = 0; at < trace.events.size(); ++at) {
    const TraceEvent& event = trace.events[at];
    const View* view = view_of(event);
    if (view != nullptr && seen.insert(event.node).second) found[event.node.name].push_back({at, event.node, view});
  }
  return found;
}

/// When each node goes another way than this history: it goes on to a view that isn't in it, or it is left out and comes back as a new node in one
/// that isn't, or may have been left out by another history: a trace doesn't tell which one it was.
std::map<NodeId, TimePoint> leave_times(const Trace& trace, const Record& history, const Beginnings& beginnings) {
  std::map<NodeId, TimePoint> found;
  std::map<NodeId, ViewId> views;
  ViewId newest_here, newest_elsewhere;
  for (std::size_t at = 0; at < trace.events.size(); ++at) {
    const TraceEvent& event = trace.events[at];
    const View* view = view_of(event);
    bool leaves = view != nullptr && !has(history, *view);
    if (view != nullptr) views[event.node] = view->id;
    const auto* proposed = std::get_if<BallotValue>(&event.body);
    const View* decided = proposed != nullptr ? &proposed->next : view;
    if (decided != nullptr) {
      ViewId& newest = has(history, *decided) ? newest_here : newest_elsewhere;
      newest = std::max(newest, decided->id);
    }
    if (std::holds_alternative<Resynced>(event.body)) {
      const auto of_name = beginnings.find(event.node.name);
      leaves = true;
      const ViewId& own = views[event.node];
      if (of_name != beginnings.end() && newest_here > own && newest_elsewhere <= own) {
        const auto next = std::find_if(of_name->second.begin(), of_name->second.end(),
                                       [&](const Beginning& one) { return one.at > at && one.node != event.node; });
        leaves = next == of_name->second.end() || !has(history, *next->view);
      }
    }
    if (leaves) found.try_emplace(event.node, event.time);
  }
  return found;
}

Trace part_of(const Trace& trace, const Record& history, const Beginnings& beginnings) {
  const auto leaves = leave_times(trace, history, beginnings);
  Trace part;
  std::set<NodeId> gone;
  for (const TraceEvent& event : trace.events) {
    const auto leave = leaves.find(event.node);
    if (leave == leaves.end() || event.time < leave->second) {
      part.events.push_back(event);
    } else if (gone.insert(event.node).second) {
      part.add(event.time, event.node, Crashed{});
    }
  }
  return part;
}

}  // namespace

std::vector<Trace> parted_histories(const Trace& trace) {
  const std::vector<Record> records = records_of(trace);
  std::vector<Trace> found;
  if (records.size() < 2) return found;
  const Beginnings beginnings = beginnings_of(trace);
  for (const Record& record : records) found.push_back(part_of(trace, record, beginnings));
  return found;
}

}  // namespace vsync::checker
