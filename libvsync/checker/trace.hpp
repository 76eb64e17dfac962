#pragma once
// A trace: what happened at every node, in the order of time. It comes from the simulator or from files that real daemons
// wrote, and says no more than a node can tell about itself.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/events.hpp"
#include "protocol/frames.hpp"
#include "protocol/ids.hpp"
#include "protocol/view.hpp"

namespace vsync::checker {

/// A new process (or, after a rejoin, a new incarnation of a running one).
struct NodeStarted {
  bool with_disk = true;    ///< false: nothing of an earlier incarnation was found again
  std::uint64_t clock = 0;  ///< which clock its times are of: those of two nodes compare only if it is the same
  bool operator==(const NodeStarted&) const = default;
};

/// The process is gone: killed, or stopped after an orderly leave.
struct Crashed {
  bool operator==(const Crashed&) const = default;
};

/// A session published at its daemon.
struct Published {
  protocol::SessionId session;
  std::uint64_t first_n = 0;
  std::uint32_t count = 0;
  protocol::Lane lane;
  protocol::Level level = protocol::Level::agreed;
  std::uint64_t digest = 0;  ///< of the payload; 0: not taken
  bool accepted = false;     ///< false: the daemon said no at once
  bool operator==(const Published&) const = default;
};

struct Delivered {
  protocol::Position first;
  protocol::NodeId publisher;
  protocol::Seqno stream;  ///< of the first message, in its publisher's stream
  std::uint32_t count = 0;
  std::uint32_t skip = 0;
  protocol::SessionId session;
  std::uint64_t first_n = 0;
  protocol::Level level = protocol::Level::agreed;
  protocol::Seq after;
  std::uint64_t digest = 0;
  /// Fifo messages that are handed out: `first` isn't their place, which follows as a marker.
  [[nodiscard]] bool ahead() const { return level == protocol::Level::fifo && skip < count; }
  bool operator==(const Delivered&) const = default;
};

struct ViewInstalled {
  protocol::View view;
  bool restart = false;
  bool forced = false;
  bool operator==(const ViewInstalled&) const = default;
};

struct GroupView {
  protocol::Position position;
  std::string group;
  std::uint64_t number = 0;
  std::vector<protocol::SessionId> members;
  std::uint64_t digest = 0;  ///< of everything the group view says
  bool operator==(const GroupView&) const = default;
};

struct SessionChanged {
  protocol::SessionId session;
  protocol::NodeId node;
  bool open = false;
  bool operator==(const SessionChanged&) const = default;
};

struct Marked {
  protocol::Position up_to;
  protocol::Level level = protocol::Level::uniform;
  protocol::ViewId of_view;
  bool member_lost_before = false;
  bool operator==(const Marked&) const = default;
};

struct Resolved {
  protocol::SessionId session;
  std::uint64_t first_n = 0;
  std::uint32_t count = 0;
  protocol::Outcome outcome = protocol::Outcome::ok;
  protocol::Position first;
  bool operator==(const Resolved&) const = default;
};

struct StateChanged {
  protocol::ComponentState state = protocol::ComponentState::joining;
  bool operator==(const StateChanged&) const = default;
};

/// The last event of an incarnation that was excluded; its process goes on as a new node.
struct Resynced {
  protocol::Position last_common;
  std::optional<protocol::Position> orphaned_from;
  std::optional<protocol::Position> orphaned_to;
  bool operator==(const Resynced&) const = default;
};

/// The replicas of the members are not alike, and these are the wrong ones.
struct Diverged {
  protocol::Position agreed;
  protocol::Position differs;
  std::vector<protocol::NodeId> wrong;
  bool operator==(const Diverged&) const = default;
};

/// A promise for `ballot` of `view`'s instance (by a joiner: its agreement to come along).
struct AnsweredBallot {
  protocol::ViewId view;
  protocol::Ballot ballot;
  bool from_disk = false;
  bool own = false;  ///< the coordinator's promise to itself, told by what it wrote and not by a frame
  bool operator==(const AnsweredBallot&) const = default;
};

/// The node knows that `ballot` of `view`'s instance carries this value.
struct BallotValue {
  protocol::ViewId view;
  protocol::Ballot ballot;
  std::uint64_t value = 0;  ///< digest of the whole value, the cut included
  protocol::View next;
  bool operator==(const BallotValue&) const = default;
};

struct AcceptedBallot {
  protocol::ViewId view;
  protocol::Ballot ballot;
  bool own = false;  ///< as in AnsweredBallot
  bool operator==(const AcceptedBallot&) const = default;
};

/// The node told others that it holds every payload and order record of `view` up to `held`.
struct Held {
  protocol::ViewId view;
  protocol::Lane lane;
  protocol::Seq held;
  bool operator==(const Held&) const = default;
};

/// The node told others that what is durable in `view` up to `stored` is on its disk.
struct Stored {
  protocol::ViewId view;
  protocol::Lane lane;
  protocol::Seq stored;
  bool operator==(const Stored&) const = default;
};

/// What the durable log of a loaded node holds: told when it begins an epoch, and when a run ends.
struct Logged {
  struct Run {
    protocol::Position first;
    std::uint32_t count = 0;
    protocol::SessionId session;
    std::uint64_t first_n = 0;
    std::uint64_t digest = 0;  ///< of the payload
    bool operator==(const Run&) const = default;
  };
  std::vector<Run> runs;
  bool operator==(const Logged&) const = default;
};

/// The process was stopped for so long, and runs again.
struct Resumed {
  std::uint64_t paused_ns = 0;
  bool operator==(const Resumed&) const = default;
};

/// The trace of this node begins here, in the middle of its life: what it did before isn't shown.
struct Continued {
  std::optional<protocol::View> view;  ///< the one that it was in, where that is known
  std::uint64_t clock = 0;             ///< as in NodeStarted
  bool operator==(const Continued&) const = default;
};

/// The trace of this node ends here, and its life goes on.
struct Interrupted {
  bool operator==(const Interrupted&) const = default;
};

using TraceBody = std::variant<NodeStarted, Crashed, Published, Delivered, ViewInstalled, GroupView, SessionChanged, Marked, Resolved,
                               StateChanged, Resynced, AnsweredBallot, BallotValue, AcceptedBallot, Held, Resumed, Stored, Logged, Diverged,
                               Continued, Interrupted>;

struct TraceEvent {
  protocol::TimePoint time;
  protocol::NodeId node;
  TraceBody body;
  bool operator==(const TraceEvent&) const = default;
};

struct Trace {
  std::vector<TraceEvent> events;
  void add(protocol::TimePoint time, const protocol::NodeId& node, TraceBody body) {
    events.push_back({time, node, std::move(body)});
  }
};

}  // namespace vsync::checker
