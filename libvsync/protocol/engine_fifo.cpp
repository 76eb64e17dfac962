// The engine hands fifo messages out ahead of the order: as soon as it holds them and everything that their publisher's daemon sent
// before them in this view has been handed out. Their place in the order is a marker.
//
// FIFO broadcast as in Hadzilacos and Toueg, "Fault-tolerant broadcasts and related problems" (1993), section 3.2, within one view:
// what of it must be delivered before the next view is a matter of the cut.

#include <algorithm>

#include "protocol/engine_parts.hpp"
#include "protocol/mutant.hpp"

namespace vsync::protocol {

void Engine::Parts::hand_out_ahead(Lane lane_id) {
  LaneReplica& lane = in_view->lanes[lane_id.value];
  const Position behind{in_view->view.id.epoch, in_view->view.id.number, lane_id, lane.delivered()};
  for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
    const NodeId& publisher = in_view->view.members[r].node;
    while (const Chunk* next = lane.next_of(Rank{r})) {
      if (next->level != Level::fifo || next->ops) {
        if (!mutant(Mutant::fifo_overtakes)) break;
        lane.hand_out_ahead(Rank{r}, *next);
        continue;
      }
      // Of a session that isn't known here, or has gone elsewhere, the order has to tell.
      const Session* session = directory.session(next->session);
      if (session == nullptr || session->node != publisher) break;
      const Chunk chunk = *next;
      const FifoNumbers& numbers = in_view->fifo[lane_id.value];
      const std::uint64_t last_n = directory.delivered().last_n(chunk.session, lane_id);
      // Between two messages of one home the session may have published elsewhere: it went there and came back behind what is ordered here.
      if (!numbers.follows(chunk, last_n)) break;
      lane.hand_out_ahead(Rank{r}, chunk);
      hand_out_fifo(behind, publisher, chunk, numbers.handed_out(chunk, last_n));
    }
  }
}

void Engine::Parts::hand_out_at_its_place(Position first, const NodeId& publisher, const Chunk& chunk, const Admission& admission) {
  const LaneReplica& lane = in_view->lanes[chunk.lane.value];
  FifoNumbers& numbers = in_view->fifo[chunk.lane.value];
  const bool went_ahead = lane.handed_out_ahead(*in_view->view.rank_of(publisher), chunk);
  // Known or not: before the session's end stood in the order, others may have handed it out.
  const bool counts = admission.known || numbers.ended_after_a_move(chunk.session);
  if (mutant(Mutant::fifo_again_at_its_place) && admission.known) {
    hand_out_fifo(first, publisher, chunk, admission.skip);
  } else if (!went_ahead && counts && !(in_view->wedged && mutant(Mutant::fifo_forgotten_at_the_cut))) {
    Position behind = first;
    behind.seq = first.seq == tail_begin ? lane.delivered() : first.seq - 1;
    hand_out_fifo(behind, publisher, chunk, std::max(admission.known ? admission.skip : 0, numbers.handed_out(chunk)));
  }
  if (admission.known) numbers.delivered(chunk.session, directory.delivered().last_n(chunk.session, chunk.lane));
}

void Engine::Parts::hand_out_fifo(Position behind, const NodeId& publisher, const Chunk& chunk, std::uint32_t skip) {
  in_view->fifo[chunk.lane.value].hand_out(chunk);
  if (skip < chunk.count) emit(Delivered{behind, publisher, chunk, skip, 0, 0});
}

void Engine::Parts::apply_record(const DirectoryOp& op, const NodeId& publisher, Position at) {
  const SessionId id = std::visit([](const auto& one) { return one.session; }, op);
  const Session* session = directory.session(id);
  const bool was_known = session != nullptr;
  const NodeId home = was_known ? session->node : NodeId{};
  std::vector<std::uint64_t> last_n(in_view->fifo.size());
  for (std::uint16_t i = 0; i < last_n.size(); ++i) last_n[i] = directory.delivered().last_n(id, Lane{i});
  directory.apply(op, publisher, at, out.events);
  session = directory.session(id);
  for (std::size_t i = 0; i < last_n.size(); ++i) {
    FifoNumbers& numbers = in_view->fifo[i];
    if (session == nullptr && was_known) numbers.ended(id, last_n[i]);
    if (session == nullptr) continue;
    if (!was_known) numbers.begun(id);
    else if (!home.name.empty() && session->node != home) numbers.moved(id);
  }
}

}  // namespace vsync::protocol
