// The records that change the group directory, and the directory as a snapshot.

#include <variant>

#include "protocol/ended_sessions.hpp"
#include "wire/peer_frames.hpp"

namespace vsync::wire {
namespace {

using wire::write;

static_assert(static_cast<int>(peer_schema::LeaveReason::EXPIRED) == static_cast<int>(protocol::LeaveReason::expired));

constexpr const char* op_field = "directory record";
constexpr const char* session_field = "snapshot: session";

peer_schema::LeaveReason to_schema(protocol::LeaveReason reason) { return static_cast<peer_schema::LeaveReason>(reason); }

struct OpWriter {
  peer_schema::DirectoryOp::Builder out;

  void operator()(const protocol::OpenSession& op) {
    write(out.initSession(), op.session);
    auto open = out.initOpenSession();
    write(open.initNode(), op.node);
    open.setApplication(text_of(op.application));
    open.setResume(op.resume);
  }
  void operator()(const protocol::CloseSession& op) {
    write(out.initSession(), op.session);
    out.setReason(to_schema(op.reason));
    out.setCloseSession();
  }
  void operator()(const protocol::JoinGroup& op) {
    write(out.initSession(), op.session);
    out.setJoinGroup(text_of(op.group));
  }
  void operator()(const protocol::LeaveGroup& op) {
    write(out.initSession(), op.session);
    out.setReason(to_schema(op.reason));
    out.setLeaveGroup(text_of(op.group));
  }
};

protocol::SessionId read_session(peer_schema::SessionId::Reader in, const char* field) {
  const protocol::SessionId session{.high = in.getHigh(), .low = in.getLow()};
  require(!session.empty(), field, "the session id is zero");
  return session;
}

protocol::DirectoryOp read_op(peer_schema::DirectoryOp::Reader in) {
  const protocol::SessionId session = read_session(in.getSession(), op_field);
  const auto reason = read_enum(in.getReason(), protocol::LeaveReason::expired, "directory record: reason");
  switch (in.which()) {
    case peer_schema::DirectoryOp::OPEN_SESSION: {
      const auto open = in.getOpenSession();
      return protocol::OpenSession{.session = session,
                                   .node = read_node(open.getNode(), op_field),
                                   .application = read_application(open.getApplication(), op_field),
                                   .resume = open.getResume()};
    }
    case peer_schema::DirectoryOp::CLOSE_SESSION: return protocol::CloseSession{.session = session, .reason = reason};
    case peer_schema::DirectoryOp::JOIN_GROUP:
      return protocol::JoinGroup{.session = session, .group = read_group(in.getJoinGroup(), op_field)};
    case peer_schema::DirectoryOp::LEAVE_GROUP:
      return protocol::LeaveGroup{.session = session, .group = read_group(in.getLeaveGroup(), op_field), .reason = reason};
  }
  refuse(op_field, "is of a kind that this version doesn't know");
}

void write(peer_schema::SessionRun::Builder out, const protocol::SessionRun& run) {
  out.setFirstN(run.first_n);
  out.setCount(run.count);
  out.setEpoch(run.first.epoch.number);
  out.setEpochRandom(run.first.epoch.random);
  out.setView(run.first.view);
  out.setLane(run.first.lane.value);
  out.setSeq(run.first.seq.value);
}

protocol::SessionRun read_session_run(peer_schema::SessionRun::Reader in) {
  require_run(in.getFirstN(), in.getCount(), "snapshot: the session's numbers of a run");
  require_run(in.getSeq(), in.getCount(), "snapshot: the positions of a run");
  return {.first_n = in.getFirstN(),
          .count = in.getCount(),
          .first = {.epoch = {.number = in.getEpoch(), .random = in.getEpochRandom()},
                    .view = in.getView(),
                    .lane = read_lane(in.getLane(), session_field),
                    .seq = {in.getSeq()}}};
}

void write(peer_schema::SessionState::Builder out, const protocol::SessionState& session) {
  write(out.initSession(), session.session);
  write(out.initNode(), session.node);
  out.setApplication(text_of(session.application));
  out.setHomeless(session.homeless);
  auto lanes = out.initLanes(size_of(session.lanes.size()));
  for (unsigned i = 0; i < lanes.size(); ++i) {
    const protocol::SessionLane& lane = session.lanes[i];
    lanes[i].setLane(lane.lane.value);
    lanes[i].setLastN(lane.last_n);
    auto recent = lanes[i].initRecent(size_of(lane.recent.size()));
    for (unsigned j = 0; j < recent.size(); ++j) write(recent[j], lane.recent[j]);
  }
}

protocol::SessionLane read_session_lane(peer_schema::SessionLane::Reader in) {
  require(in.getLastN() < number_end, session_field, "the last number is out of range");
  return {.lane = read_lane(in.getLane(), session_field),
          .last_n = in.getLastN(),
          .recent = read_list<protocol::SessionRun>(in.getRecent(), runs_max, "snapshot: runs of a session", read_session_run)};
}

protocol::SessionState read_session_state(peer_schema::SessionState::Reader in) {
  protocol::SessionState state;
  state.session = read_session(in.getSession(), session_field);
  const auto node = in.getNode();
  state.homeless = in.getHomeless();
  if (node.getName().size() != 0 || !state.homeless) state.node = read_node(node, session_field);
  state.application = read_application(in.getApplication(), session_field);
  state.lanes = read_list<protocol::SessionLane>(in.getLanes(), lanes_max, session_field, read_session_lane);
  return state;
}

void write(peer_schema::GroupState::Builder out, const protocol::GroupState& group) {
  out.setGroup(text_of(group.group));
  out.setViewNumber(group.view_number);
  auto members = out.initMembers(size_of(group.members.size()));
  for (unsigned i = 0; i < members.size(); ++i) write(members[i], group.members[i]);
}

protocol::GroupState read_group_state(peer_schema::GroupState::Reader in) {
  constexpr const char* field = "snapshot: group";
  return {.group = read_group(in.getGroup(), field),
          .view_number = in.getViewNumber(),
          .members = read_list<protocol::SessionId>(in.getMembers(), group_members_max, field,
                                                    [&](peer_schema::SessionId::Reader member) { return read_session(member, field); })};
}

void write(peer_schema::ViewEnd::Builder out, const protocol::ViewEnd& end) {
  write(out.initView(), end.view);
  out.setLane(end.lane.value);
  out.setOrdinary(end.ordinary.value);
  out.setTail(end.tail.value);
}

protocol::ViewEnd read_view_end(peer_schema::ViewEnd::Reader in) {
  constexpr const char* field = "snapshot: end of a view";
  return {.view = read_view_id(in.getView()),
          .lane = read_lane(in.getLane(), field),
          .ordinary = read_seq(in.getOrdinary(), field),
          .tail = read_seq(in.getTail(), field)};
}

}  // namespace

void write(capnp::List<peer_schema::DirectoryOp>::Builder out, const protocol::DirectoryOps& ops) {
  for (unsigned i = 0; i < out.size(); ++i) std::visit(OpWriter{out[i]}, ops[i]);
}

protocol::DirectoryOps read(capnp::List<peer_schema::DirectoryOp>::Reader in) {
  return read_list<protocol::DirectoryOp>(in, batch_messages_max, "directory records", read_op);
}

void write(peer_schema::Snapshot::Builder out, const protocol::Snapshot& snapshot) {
  const protocol::DirectoryState& directory = snapshot.directory;
  write(out.initView(), snapshot.view);
  out.setGroupViews(directory.group_views);
  out.setLogged(snapshot.logged);
  write_numbers(out.initAudited(size_of(snapshot.audited.size())), snapshot.audited, [](std::uint64_t digest) { return digest; });
  auto sessions = out.initSessions(size_of(directory.sessions.size()));
  for (unsigned i = 0; i < sessions.size(); ++i) write(sessions[i], directory.sessions[i]);
  auto groups = out.initGroups(size_of(directory.groups.size()));
  for (unsigned i = 0; i < groups.size(); ++i) write(groups[i], directory.groups[i]);
  auto ends = out.initEnds(size_of(snapshot.ends.size()));
  for (unsigned i = 0; i < ends.size(); ++i) write(ends[i], snapshot.ends[i]);
  auto ended = out.initEnded(size_of(directory.ended.size()));
  for (unsigned i = 0; i < ended.size(); ++i) write(ended[i], directory.ended[i]);
}

protocol::Snapshot read(peer_schema::Snapshot::Reader in) {
  protocol::Snapshot snapshot;
  snapshot.view = read_view_id(in.getView());
  snapshot.logged = in.getLogged();
  snapshot.audited = read_list<std::uint64_t>(in.getAudited(), lanes_max, "snapshot: digests", [](std::uint64_t digest) { return digest; });
  protocol::DirectoryState& directory = snapshot.directory;
  directory.group_views = in.getGroupViews();
  directory.sessions = read_list<protocol::SessionState>(in.getSessions(), sessions_max, "snapshot: sessions", read_session_state);
  directory.groups = read_list<protocol::GroupState>(in.getGroups(), groups_max, "snapshot: groups", read_group_state);
  snapshot.ends = read_list<protocol::ViewEnd>(in.getEnds(), view_ends_max, "snapshot: ends of views", read_view_end);
  directory.ended = read_list<protocol::SessionId>(
      in.getEnded(), protocol::EndedSessions::kept, "snapshot: ended sessions",
      [](peer_schema::SessionId::Reader session) { return read_session(session, "snapshot: ended session"); });
  // Equal directories must be equal bytes, so there is one order only.
  require(ascending(directory.sessions, &protocol::SessionState::session), "snapshot: sessions", "are not in ascending order");
  require(ascending(directory.groups, &protocol::GroupState::group), "snapshot: groups", "are not in ascending order");
  return snapshot;
}

}  // namespace vsync::wire
