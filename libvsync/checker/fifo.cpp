// Properties of fifo messages. They stand in the order as markers, so what holds of the order is checked there; here is what holds of
// the messages themselves, which go ahead of it.
//
// FIFO broadcast: Hadzilacos and Toueg, "Fault-tolerant broadcasts and related problems" (1993), section 3.2; virtual synchrony as in
// delivery.cpp. That each is delivered in the view it was sent in is told by delivered_in_its_view.

#include <algorithm>

#include "checker/names.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

using protocol::Lane;
using protocol::NodeId;
using protocol::Seqno;
using protocol::SessionId;

using MessageId = std::pair<SessionId, std::uint64_t>;

std::string text_of(const MessageId& id) { return name_of(id.first) + " n " + std::to_string(id.second); }

std::set<MessageId> handed_out(const Stay& stay) {
  std::set<MessageId> messages;
  for (const Delivered* delivered : stay.fifo) {
    for (std::uint32_t i = delivered->skip; i < delivered->count; ++i) messages.emplace(delivered->session, delivered->first_n + i);
  }
  return messages;
}

/// The first message that one has and the other lacks.
const MessageId* difference(const std::set<MessageId>& one, const std::set<MessageId>& other) {
  const auto missing = std::find_if(one.begin(), one.end(), [&](const MessageId& id) { return !other.contains(id); });
  return missing == one.end() ? nullptr : &*missing;
}

}  // namespace

// Fifo order: of one publisher's stream of a view, everybody is handed growing numbers, fifo messages and those of the order together.
void fifo_publisher_order(const History& history, Report& report) {
  for (const Life& life : history.lives()) {
    std::map<std::pair<Lane, NodeId>, Seqno> last;
    for (const EventIndex at : life.events) {
      const TraceBody& body = history.trace().events[at].body;
      if (std::holds_alternative<ViewInstalled>(body)) last.clear();
      const auto* delivered = std::get_if<Delivered>(&body);
      if (!delivered || delivered->skip >= delivered->count) continue;
      Seqno& before = last[{delivered->first.lane, delivered->publisher}];
      const Seqno first = delivered->stream + delivered->skip;
      if (first <= before) {
        report.add(name_of(life.node) + " was handed message " + std::to_string(first.value) + " of " + name_of(delivered->publisher) +
                   " at or behind " + name_of(delivered->first) + ", after message " + std::to_string(before.value));
      }
      before = delivered->stream + (delivered->count - 1);
    }
  }
}

// Fifo messages are handed out once, also where a retry through another daemon came before the first copy.
void fifo_delivered_once(const History& history, Report& report) {
  for (const Life& life : history.lives()) {
    std::map<protocol::Epoch, std::map<MessageId, bool>> seen;  // whether it was a fifo message
    for (const EventIndex at : life.events) {
      const auto* delivered = std::get_if<Delivered>(&history.trace().events[at].body);
      if (!delivered) continue;
      const bool fifo = delivered->ahead();
      for (std::uint32_t i = delivered->skip; i < delivered->count; ++i) {
        const MessageId id{delivered->session, delivered->first_n + i};
        const auto [found, is_new] = seen[delivered->first.epoch].try_emplace(id, fifo);
        if (is_new || (!fifo && !found->second)) continue;  // of ordered ones delivered_once tells
        report.add(name_of(life.node) + " was handed " + text_of(id) + " again, at or behind " + name_of(delivered->first));
      }
    }
  }
}

// Virtual synchrony of fifo messages: members that go together from one view to the next were handed the same ones in it, whatever
// copies of them, and in whatever order.
void fifo_virtual_synchrony(const History& history, Report& report) {
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    std::map<std::size_t, std::pair<const Stay*, std::set<MessageId>>> by_next;
    for (const std::size_t index : history.survivors(view)) {
      const Stay& stay = history.stays()[index];
      if (!stay.whole) continue;
      const std::set<MessageId> here = handed_out(stay);
      const auto [first, is_new] = by_next.try_emplace(*stay.next_view, &stay, here);
      if (is_new) continue;
      const auto& [other, there] = first->second;
      const MessageId* missing = difference(there, here);
      const Stay& lacks = missing != nullptr ? stay : *other;
      if (missing == nullptr) missing = difference(here, there);
      if (missing == nullptr) continue;
      report.add(name_of(history.life_of(lacks).node) + " went on from " + name_of(history.views()[view].content.id) + " to " +
                 name_of(history.views()[*stay.next_view].content.id) + " without " + text_of(*missing) + ", which " +
                 name_of(history.life_of(&lacks == &stay ? *other : stay).node) + " was handed in it");
    }
  }
}

// All connected nodes were handed the same fifo messages of their last view.
void fifo_same_end(const History& history, const Liveness& liveness, Report& report) {
  std::map<std::size_t, std::pair<NodeId, std::set<MessageId>>> by_view;
  for (const NodeId& node : liveness.connected) {
    const auto life = history.life(node);
    if (!life || history.lives()[*life].stays.empty()) continue;
    const Stay& stay = history.stays()[history.lives()[*life].stays.back()];
    const auto rank = history.view_of(stay).rank_of(node);
    if (!rank || history.view_of(stay).at(*rank).witness) continue;
    const std::set<MessageId> here = handed_out(stay);
    const auto [first, is_new] = by_view.try_emplace(stay.view, node, here);
    if (is_new || first->second.second == here) continue;
    const MessageId* missing = difference(first->second.second, here);
    const NodeId& lacks = missing != nullptr ? node : first->second.first;
    if (missing == nullptr) missing = difference(here, first->second.second);
    report.add(name_of(lacks) + " was never handed " + text_of(*missing) + " in " + name_of(history.view_of(stay)));
  }
}

}  // namespace vsync::checker
