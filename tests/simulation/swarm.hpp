#pragma once
// Swarm: what kind of run a seed is. Every run draws its own mix of sizes, times, loads and kinds of faults, because a run with all
// faults at once hides what a run with few of them finds. (Groce et al., "Swarm testing", ISSTA 2012.)

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/config.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/random.hpp"

namespace vsync::simulation {

enum class FaultKind : std::uint8_t {
  crash,         ///< a process is killed, comes back with its disk
  power_off,     ///< a whole host goes silent, comes back with its disk
  reinstall,     ///< a process is killed, comes back without its disk
  pause,         ///< SIGSTOP
  partition,     ///< two sides that don't hear each other
  split,         ///< everybody alone
  one_way,       ///< one direction between two hosts
  deaf,          ///< a host hears nobody
  mute,          ///< nobody hears a host
  cut_link,      ///< both directions between two hosts
  reset,         ///< a connection breaks
  leave,         ///< an orderly leave; the process comes back later
  slow_disk,     ///< writes take long
  crash_all,     ///< every process is killed at once
  lose_side,     ///< some hosts go silent at once, as with their rack, or their processes are killed at once
  full_queue,    ///< bulk frames of one host to a side are dropped, as by queues that are full, while the rest flows
  count_,
};
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(FaultKind::count_);
[[nodiscard]] const char* name_of(FaultKind kind);

struct Fault {
  protocol::Duration at{};  ///< from the beginning of the run
  FaultKind kind = FaultKind::crash;
  Host a = 0;
  Host b = 0;
  bool killed = false;      ///< lose_side: the processes end, and their hosts don't
  std::uint64_t side = 0;   ///< partition, lose_side, full_queue: the hosts of one side, as bits
  protocol::Duration lasts{};
};
[[nodiscard]] std::string to_string(const Fault& fault);

struct NodeOptions {
  std::uint32_t weight = 1;
  bool witness = false;
  std::int64_t drift_ppm = 0;
  protocol::Duration starts_after{};
  std::string tie_breaker;  ///< as configured at this node
};

struct SwarmOptions {
  std::vector<NodeOptions> nodes;
  protocol::Config config;           ///< `peers` and `weight` are each node's own
  NetworkOptions network;
  protocol::Duration write_min = std::chrono::microseconds(100);
  protocol::Duration write_max = std::chrono::milliseconds(3);
  bool upgrades = false;             ///< processes are started again with the next release, now and then with the former one
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
  bool one_dies_at_the_end = false;  ///< after everything has settled, a node dies for good and the rest must settle again
};

[[nodiscard]] SwarmOptions draw(std::uint64_t seed);
[[nodiscard]] std::string describe(const SwarmOptions& options);

}  // namespace vsync::simulation
