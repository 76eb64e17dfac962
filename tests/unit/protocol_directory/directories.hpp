#pragma once
// Short names for the tests of the directory, and its events as lines that a person can compare.

#include <cstdint>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "protocol/directory.hpp"

namespace vsync::protocol::test {

inline SessionId session_id(std::uint64_t n) { return {7, n}; }
inline NodeId node(const std::string& name, std::uint64_t counter = 1) { return {name, {counter, 5}}; }
inline Position position(std::uint64_t seq, std::uint64_t view = 1) { return {{1, 9}, view, Lane{}, Seq{seq}}; }

inline const char* name_of(LeaveReason reason) {
  switch (reason) {
    case LeaveReason::left: return "left";
    case LeaveReason::crashed: return "crashed";
    case LeaveReason::node_failed: return "node_failed";
    case LeaveReason::removed: return "removed";
    case LeaveReason::expired: return "expired";
  }
  return "?";
}

inline std::string line(const GroupMember& member) {
  std::ostringstream text;
  text << member.application << '@' << member.node.name << member.node.incarnation.counter;
  return text.str();
}

inline std::string line(const GroupViewChanged& change) {
  std::ostringstream text;
  text << change.group << " #" << change.number << " at " << change.position.seq.value << ':';
  for (const GroupMember& member : change.members) text << ' ' << line(member);
  for (const GroupMember& member : change.joined) text << " +" << line(member);
  for (const Departure& one : change.left) text << " -" << line(one.member) << '(' << name_of(one.reason) << ')';
  return text.str();
}

inline std::string line(const SessionChanged& change) {
  std::ostringstream text;
  text << change.session.low;
  if (change.refused) text << (change.resumed ? " can't be resumed at " : " can't be opened at ") << change.node.name;
  else if (change.open) text << (change.resumed ? " moved to " : " opened at ") << change.node.name;
  else text << " ended: " << name_of(change.reason);
  return text.str();
}

/// One line per event; only the directory's two kinds may be among them.
inline std::vector<std::string> lines(const std::vector<Event>& events) {
  std::vector<std::string> out;
  for (const Event& event : events) {
    if (const auto* group = std::get_if<GroupViewChanged>(&event)) out.push_back(line(*group));
    else if (const auto* session = std::get_if<SessionChanged>(&event)) out.push_back(line(*session));
    else out.push_back("unexpected");
  }
  return out;
}

/// A directory whose records stand at positions 1, 2, ... and which tells what each of them changed.
struct Replica {
  explicit Replica(const Config& config_ = {}) : config(config_), directory(config_) {}

  std::vector<std::string> apply(const DirectoryOp& op, const NodeId& publisher = node("a")) {
    std::vector<Event> events;
    directory.apply(op, publisher, position(++seq), events);
    return lines(events);
  }
  std::vector<std::string> lose(const std::vector<NodeId>& left) {
    std::vector<Event> events;
    directory.nodes_left(left, position(++seq), events);
    return lines(events);
  }

  std::vector<std::string> open(std::uint64_t n, const std::string& home = "a") {
    return apply(OpenSession{session_id(n), node(home), "app" + std::to_string(n)}, node(home));
  }
  std::vector<std::string> resume(std::uint64_t n, const std::string& home) {
    return apply(OpenSession{session_id(n), node(home), "app" + std::to_string(n), true}, node(home));
  }
  void deliver(std::uint64_t n, std::uint64_t first_n = 1, std::uint32_t count = 1) {
    ++seq;
    directory.admit(session_id(n), Lane{}, first_n, count, position(seq));
  }
  std::vector<std::string> close(std::uint64_t n, const std::string& home = "a", LeaveReason reason = LeaveReason::left) {
    return apply(CloseSession{session_id(n), reason}, node(home));
  }
  std::vector<std::string> join(std::uint64_t n, const std::string& group) { return apply(JoinGroup{session_id(n), group}); }
  std::vector<std::string> leave(std::uint64_t n, const std::string& group) { return apply(LeaveGroup{session_id(n), group}); }

  Config config;
  Directory directory;
  std::uint64_t seq = 0;
};

}  // namespace vsync::protocol::test
