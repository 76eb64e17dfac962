#pragma once
// One seed from its beginning to its judgement: first safety, while faults rage; then liveness: faults stop, and all connected nodes
// must reach one view, deliver everything and be quiet.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "checker/check.hpp"
#include "checker/trace.hpp"
#include "tests/simulation/strikes.hpp"
#include "tests/simulation/swarm.hpp"

namespace vsync::simulation {

struct RunResult {
  std::vector<checker::Violation> violations;  ///< empty: passed
  checker::Trace trace;
  std::uint64_t inputs = 0;                    ///< protocol events: frames, ticks, links, writes, requests
  std::uint64_t views = 0;                     ///< installed, counted at each node
  std::uint64_t view_changes = 0;              ///< different views that somebody installed
  std::uint64_t delivered = 0;
  std::uint64_t published = 0, ok = 0, resent = 0, resyncs = 0;
  std::array<std::uint64_t, fault_kinds> faults{};
  Strikes strikes{};
  std::array<std::uint64_t, standing_kinds> stood{};
  std::uint64_t blocked = 0;                   ///< while a fault stood, since a view was decided meanwhile that nobody could go on from
  std::uint64_t churn = 0;                     ///< view changes while a fault stood, after those that it left connected had come to rest
  std::uint64_t herd_views = 0;                ///< of one start of all at once, at most
  protocol::Duration herding{};                ///< simulated time that it took, at most
  std::uint64_t in_vain = 0;                   ///< faults that waited for a moment that never came; see World
  protocol::Duration node_time{};              ///< simulated time, of all hosts together
  protocol::Duration settling{};               ///< simulated time from the end of the faults to a settled system
};

/// (whole) Without asking whether who sees only a part of the run finds something in it. (nothing) The trace isn't looked at.
enum class Judging : std::uint8_t { nothing, whole, whole_and_in_part };

[[nodiscard]] RunResult run_seed(const SwarmOptions& options, std::uint64_t seed, Judging judging = Judging::whole_and_in_part);

}  // namespace vsync::simulation
