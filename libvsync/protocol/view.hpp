#pragma once
// A view: the members all of them agreed on, and everything the primary rule reads.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/versions.hpp"

namespace vsync::protocol {

/// A node in a view.
struct Member {
  NodeId node;
  std::uint32_t weight = 1;       ///< what its vote counts in this view; 0: a learner
  std::uint32_t full_weight = 1;  ///< what it will count once it is loaded and connected
  bool witness = false;           ///< votes, but stores and orders nothing
  bool loaded = true;             ///< holds the directory and the stored state
  Versions speaks = program_versions();
  bool operator==(const Member&) const = default;
  [[nodiscard]] bool holds_payload() const { return !witness; }
};

/// A forced primary: an operator has ended a view without a set that may go on.
struct Forced {
  Epoch epoch;          ///< that began so
  ViewId from;          ///< the view that was ended
  std::string by;       ///< the node at which it was said
  std::int64_t at = 0;  ///< its wall clock, nanoseconds since 1970
  bool operator==(const Forced&) const = default;
};
inline constexpr std::size_t forced_max = 64;  ///< in the history of a view

/// Members stand in order of seniority; a member's rank is its index.
struct View {
  ViewId id;
  std::vector<Member> members;
  Rank tie_breaker;                 ///< decides between two halves of equal weight
  std::uint32_t min_weight = 1;     ///< below this no set may go on
  std::vector<Rank> sequencers;     ///< by lane: the sequencer of the first term
  /// The ballot of the former view that formed this one. A ballot forms one value, so equal views come from equal values: the
  /// same members alone could follow the same view with another cut.
  Ballot formed_in{};
  std::uint16_t version = program_versions().newest;  ///< of the protocol, spoken by all members
  std::vector<Forced> forced{};  ///< in the history of this view, oldest first
  /// So long after its installation a sequencer of a former view may still hold a lease that members of that view acknowledged.
  Duration leases_end_after{0};
  bool operator==(const View&) const = default;

  [[nodiscard]] std::optional<Rank> rank_of(const NodeId& node) const;
  [[nodiscard]] std::optional<Rank> rank_of_name(const std::string& name) const;
  [[nodiscard]] const Member& at(Rank rank) const { return members[rank.value]; }
  [[nodiscard]] std::size_t size() const { return members.size(); }
  [[nodiscard]] std::uint64_t total_weight() const;
  [[nodiscard]] bool has_names(const std::vector<std::string>& names) const;
  /// The newest version that every member speaks, if they have one in common.
  [[nodiscard]] std::uint16_t newest_common_version() const;
};

}  // namespace vsync::protocol
