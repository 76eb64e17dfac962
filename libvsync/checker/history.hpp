#pragma once
// History: a trace sorted by lives (one incarnation each), stays (one life in one view), views and ballots. All properties read it;
// none walks the raw trace more than once. The trace must outlive it.
//
// Where a trace of a node begins in the middle (Continued), a life begins that isn't whole, and its first stay isn't either. What such
// stays delivered is a piece of their view's order, and its place is found by position.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "checker/check.hpp"
#include "checker/trace.hpp"
#include "protocol/ids.hpp"

namespace vsync::checker {

using EventIndex = std::size_t;

/// Deliveries of one lane, in the order in which they were handed out. Fifo messages stand in the order as markers.
struct LaneDeliveries {
  std::vector<const Delivered*> ordinary;
  std::vector<const Delivered*> tail;
  bool operator==(const LaneDeliveries&) const = default;
};

/// One life in one installed view.
struct Stay {
  std::size_t life = 0;
  std::size_t view = 0;
  EventIndex installed_at = 0;
  std::map<protocol::Lane, LaneDeliveries> lanes;
  std::vector<const Delivered*> fifo;    ///< fifo messages as they were handed out
  std::vector<const GroupView*> group_views;
  std::optional<std::size_t> next_view;  ///< what this life installed after it
  bool whole = true;                     ///< false: its beginning isn't shown
};

/// One incarnation, from its first to its last event, or a piece of it.
struct Life {
  protocol::NodeId node;
  bool whole = true;  ///< false: its beginning isn't shown
  bool with_disk = true;
  std::vector<std::size_t> stays;
  std::vector<EventIndex> events;
  bool ended = false;  ///< crashed, stopped or resynced
  protocol::ComponentState state = protocol::ComponentState::joining;
};

struct ViewRecord {
  protocol::View content;
  std::uint64_t digest = 0;
  bool restart = false;
  bool forced = false;
  std::vector<std::size_t> stays;
  /// Of all stays: what every other must be a beginning of, or a piece if its beginning isn't shown.
  std::map<protocol::Lane, LaneDeliveries> longest;
};

struct Vote {
  EventIndex at = 0;
  protocol::NodeId node;
  bool from_disk = false;
  bool own = false;
};

struct BallotRecord {
  std::vector<Vote> answers;
  std::vector<Vote> acceptances;
  std::vector<std::pair<EventIndex, const BallotValue*>> values;
};

/// A decided change as the trace proves it, or as far as it does.
struct Succession {
  std::size_t view = 0;                       ///< the one installed
  std::optional<protocol::View> predecessor;  ///< none: a first view, or no ballot of the trace carries it
  std::vector<protocol::Ballot> ballots;      ///< of the predecessor's instance, that carry this view with one value
};

class History {
 public:
  explicit History(const Trace& trace, const Options& options = {});

  // What the options say of the trace.
  [[nodiscard]] bool partial() const { return partial_; }
  [[nodiscard]] bool one_clock() const { return one_clock_; }
  [[nodiscard]] bool logs_are_bounded() const { return logs_are_bounded_; }

  [[nodiscard]] const Trace& trace() const { return trace_; }
  [[nodiscard]] const std::vector<Life>& lives() const { return lives_; }
  [[nodiscard]] const std::vector<Stay>& stays() const { return stays_; }
  [[nodiscard]] const std::vector<ViewRecord>& views() const { return views_; }
  using Instances = std::map<protocol::ViewId, std::map<protocol::Ballot, BallotRecord>>;
  [[nodiscard]] const Instances& instances() const { return instances_; }

  [[nodiscard]] const Life& life_of(const Stay& stay) const { return lives_[stay.life]; }
  [[nodiscard]] const protocol::View& view_of(const Stay& stay) const { return views_[stay.view].content; }
  /// The last one of this node.
  [[nodiscard]] std::optional<std::size_t> life(const protocol::NodeId& node) const;
  /// An installed view of this id, whatever its content: one that several contents share is a violation of its own.
  [[nodiscard]] std::optional<std::size_t> view(const protocol::ViewId& id) const;
  [[nodiscard]] std::optional<std::size_t> view_at(const protocol::Position& position) const;
  /// The stays of `view` whose lives went on to its successor with their state: they say what is kept of it. A learner that
  /// hadn't loaded, and a witness, say nothing.
  [[nodiscard]] std::vector<std::size_t> survivors(std::size_t view) const;
  [[nodiscard]] Succession succession(std::size_t view) const;
  /// Where the kept part of `view`'s ordinary range ends, as far as it is visible; nothing while no successor is known.
  [[nodiscard]] std::optional<std::size_t> kept(std::size_t view, protocol::Lane lane) const;

 private:
  void add(EventIndex at);
  std::size_t life_for(const TraceEvent& event);
  std::size_t record_of(const protocol::View& view);
  void install(EventIndex at, std::size_t life, const ViewInstalled& installed);
  void begin_stay(EventIndex at, std::size_t life, std::size_t view, bool whole);
  void deliver(std::size_t life, const Delivered& delivered);
  void find_longest();
  /// How many have accepted a ballot that carries it: of several proposals for one view, the chosen one has the most.
  [[nodiscard]] std::size_t acceptors_of(const std::pair<protocol::ViewId, std::uint64_t>& content) const;

  const Trace& trace_;
  bool partial_;
  bool one_clock_;
  bool logs_are_bounded_;
  std::vector<Life> lives_;
  std::vector<Stay> stays_;
  std::vector<ViewRecord> views_;
  Instances instances_;
  std::map<protocol::NodeId, std::size_t> life_index_;
  std::map<protocol::ViewId, std::size_t> view_index_;
  std::map<std::pair<protocol::ViewId, std::uint64_t>, std::size_t> content_index_;
  std::map<std::pair<protocol::ViewId, std::uint64_t>, protocol::View> known_contents_;  ///< installed, or carried by a ballot
  std::map<std::pair<protocol::ViewId, std::uint64_t>, std::vector<std::pair<protocol::ViewId, protocol::Ballot>>> carriers_;
};

}  // namespace vsync::checker
