#include "tests/simulation/in_part.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace vsync::simulation {
namespace {

struct Piece {
  std::size_t from = 0;
  std::size_t to = 0;
};

}  // namespace

checker::Trace seen_in_part(const checker::Trace& trace, Random random) {
  std::map<protocol::NodeId, std::vector<const checker::TraceEvent*>> lives;
  for (const checker::TraceEvent& event : trace.events) lives[event.node].push_back(&event);
  std::map<protocol::NodeId, Piece> pieces;
  for (const auto& [node, events] : lives) {
    Piece piece{0, events.size()};
    if (random.below(2) == 0) piece.from = random.below(events.size());
    if (random.below(2) == 0) piece.to = random.between(piece.from, events.size());
    // What a turn gives is written together.
    while (piece.to < events.size() && piece.to > 0 && events[piece.to]->time == events[piece.to - 1]->time) ++piece.to;
    if (random.below(6) == 0) piece = {0, 0};
    pieces[node] = piece;
  }
  checker::Trace seen;
  std::map<protocol::NodeId, std::size_t> at;
  std::map<protocol::NodeId, std::optional<protocol::View>> views;
  for (const checker::TraceEvent& event : trace.events) {
    const std::size_t here = at[event.node]++;
    const Piece& piece = pieces.at(event.node);
    const bool begins_here = here == piece.from && here > 0 && here < piece.to;
    if (begins_here) seen.add(event.time, event.node, checker::Continued{.view = views[event.node]});
    if (here >= piece.from && here < piece.to) seen.events.push_back(event);
    if (const auto* installed = std::get_if<checker::ViewInstalled>(&event.body)) views[event.node] = installed->view;
  }
  return seen;
}

checker::Trace by_node(const checker::Trace& trace) {
  std::vector<const checker::TraceEvent*> sorted;
  for (const checker::TraceEvent& event : trace.events) sorted.push_back(&event);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto* one, const auto* other) { return one->node < other->node; });
  checker::Trace copy;
  for (const checker::TraceEvent* event : sorted) copy.events.push_back(*event);
  return copy;
}

}  // namespace vsync::simulation
