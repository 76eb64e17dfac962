#pragma once
// The numbers and names of the protocol, each a type of its own, so that two of them can't be swapped by accident.

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace vsync::protocol {

/// The clock of the protocol: nanoseconds of boot time. It has no now(); time is an argument of every input.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using Duration = BootClock::duration;
using TimePoint = BootClock::time_point;

/// A 64-bit number with a meaning. It counts and compares, but never mixes with a number of another meaning.
template <class Tag>
struct Number {
  std::uint64_t value = 0;
  auto operator<=>(const Number&) const = default;
  constexpr Number& operator++() { ++value; return *this; }
  constexpr Number operator+(std::uint64_t n) const { return {value + n}; }
  constexpr Number operator-(std::uint64_t n) const { return {value - n}; }
  constexpr std::uint64_t operator-(Number other) const { return value - other.value; }
};

/// Number of a message in its publisher's stream of one lane and view; the first is 1, 0 is "none yet".
using Seqno = Number<struct SeqnoTag>;
/// Number of a message in the order of one lane and view; the first is 1, 0 is "none yet". From `tail_begin` on the
/// numbers belong to the tail of a cut, which no sequencer uses.
using Seq = Number<struct SeqTag>;
inline constexpr Seq tail_begin{std::uint64_t{1} << 62};
/// Tenure of a sequencer within one lane and view; grows at each hand-off.
using Term = Number<struct TermTag>;
/// One total order. Lane 0 is the only one in use; the types never assume it.
struct Lane {
  std::uint16_t value = 0;
  auto operator<=>(const Lane&) const = default;
};
/// A member's place in a view by seniority, 0 the most senior.
struct Rank {
  std::uint16_t value = 0;
  auto operator<=>(const Rank&) const = default;
};

/// Grows at each start of a daemon and at each rejoin; the random part tells apart incarnations whose counter was lost
/// with a disk.
struct Incarnation {
  std::uint64_t counter = 0;
  std::uint64_t random = 0;
  auto operator<=>(const Incarnation&) const = default;
};

/// One incarnation of one daemon.
struct NodeId {
  std::string name;
  Incarnation incarnation;
  auto operator<=>(const NodeId&) const = default;
  /// Numbers first: they differ where the nodes do, and cost less to compare.
  bool operator==(const NodeId& other) const { return incarnation == other.incarnation && name == other.name; }
};

struct ClusterId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const ClusterId&) const = default;
  [[nodiscard]] bool empty() const { return high == 0 && low == 0; }
};

/// Changes only at a restart formation or a forced primary.
struct Epoch {
  std::uint64_t number = 0;
  std::uint64_t random = 0;
  auto operator<=>(const Epoch&) const = default;
};

/// `number` is the consensus instance; one id means one content everywhere.
struct ViewId {
  Epoch epoch;
  std::uint64_t number = 0;
  auto operator<=>(const ViewId&) const = default;
};

/// Where a message stands. Positions compare within a lane only.
struct Position {
  Epoch epoch;
  std::uint64_t view = 0;
  Lane lane;
  Seq seq;
  auto operator<=>(const Position&) const = default;
};

/// An attempt to change the view, ordered by (round, coordinator).
struct Ballot {
  std::uint64_t round = 0;
  Rank coordinator;
  auto operator<=>(const Ballot&) const = default;
};

/// An application's session, chosen at random by the client library; it survives a change of the daemon.
struct SessionId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const SessionId&) const = default;
  [[nodiscard]] bool empty() const { return high == 0 && low == 0; }
};

}  // namespace vsync::protocol
