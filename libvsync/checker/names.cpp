#include "checker/names.hpp"

namespace vsync::checker {

using std::to_string;

std::string name_of(const protocol::NodeId& node) { return node.name + "#" + to_string(node.incarnation.counter); }

std::string name_of(const protocol::ViewId& id) { return "view " + to_string(id.epoch.number) + ":" + to_string(id.number); }

std::string name_of(const protocol::View& view) {
  std::string text = name_of(view.id) + " {";
  for (const protocol::Member& member : view.members) {
    if (text.back() != '{') text += ' ';
    text += name_of(member.node);
    if (!member.loaded) text += '*';
  }
  return text + "}";
}

std::string name_of(const protocol::Position& position) {
  const bool tail = position.seq >= protocol::tail_begin;
  std::string text = to_string(position.epoch.number) + ":" + to_string(position.view) + ":";
  text += tail ? "tail+" + to_string(position.seq - protocol::tail_begin) : to_string(position.seq.value);
  return position.lane.value == 0 ? text : text + ":lane" + to_string(position.lane.value);
}

std::string name_of(const protocol::Ballot& ballot) {
  return "ballot " + to_string(ballot.round) + "." + to_string(ballot.coordinator.value);
}

std::string name_of(const protocol::SessionId& session) {
  return "session " + to_string(session.high) + "-" + to_string(session.low);
}

}  // namespace vsync::checker
