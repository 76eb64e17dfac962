#include "wire/local_values.hpp"

namespace vsync::wire {

static_assert(static_cast<int>(schema::Level::FIFO) == static_cast<int>(Level::fifo));

void write(schema::SessionId::Builder out, const SessionId& session) {
  out.setHigh(session.high);
  out.setLow(session.low);
}

void write(schema::Position::Builder out, const Position& position) {
  out.setEpoch(position.epoch.number);
  out.setEpochRandom(position.epoch.random);
  out.setView(position.view);
  out.setLane(position.lane.value);
  out.setSeq(position.seq.value);
}

void write(schema::Member::Builder out, const GroupMember& member) {
  write(out.initSession(), member.session);
  out.setNode(text_of(member.node.name));
  out.setApplication(text_of(member.application));
}

schema::Level to_schema(Level level) { return static_cast<schema::Level>(level); }

SessionId read_session(schema::SessionId::Reader in, const char* field) {
  const SessionId session{.high = in.getHigh(), .low = in.getLow()};
  require(!session.empty(), field, "the session id is zero");
  return session;
}

Position read_position(schema::Position::Reader in, const char* field) {
  require(in.getLane() < lanes_max, field, "the lane of a position is out of range");
  require(in.getSeq() < number_end, field, "the number of a position is out of range");
  return {.epoch = {.number = in.getEpoch(), .random = in.getEpochRandom()},
          .view = in.getView(),
          .lane = {in.getLane()},
          .seq = {in.getSeq()}};
}

GroupMember read_member(schema::Member::Reader in, const char* field) {
  GroupMember member;
  member.session = read_session(in.getSession(), field);
  // A session whose home failed and that hasn't come back has no node.
  const auto node = in.getNode();
  if (node.size() != 0) member.node.name = read_node_name(node, field);
  member.application = read_application(in.getApplication(), field);
  return member;
}

}  // namespace vsync::wire
