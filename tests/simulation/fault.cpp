#include "tests/simulation/fault.hpp"

#include <array>
#include <chrono>
#include <utility>

#include "tests/simulation/host_names.hpp"

namespace vsync::simulation {
namespace {

constexpr std::array<const char*, fault_kinds> fault_names = {"crash",  "power_off", "reinstall", "pause", "partition", "split",
                                                              "one_way", "deaf",     "mute",      "cut_link", "reset",  "leave",
                                                              "slow_disk", "crash_all", "lose_side", "full_queue", "disk_error",
                                                              "hung_disk", "damaged_disk", "suspend", "slow_reader", "starved",
                                                              "force_primary", "discard"};

}  // namespace

const char* name_of(FaultKind kind) { return fault_names[static_cast<std::size_t>(kind)]; }

std::string in_milliseconds(protocol::Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) + "ms";
}

std::string to_string(const Fault& fault) {
  const bool turned = fault.moment && fault.moment->turned;
  std::string text = (fault.moment ? "from " : "at ") + in_milliseconds(fault.at) + " ";
  if (fault.moment) {
    text += std::string("on, when a node is ") + name_of(fault.moment->step) + " and still is " + in_milliseconds(fault.moment->after) +
            " later: ";
  }
  text += name_of(fault.kind) + (turned ? std::string(" of it") : std::string(" ") + host_name(fault.a));
  if (fault.kind == FaultKind::one_way || fault.kind == FaultKind::cut_link || fault.kind == FaultKind::reset) {
    text += turned ? std::string(" and another") : std::string(" ") + host_name(fault.b);
  }
  if (fault.kind == FaultKind::partition || fault.kind == FaultKind::lose_side || fault.kind == FaultKind::full_queue) {
    text += " side " + std::to_string(fault.side);
  }
  if (fault.killed) text += fault.kind == FaultKind::damaged_disk ? " needed or not" : " killed";
  return text + " for " + in_milliseconds(fault.lasts);
}

Fault turned_to(Fault fault, Host host, std::size_t hosts) {
  const auto bit = [](Host one) { return std::uint64_t{1} << one; };
  const bool to_it = (fault.side & 1) != 0;
  fault.a = host;
  fault.b = hosts > 1 ? (host + 1 + fault.b % (hosts - 1)) % hosts : host;
  if (fault.kind == FaultKind::full_queue) {
    fault.side = (fault.side & ~bit(host)) | bit(fault.b);
  } else {
    fault.side = (fault.side & ~bit(fault.b)) | bit(host);
  }
  if (fault.kind == FaultKind::one_way && to_it) std::swap(fault.a, fault.b);
  return fault;
}

}  // namespace vsync::simulation
