#pragma once
// Swarm: what kind of run a seed is. Every run draws its own mix of sizes, times, loads and kinds of faults, because a run with all
// faults at once hides what a run with few of them finds. (Groce et al., "Swarm testing", ISSTA 2012.)

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/config.hpp"
#include "tests/simulation/fault.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/standing.hpp"

namespace vsync::simulation {

struct NodeOptions {
  std::uint32_t weight = 1;
  bool witness = false;
  std::int64_t drift_ppm = 0;
  protocol::Duration starts_after{};
  std::string tie_breaker;  ///< as configured at this node
};

/// The operator's choice has changed: each host is told within a while, in no order.
struct Reload {
  protocol::Duration at{};
  protocol::Duration within{};
  protocol::Config config;             ///< its times, tie-breaker and min_weight are taken
  std::vector<std::uint32_t> weights;  ///< by host
  std::optional<Host> without;         ///< is named by nobody else
};

struct SwarmOptions {
  std::vector<NodeOptions> nodes;
  protocol::Config config;           ///< `peers` and `weight` are each node's own
  NetworkOptions network;
  protocol::Duration write_min = std::chrono::microseconds(100);
  protocol::Duration write_max = std::chrono::milliseconds(3);
  bool upgrades = false;             ///< processes are started again with the next release, now and then with the former one
  bool operated = false;             ///< operators force primaries, and give up one of the histories that this parts
  bool bootstrap = false;            ///< the first node is told to form alone, the others join it
  std::size_t sessions = 3;
  protocol::Duration act_every = std::chrono::milliseconds(60);  ///< mean time between two acts of a session
  std::uint32_t burst_max = 3;       ///< publishes of one act
  std::uint32_t run_messages_max = 5;
  std::uint32_t payload_max = 64;
  std::uint32_t move_permille = 5;   ///< acts in which a session moves to another daemon
  std::uint32_t end_permille = 5;    ///< acts in which a session ends, or its application is killed
  std::uint32_t group_permille = 60;
  protocol::Duration fault_phase = std::chrono::seconds(10);
  std::vector<Fault> faults;
  std::vector<Reload> reloads;
  bool one_disk_hangs_at_the_end = false;  ///< after everything has settled, and the others must go on
  bool wall_clocks_jump = false;
  std::uint32_t herd_starts = 0;     ///< instead of faults: all nodes are started at once so often, with their disks
  std::optional<StandingFault> standing;  ///< before all is healed, all but this is
  bool one_dies_at_the_end = false;  ///< after everything has settled, a node dies for good and the rest must settle again
};

/// Seeds from here on have a fault that stands,
inline constexpr std::uint64_t first_standing_seed = 2'000'000'000;
/// and those from here on are herds of 16, 32 and 9 nodes in turn.
inline constexpr std::uint64_t first_herd_seed = 3'000'000'000;

[[nodiscard]] SwarmOptions draw(std::uint64_t seed);
[[nodiscard]] std::string describe(const SwarmOptions& options);

}  // namespace vsync::simulation
