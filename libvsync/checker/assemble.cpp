#include "checker/assemble.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace vsync::checker {
namespace {

using protocol::NodeId;
using protocol::TimePoint;

template <class Body>
bool is(const TraceEvent& event) {
  return std::holds_alternative<Body>(event.body);
}

/// Events of one node, with nothing missing between the first and the last.
struct Piece {
  std::optional<Continued> continued;  ///< what happened before isn't in it
  bool interrupted = false;            ///< what happened after isn't
  std::vector<TraceEvent> events;

  [[nodiscard]] TimePoint begin() const { return events.front().time; }
  [[nodiscard]] TimePoint end() const { return events.back().time; }
};
using Pieces = std::map<NodeId, std::vector<Piece>>;

void take(Trace file, Pieces& pieces) {
  std::map<NodeId, Piece> open;
  const auto close = [&](const NodeId& node, Piece& piece) {
    if (!piece.events.empty()) pieces[node].push_back(std::move(piece));
    piece = {};
  };
  for (TraceEvent& event : file.events) {
    Piece& piece = open[event.node];
    if (const auto* continued = std::get_if<Continued>(&event.body)) {
      close(event.node, piece);
      piece.continued = *continued;
    } else if (is<Interrupted>(event)) {
      piece.interrupted = true;
      close(event.node, piece);
    } else {
      if (piece.events.empty() && !piece.continued && !is<NodeStarted>(event)) piece.continued = Continued{};
      piece.events.push_back(std::move(event));
    }
  }
  for (auto& [node, piece] : open) close(node, piece);
}

std::size_t events_at(const std::vector<TraceEvent>& events, TimePoint time) {
  const auto is_at = [&](const TraceEvent& event) { return event.time == time; };
  return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), is_at));
}

/// `more` begins where `piece` is shown already. What a node did at one time it wrote together, and of the last time that `piece` shows the one
/// of the two may have more than the other.
void extend(Piece& piece, Piece more) {
  if (more.end() < piece.end()) return;
  const TimePoint seam = piece.end();
  const bool more_at_seam = events_at(more.events, seam) > events_at(piece.events, seam);
  if (more_at_seam) std::erase_if(piece.events, [&](const TraceEvent& event) { return event.time == seam; });
  for (TraceEvent& event : more.events) {
    if (event.time > seam || (more_at_seam && event.time == seam)) piece.events.push_back(std::move(event));
  }
  piece.interrupted = more.end() > seam ? more.interrupted : piece.interrupted && more.interrupted;
}

std::vector<Piece> joined(std::vector<Piece> pieces) {
  // Of those that begin at one time the one that shows the beginning goes first.
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& one, const Piece& other) {
    return std::pair(one.begin(), one.continued.has_value()) < std::pair(other.begin(), other.continued.has_value());
  });
  std::vector<Piece> found;
  for (Piece& piece : pieces) {
    if (!found.empty() && piece.begin() <= found.back().end()) {
      extend(found.back(), std::move(piece));
    } else {
      found.push_back(std::move(piece));
    }
  }
  return found;
}

void tell(const NodeId& node, std::vector<Piece> pieces, Trace& trace) {
  for (Piece& piece : pieces) {
    if (piece.continued) trace.add(piece.begin(), node, *piece.continued);
    const TimePoint end = piece.end();
    std::move(piece.events.begin(), piece.events.end(), std::back_inserter(trace.events));
    if (piece.interrupted) trace.add(end, node, Interrupted{});
  }
}

void add_members(const protocol::View& view, std::set<NodeId>& members) {
  for (const protocol::Member& member : view.members) members.insert(member.node);
}

}  // namespace

Result<Trace, BadLine> read_trace(std::string_view text) {
  Trace trace;
  std::optional<BadLine> broken;  // unless the next line is a start's
  std::size_t number = 0;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string_view::npos; begin = end + 1) {
    ++number;
    const std::string_view line = text.substr(begin, end - begin);
    if (line.empty()) continue;
    auto event = parse_line(line);
    if (broken && !(event && is<NodeStarted>(*event))) return Unexpected{*broken};
    broken.reset();
    if (event) {
      trace.events.push_back(std::move(*event));
    } else {
      broken = BadLine{number, event.error()};
    }
  }
  if (broken) return Unexpected{*broken};
  return trace;
}

Assembled assemble(std::vector<Trace> files) {
  Pieces pieces;
  for (Trace& file : files) take(std::move(file), pieces);
  Assembled made;
  std::set<std::uint64_t> clocks;
  std::set<NodeId> members;
  for (auto& [node, parts] : pieces) {
    std::vector<Piece> shown = joined(std::move(parts));
    if (shown.size() > 1 || shown.front().continued || shown.back().interrupted) made.in_part.push_back(node);
    for (const Piece& piece : shown) {
      if (piece.continued) clocks.insert(piece.continued->clock);
      if (piece.continued && piece.continued->view) add_members(*piece.continued->view, members);
      for (const TraceEvent& event : piece.events) {
        if (const auto* started = std::get_if<NodeStarted>(&event.body)) clocks.insert(started->clock);
        if (const auto* installed = std::get_if<ViewInstalled>(&event.body)) add_members(installed->view, members);
        if (const auto* value = std::get_if<BallotValue>(&event.body)) add_members(value->next, members);
      }
    }
    tell(node, std::move(shown), made.trace);
  }
  for (const NodeId& member : members) {
    if (!pieces.contains(member)) made.without.push_back(member);
  }
  made.one_clock = clocks.size() <= 1;
  // Stable: events of one node at one time stay in the order in which they happened. Without one clock: node after node, and of one name
  // one incarnation after the other, as the map has them.
  if (made.one_clock) {
    std::stable_sort(made.trace.events.begin(), made.trace.events.end(),
                     [](const TraceEvent& one, const TraceEvent& other) { return one.time < other.time; });
  }
  return made;
}

}  // namespace vsync::checker
