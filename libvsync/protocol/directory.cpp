#include "protocol/directory.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "protocol/assert.hpp"
#include "protocol/digest.hpp"
#include "protocol/mutant.hpp"

namespace vsync::protocol {

Directory::Directory(const Config& config) : delivered_(config.session_window) {}

void Directory::apply(const DirectoryOp& op, const NodeId& publisher, Position at, std::vector<Event>& out) {
  std::visit([&](const auto& one) { apply_one(one, publisher, at, out); }, op);
}

void Directory::apply_one(const OpenSession& op, const NodeId&, Position, std::vector<Event>& out) {
  if (op.session.empty() || op.node.name.empty()) return;
  const Session* known = find_session(op.session);
  if (known != nullptr && known->node == op.node) return;
  const bool ended = ended_.contains(op.session) && !mutant(Mutant::ended_session_revived);
  const bool spoke = known != nullptr ? delivered_.has_spoken(op.session) : ended;
  if (op.resume ? known == nullptr : spoke) {
    out.push_back(SessionChanged{
        .session = op.session, .node = op.node, .reason = LeaveReason::expired, .resumed = op.resume, .refused = true});
    return;
  }
  const auto [place, is_new] = sessions_.try_emplace(op.session);
  Session& session = place->second;
  if (is_new) {
    session.id = op.session;
    session.application = op.application;
    delivered_.open(op.session);
  }
  session.node = op.node;
  session.homeless = false;
  out.push_back(SessionChanged{.session = op.session, .node = op.node, .open = true, .resumed = !is_new});
}

void Directory::apply_one(const CloseSession& op, const NodeId& publisher, Position at, std::vector<Event>& out) {
  Session* session = find_session(op.session);
  if (session == nullptr) return;
  const bool holds = op.reason == LeaveReason::expired ? session->homeless
                                                       : op.reason == LeaveReason::removed || session->node == publisher;
  if (!holds) return;
  leave_all(*session, op.reason, at, out);
  out.push_back(SessionChanged{.session = op.session, .node = session->node, .open = false, .reason = op.reason});
  if (delivered_.has_spoken(op.session)) ended_.add(op.session);
  delivered_.close(op.session);
  sessions_.erase(op.session);
}

void Directory::apply_one(const JoinGroup& op, const NodeId&, Position at, std::vector<Event>& out) {
  Session* session = find_session(op.session);
  if (session == nullptr || session->homeless || session->groups.contains(op.group)) return;
  Group& group = add_member(op.group, *session);
  count_change(op.group, group);
  out.push_back(GroupViewChanged{.position = at,
                                 .group = op.group,
                                 .number = group.number,
                                 .members = members(op.group),
                                 .joined = {session->as_member()},
                                 .left = {}});
}

void Directory::apply_one(const LeaveGroup& op, const NodeId&, Position at, std::vector<Event>& out) {
  const Session* session = find_session(op.session);
  if (session == nullptr || !session->groups.contains(op.group)) return;
  remove_members(op.group, [session](const Session& member) { return &member == session; }, op.reason, at, out);
}

void Directory::nodes_left(std::span<const NodeId> left, Position at, std::vector<Event>& out) {
  std::vector<Session*> gone;
  std::vector<std::string_view> affected;
  for (auto& [id, session] : sessions_) {
    if (session.homeless || std::ranges::find(left, session.node) == left.end()) continue;
    session.homeless = true;
    gone.push_back(&session);
    affected.insert(affected.end(), session.groups.begin(), session.groups.end());
  }
  std::ranges::sort(affected);
  affected.erase(std::unique(affected.begin(), affected.end()), affected.end());

  // Who was homeless before is a member of nothing, so that the homeless members are those of this change.
  for (std::string_view group : affected) {
    remove_members(group, [](const Session& member) { return member.homeless; }, LeaveReason::node_failed, at, out);
  }
  for (Session* session : gone) session->node = {};
}

Session* Directory::find_session(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

Group& Directory::add_member(const std::string& group, Session& session) {
  const auto place = groups_.try_emplace(group).first;
  place->second.members.push_back(&session);
  session.groups.insert(place->first);
  return place->second;
}

template <class Leaves>
void Directory::remove_members(std::string_view group, Leaves leaves, LeaveReason reason, Position at,
                               std::vector<Event>& out) {
  const auto place = groups_.find(group);
  VSYNC_ASSERT(place != groups_.end());
  const auto& [name, content] = *place;
  GroupViewChanged change{.position = at, .group = name, .number = 0, .members = {}, .joined = {}, .left = {}};
  std::vector<const Session*> staying;
  for (const Session* member : content.members) {
    if (leaves(*member)) {
      change.left.push_back({member->as_member(), reason});
      find_session(member->id)->groups.erase(name);
    } else {
      change.members.push_back(member->as_member());
      staying.push_back(member);
    }
  }
  place->second.members = std::move(staying);
  count_change(name, place->second);
  change.number = content.number;
  out.push_back(std::move(change));
  if (content.members.empty()) {
    groups_digest_ -= content.digest;
    groups_.erase(place);
  }
}

void Directory::leave_all(Session& session, LeaveReason reason, Position at, std::vector<Event>& out) {
  while (!session.groups.empty()) {
    const std::string_view first = *session.groups.begin();
    remove_members(first, [&](const Session& member) { return &member == &session; }, reason, at, out);
  }
}

// A group that is made (again) starts above all numbers in use so far: what its last incarnation had is among them.
void Directory::count_change(const std::string& name, Group& group) {
  ++group_views_;
  group.number = group.number == 0 ? group_views_ : group.number + 1;
  renew_digest(name, group);
}

void Directory::renew_digest(const std::string& name, Group& group) {
  Digest digest;
  digest.add(name).add(group.number);
  for (const Session* member : group.members) digest.add(member->id);
  groups_digest_ += digest.value() - group.digest;
  group.digest = digest.value();
}

const Session* Directory::session(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Group* Directory::find(std::string_view group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

bool Directory::is_member(SessionId id, std::string_view group) const {
  const Session* found = session(id);
  return found != nullptr && found->groups.contains(group);
}

std::vector<GroupMember> Directory::members(std::string_view group) const {
  std::vector<GroupMember> out;
  const Group* found = find(group);
  if (found == nullptr) return out;
  out.reserve(found->members.size());
  for (const Session* member : found->members) out.push_back(member->as_member());
  return out;
}

std::vector<SessionId> Directory::sessions_of(const NodeId& node) const {
  std::vector<SessionId> out;
  for (const auto& [id, session] : sessions_) {
    if (!session.homeless && session.node == node) out.push_back(id);
  }
  return out;
}

std::vector<SessionId> Directory::homeless() const {
  std::vector<SessionId> out;
  for (const auto& [id, session] : sessions_) {
    if (session.homeless) out.push_back(id);
  }
  return out;
}

DirectoryState Directory::snapshot() const {
  DirectoryState state;
  state.group_views = mutant(Mutant::group_numbers_not_in_snapshot) ? 0 : group_views_;
  state.sessions.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) {
    state.sessions.push_back({.session = id,
                              .node = session.node,
                              .application = session.application,
                              .homeless = session.homeless,
                              .lanes = delivered_.snapshot(id)});
    if (mutant(Mutant::session_table_not_in_snapshot)) state.sessions.back().lanes.clear();
  }
  state.groups.reserve(groups_.size());
  for (const auto& [name, group] : groups_) {
    GroupState& one = state.groups.emplace_back(GroupState{.group = name, .view_number = group.number, .members = {}});
    for (const Session* member : group.members) one.members.push_back(member->id);
  }
  if (!mutant(Mutant::ended_sessions_not_in_snapshot)) state.ended = ended_.snapshot();
  return state;
}

Directory Directory::from(const DirectoryState& state, const Config& config) {
  Directory directory(config);
  directory.group_views_ = state.group_views;
  for (const SessionState& one : state.sessions) {
    Session& session = directory.sessions_[one.session];
    session.id = one.session;
    session.application = one.application;
    session.homeless = one.homeless;
    if (!one.homeless) session.node = one.node;
    directory.delivered_.restore(one.session, one.lanes);
  }
  for (SessionId session : state.ended) directory.ended_.add(session);
  for (const GroupState& one : state.groups) {
    for (SessionId member : one.members) {
      Session* session = directory.find_session(member);
      if (session == nullptr || session->homeless || session->groups.contains(one.group)) continue;
      directory.add_member(one.group, *session).number = one.view_number;
    }
  }
  for (auto& [name, group] : directory.groups_) {
    directory.group_views_ = std::max(directory.group_views_, group.number);
    directory.renew_digest(name, group);
  }
  return directory;
}

std::uint64_t Directory::digest() const {
  Digest digest;
  digest.add(group_views_).add(groups_digest_).add(groups_.size());
  for (const auto& [id, session] : sessions_) {
    digest.add(id).add(session.node).add(session.application).add(std::uint64_t{session.homeless});
    delivered_.add_to(digest, id);
  }
  ended_.add_to(digest);
  return digest.value();
}

}  // namespace vsync::protocol
