#pragma once
// Tap: turns what leaves one engine into trace events. Every drained outbox of the engine goes through it, before the frames are sent.

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "checker/trace.hpp"
#include "protocol/durable_log.hpp"
#include "protocol/engine.hpp"

namespace vsync::checker {

class Tap {
 public:
  /// `clock`: which one the times are of (NodeStarted).
  explicit Tap(protocol::NodeId self, std::uint64_t clock = 0) : self_(std::move(self)), clock_(clock) {}

  /// `self` is the engine's identity after the outbox was drained: a rejoin changes it, and what the outbox holds before its
  /// Resynced event still belongs to the former one.
  void record(Trace& trace, protocol::TimePoint time, const protocol::NodeId& self, const protocol::Outbox& outbox);

  /// A session's publish and what the engine said to it. It is told with the next outbox: behind the view that the engine had installed
  /// by then, and before what came of it.
  void published(const Published& publish) { published_.push_back(publish); }

  /// What the node's durable log holds.
  void logged(Trace& trace, protocol::TimePoint time, const protocol::DurableLog& log, std::uint16_t lanes);

  /// The process was stopped for so long. Before the first outbox that follows.
  void resumed(Trace& trace, protocol::TimePoint time, protocol::Duration paused) {
    trace.add(time, self_, Resumed{static_cast<std::uint64_t>(paused.count())});
  }

  [[nodiscard]] const protocol::NodeId& self() const { return self_; }
  [[nodiscard]] std::uint64_t clock() const { return clock_; }

 private:
  void tell_published(Trace& trace, protocol::TimePoint time);
  void record_write(Trace& trace, protocol::TimePoint time, const protocol::PersistentState& state);
  void record_frame(Trace& trace, protocol::TimePoint time, const protocol::Frame& frame);
  void record_progress(Trace& trace, protocol::TimePoint time, const protocol::NodeId& node, const protocol::ViewId& view,
                       const std::vector<protocol::LaneProgress>& lanes);
  void record_value(Trace& trace, protocol::TimePoint time, const protocol::NodeId& node, const protocol::ViewId& view,
                    protocol::Ballot ballot, const protocol::Value& value);
  void record_event(Trace& trace, protocol::TimePoint time, const protocol::Event& event);
  void become(Trace& trace, protocol::TimePoint time, const protocol::NodeId& self);

  protocol::NodeId self_;
  std::uint64_t clock_;
  std::vector<Published> published_;  ///< since the last outbox
  // What was told already: frames repeat themselves, a trace doesn't.
  using BallotKey = std::tuple<protocol::NodeId, protocol::ViewId, protocol::Ballot>;
  static constexpr std::size_t ballots_remembered = 64;  ///< what is told again behind more of them does no harm
  static bool is_new(std::set<BallotKey>& told, BallotKey ballot);
  std::set<BallotKey> answered_, accepted_, values_;
  protocol::ViewId written_view_;  ///< what the last write said, so that a later incarnation doesn't say it again
  protocol::Ballot written_promise_, written_acceptance_;
  protocol::ViewId held_view_;
  std::map<protocol::Lane, protocol::Seq> held_;
  std::map<protocol::Lane, protocol::Seq> stored_;
};

/// For an engine that never rejoins: one outbox of `node`.
void record(Trace& trace, protocol::TimePoint time, const protocol::NodeId& node, const protocol::Outbox& outbox);

}  // namespace vsync::checker
