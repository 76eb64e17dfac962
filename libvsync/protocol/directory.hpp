#pragma once
// Directory: who is a member of what. Groups are lightweight: a join or a leave is an ordered record, and every daemon has a
// replica that nothing but these records, their positions and the views' departures changes (state machine replication:
// Schneider, ACM Computing Surveys 1990). So all replicas stay equal, and 100,000 groups need no agreement of their own.
//
// A record that makes no sense where it stands in the order (a second join, a leave of a group that ended) changes nothing
// and says nothing, alike everywhere: two daemons' records may cross on their way.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/config.hpp"
#include "protocol/directory_op.hpp"
#include "protocol/directory_state.hpp"
#include "protocol/ended_sessions.hpp"
#include "protocol/events.hpp"
#include "protocol/ids.hpp"
#include "protocol/session_table.hpp"

namespace vsync::protocol {

/// An application's session. Without a home it is a member of nothing, and kept for its retries.
struct Session {
  SessionId id;
  NodeId node;              ///< its home; empty while homeless
  std::string application;  ///< as it was first opened: group views name it so as long as it lasts
  bool homeless = false;
  std::set<std::string_view> groups;  ///< names that the directory owns

  [[nodiscard]] GroupMember as_member() const { return {id, node, application}; }
};

struct Group {
  std::uint64_t number = 0;             ///< of its view; grows by one with each change
  std::vector<const Session*> members;  ///< by seniority, never empty
  std::uint64_t digest = 0;             ///< of its name, number and members
};

class Directory {
 public:
  explicit Directory(const Config& config);
  /// A replica of the one that gave the snapshot. What a sound directory never holds (a member without a session) is left out.
  static Directory from(const DirectoryState& state, const Config& config);
  Directory(Directory&&) = default;
  Directory& operator=(Directory&&) = default;

  /// Applies the record that stands at `at`, sent by `publisher`'s daemon, and appends what changed to `out`.
  ///
  /// OpenSession of a session with another home moves it. One that says that the session published before opens none that isn't
  /// known; one that says that it didn't opens and moves none that did, as long as that is remembered: such records came too late,
  /// change nothing, and their home is told (SessionChanged::refused). CloseSession(expired) ends a session only if it is homeless,
  /// CloseSession(removed) always, any other only if its home says so: it may have moved while its old home gave it up.
  void apply(const DirectoryOp& op, const NodeId& publisher, Position at, std::vector<Event>& out);

  /// These nodes are in no view any more. Their sessions leave all groups, each group in one change, and become homeless.
  void nodes_left(std::span<const NodeId> left, Position at, std::vector<Event>& out);

  /// A chunk of application messages comes to its turn: see SessionTable::admit.
  Admission admit(SessionId session, Lane lane, std::uint64_t first_n, std::uint32_t count, Position first) {
    return delivered_.admit(session, lane, first_n, count, first);
  }
  [[nodiscard]] const SessionTable& delivered() const { return delivered_; }

  /// Pointers hold until the next change.
  [[nodiscard]] const Session* session(SessionId id) const;
  [[nodiscard]] const Group* find(std::string_view group) const;
  [[nodiscard]] bool is_member(SessionId session, std::string_view group) const;
  [[nodiscard]] std::vector<GroupMember> members(std::string_view group) const;  ///< by seniority; empty: no such group
  [[nodiscard]] std::vector<SessionId> sessions_of(const NodeId& node) const;    ///< by id
  [[nodiscard]] std::vector<SessionId> homeless() const;                         ///< by id
  [[nodiscard]] std::size_t group_count() const { return groups_.size(); }
  [[nodiscard]] std::size_t session_count() const { return sessions_.size(); }
  /// Calls `use(name, group)` in the order of names.
  template <class Use>
  void for_each_group(Use use) const {
    for (const auto& [name, group] : groups_) use(name, group);
  }

  [[nodiscard]] DirectoryState snapshot() const;
  /// Equal for equal replicas. Covers what decides about later events; the runs kept for retries, whose number is a matter
  /// of each host's configuration, are not in it. Its cost grows with the sessions, not with the groups.
  [[nodiscard]] std::uint64_t digest() const;
  /// Of the groups and their members alone; costs nothing.
  [[nodiscard]] std::uint64_t groups_digest() const { return groups_digest_; }

 private:
  using Groups = std::map<std::string, Group, std::less<>>;

  void apply_one(const OpenSession& op, const NodeId& publisher, Position at, std::vector<Event>& out);
  void apply_one(const CloseSession& op, const NodeId& publisher, Position at, std::vector<Event>& out);
  void apply_one(const JoinGroup& op, const NodeId& publisher, Position at, std::vector<Event>& out);
  void apply_one(const LeaveGroup& op, const NodeId& publisher, Position at, std::vector<Event>& out);

  [[nodiscard]] Session* find_session(SessionId id);
  Group& add_member(const std::string& group, Session& session);
  /// One change of one group: the members for whom `leaves(session)` holds go, and the group with the last of them.
  template <class Leaves>
  void remove_members(std::string_view group, Leaves leaves, LeaveReason reason, Position at, std::vector<Event>& out);
  void leave_all(Session& session, LeaveReason reason, Position at, std::vector<Event>& out);
  void count_change(const std::string& name, Group& group);
  void renew_digest(const std::string& name, Group& group);

  std::map<SessionId, Session> sessions_;  ///< never moved in memory: groups point to them
  Groups groups_;                          ///< likewise: sessions point to the names
  SessionTable delivered_;
  EndedSessions ended_;
  std::uint64_t group_views_ = 0;          ///< all changes of all groups; no group's number is above it
  std::uint64_t groups_digest_ = 0;        ///< sum of the groups' digests
};

}  // namespace vsync::protocol
