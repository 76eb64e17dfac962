#pragma once
// Handmade traces: a sound one of three nodes that lose one of them, for tests that break a single thing in it.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "checker/check.hpp"
#include "checker/digest.hpp"
#include "checker/trace.hpp"

namespace vsync::checker::testing {

using namespace std::chrono_literals;
using protocol::Ballot;
using protocol::Level;
using protocol::NodeId;
using protocol::Outcome;
using protocol::Position;
using protocol::Rank;
using protocol::Seq;
using protocol::Seqno;
using protocol::SessionId;
using protocol::TimePoint;
using protocol::View;
using protocol::ViewId;

inline NodeId node(const std::string& name, std::uint64_t counter = 1) { return {name, {counter, counter * 100}}; }
inline const NodeId a = node("a");
inline const NodeId b = node("b");
inline const NodeId c = node("c");
inline const SessionId session{7, 7};

inline ViewId view_id(std::uint64_t number) { return {{1, 9}, number}; }

inline View view(std::uint64_t number, const std::vector<NodeId>& members) {
  View made{.id = view_id(number)};
  for (const NodeId& member : members) made.members.push_back({.node = member});
  made.sequencers = {Rank{0}};
  return made;
}

inline Position at(std::uint64_t view_number, std::uint64_t seq) { return {{1, 9}, view_number, {}, Seq{seq}}; }
inline Position in_tail(std::uint64_t view_number, std::uint64_t offset) {
  return {{1, 9}, view_number, {}, protocol::tail_begin + offset};
}

/// One message of `session`; its content follows from n. Unless told otherwise, whatever follows n 1 in the first view was published
/// by somebody who had delivered n 1.
inline Delivered message(Position position, const NodeId& publisher, std::uint64_t stream, std::uint64_t n,
                         std::optional<std::uint64_t> answers = std::nullopt) {
  const std::uint64_t after = answers.value_or(position.view == 1 && n > 1 ? 1 : 0);
  return {.first = position, .publisher = publisher, .stream = Seqno{stream}, .count = 1, .session = session, .first_n = n,
          .after = Seq{after}, .digest = 1000 + n};
}

/// The same one as a fifo message that is handed out when the order has come to `behind`.
inline Delivered fifo_message(Position behind, const NodeId& publisher, std::uint64_t stream, std::uint64_t n) {
  Delivered made = message(behind, publisher, stream, n);
  made.level = Level::fifo;
  return made;
}

/// And what stands at its place.
inline Delivered fifo_marker(Position position, const NodeId& publisher, std::uint64_t stream, std::uint64_t n) {
  Delivered made = fifo_message(position, publisher, stream, n);
  made.skip = made.count;
  return made;
}

/// Each call adds one event a millisecond after the one before.
class Story {
 public:
  template <class Body>
  Story& tell(const NodeId& who, Body body) {
    now_ += 1ms;
    return tell_now(who, std::move(body));
  }
  template <class Body>
  Story& tell_now(const NodeId& who, Body body) {
    trace_.add(now_, who, TraceBody(std::move(body)));
    return *this;
  }
  Story& publish(const NodeId& who, std::uint64_t n) {
    return tell(who, Published{.session = session, .first_n = n, .count = 1, .digest = 1000 + n, .accepted = true});
  }
  Story& resolve(const NodeId& who, std::uint64_t n, Outcome outcome, Position position = {}) {
    return tell(who, Resolved{.session = session, .first_n = n, .count = 1, .outcome = outcome, .first = position});
  }
  Story& install(const std::vector<NodeId>& nodes, const View& what) {
    for (const NodeId& who : nodes) tell(who, ViewInstalled{.view = what});
    return *this;
  }
  Story& deliver(const std::vector<NodeId>& nodes, const Delivered& what) {
    for (const NodeId& who : nodes) tell(who, what);
    return *this;
  }
  Story& hold(const std::vector<NodeId>& nodes, std::uint64_t view_number, std::uint64_t seq) {
    for (const NodeId& who : nodes) tell(who, Held{.view = view_id(view_number), .held = Seq{seq}});
    return *this;
  }
  /// A ballot of `from` that carries `next`, answered by its members, accepted by `acceptors`.
  Story& ballot(std::uint64_t from, Ballot number, const View& next, const std::vector<NodeId>& answers,
                const std::vector<NodeId>& acceptors) {
    for (const NodeId& who : answers) tell(who, AnsweredBallot{.view = view_id(from), .ballot = number});
    tell(answers.front(), BallotValue{.view = view_id(from), .ballot = number, .value = digest_of(next), .next = next});
    for (const NodeId& who : acceptors) tell(who, AcceptedBallot{.view = view_id(from), .ballot = number});
    return *this;
  }
  [[nodiscard]] const Trace& trace() const { return trace_; }
  [[nodiscard]] TimePoint now() const { return now_; }

  /// The names of the properties that don't hold.
  [[nodiscard]] std::vector<std::string> broken(const Options& options = {}) const {
    std::vector<std::string> names;
    for (const Violation& violation : check(trace_, options)) {
      if (names.empty() || names.back() != violation.property) names.push_back(violation.property);
    }
    return names;
  }

 private:
  Trace trace_;
  TimePoint now_{};
};

inline const View first_view = view(1, {a, b, c});
inline const View second_view = view(2, {a, b});

/// a, b and c are in the first view, and b published n 1, which all delivered at position 1.
inline Story one_message() {
  Story story;
  for (const NodeId& who : {a, b, c}) story.tell(who, NodeStarted{});
  story.install({a, b, c}, first_view).publish(b, 1).deliver({a, b, c}, message(at(1, 1), b, 1, 1));
  return story;
}

}  // namespace vsync::checker::testing
