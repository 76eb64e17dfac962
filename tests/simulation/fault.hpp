#pragma once
// Fault: what goes wrong in a simulated world, to whom, and when: at a time, or at a moment of the protocol.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/simulation/network.hpp"
#include "tests/simulation/step.hpp"

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
  disk_error,    ///< the next write of a host fails, and all others for a while: its daemon stops, and comes back when the disk works
  hung_disk,     ///< no write of a host ends
  damaged_disk,  ///< a process is killed and doesn't start with what it finds: it comes back when an operator has moved that away
  suspend,       ///< a host sleeps, and its clock goes on, now and then by more than has passed
  slow_reader,   ///< an application reads more slowly than others publish: its daemon asks all publishers to wait
  starved,       ///< a process gets a tenth of the processor, in turns: it lives, hears and says everything late
  force_primary, ///< an operator's command, at the first host from there on that takes it
  discard,       ///< an operator's command, at each host of a history that a forced primary has parted
  count_,
};
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(FaultKind::count_);
/// Those that strike a node where it is. What operators do, behind them, they do because of what daemons say.
inline constexpr std::size_t striking_kinds = static_cast<std::size_t>(FaultKind::force_primary);
[[nodiscard]] const char* name_of(FaultKind kind);

/// A moment of the protocol: some node is in the step, and still is so long after that was seen.
struct Moment {
  Step step = Step::idle;
  protocol::Duration after{};
  bool turned = true;  ///< the fault is turned to the node that is in the step; else it strikes whom it names
};

struct Fault {
  protocol::Duration at{};  ///< from the beginning of the run; from then on, if it waits for a moment
  FaultKind kind = FaultKind::crash;
  Host a = 0;
  Host b = 0;
  bool killed = false;      ///< lose_side: the processes end, and their hosts don't; damaged_disk: whether the others can do without it or not
  std::uint64_t side = 0;   ///< partition, lose_side, full_queue: the hosts of one side, as bits
  protocol::Duration lasts{};
  std::optional<Moment> moment{};
};
[[nodiscard]] std::string to_string(const Fault& fault);
/// The same fault so that it concerns `host`, in a world of so many: `b` counts from there, one side has it and the other has not.
[[nodiscard]] Fault turned_to(Fault fault, Host host, std::size_t hosts);

[[nodiscard]] std::string in_milliseconds(protocol::Duration duration);

}  // namespace vsync::simulation
