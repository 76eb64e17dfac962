#pragma once
// check: the properties of DESIGN's section 8 over a trace. Each is one function with its definition and source above it (views.cpp,
// delivery.cpp, fifo.cpp, confirmation.cpp, sessions.cpp, liveness.cpp). Time is near-linear in the length of the trace.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "checker/trace.hpp"

namespace vsync::checker {

struct Violation {
  std::string property;
  std::string text;  ///< names the nodes, views and positions
};

/// What must hold once faults have stopped and the system had time to settle.
struct Liveness {
  std::vector<protocol::NodeId> connected;  ///< the nodes that run and hear each other at the end
  std::vector<protocol::NodeId> left_out{};  ///< those that run and can't go on, or not with these
  /// No view is installed from here to the end of the trace. Absent: not looked at.
  std::optional<protocol::TimePoint> quiet_from;
};

struct Options {
  /// The sequencer's lease. Present: the properties about time are looked at, for which all nodes' times are of one clock.
  std::optional<protocol::Duration> lease;
  std::optional<Liveness> liveness;    ///< absent: safety only
  std::size_t violations_max = 20;     ///< per property
  /// Traces begin or end in the middle of a life (Continued, Interrupted), or those of some nodes are missing: nothing follows from what
  /// isn't shown.
  bool partial = false;
  /// The times of all nodes are of one clock, and the trace is in their order. Otherwise each node's events are in order, node after node.
  bool one_clock = true;
  /// Durable logs drop their oldest messages at a bound.
  bool logs_are_bounded = false;
};

/// The events are in the order of time; of one node, in the order in which they happened.
[[nodiscard]] std::vector<Violation> check(const Trace& trace, const Options& options = {});

/// Names of all properties, for reports.
[[nodiscard]] std::vector<std::string> property_names();

struct NotJudged {
  std::string property;
  std::string why;
};
/// The properties that check() with these options doesn't look at. All others are judged on what the trace shows.
[[nodiscard]] std::vector<NotJudged> not_judged(const Options& options);

}  // namespace vsync::checker
