#pragma once
// Audit: do all replicas deliver the same? Each keeps a rolling digest of what it has delivered in a lane (positions, publishers,
// payload, what the directory made of it) and tells where it stands with its heartbeats. Equal inputs give equal digests, so a
// difference is a fault of memory, disk or program at one of them, and never a matter of timing.
//
// Comparing replicas by digests of their state: Castro and Liskov, "Practical Byzantine fault tolerance" (1999), section 4.3
// (checkpoints); here only to find faults, not to mask malice.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "protocol/chunk.hpp"
#include "protocol/ids.hpp"
#include "protocol/rank_set.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol {

/// The digest of everything up to and with position `last`.
struct AuditPlace {
  Seq last;
  std::uint64_t digest = 0;
  bool operator==(const AuditPlace&) const = default;
};

/// One lane of one replica.
class LaneAudit {
 public:
  /// `carried`: the digest of what was delivered before this view.
  LaneAudit(const ViewId& view, std::uint64_t carried);

  /// A chunk of application messages was delivered, its first `markers` messages as markers.
  void add(Seq first, const NodeId& publisher, const Chunk& chunk, std::uint32_t markers);
  /// A chunk of directory records was applied, and the directory's groups came to `groups_digest`.
  void add_records(Seq first, const NodeId& publisher, const Chunk& chunk, std::uint64_t groups_digest);

  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  /// Where it stands: its last place, and the last one that is kept longer. Others that are further, or not so far, know one of them.
  [[nodiscard]] std::vector<AuditPlace> latest() const;
  /// All places that it still knows, by position.
  [[nodiscard]] std::vector<AuditPlace> trail() const;
  [[nodiscard]] std::optional<std::uint64_t> at(Seq last) const;

 private:
  /// A chunk that reaches or passes a multiple of this is remembered longer than others.
  static constexpr std::uint64_t stride = 1024;
  static constexpr std::size_t kept = 64;
  void close(Seq first, const Chunk& chunk);

  std::uint64_t digest_;
  std::deque<AuditPlace> recent_;
  std::deque<AuditPlace> strides_;
};

/// What a comparison has found in one lane: the last position up to which two were equal, if one is known, and the first known at which
/// they weren't (0: they came into the view with the difference).
struct Divergence {
  Lane lane;
  std::optional<Seq> agreed;
  Seq differs;
  bool operator==(const Divergence&) const = default;
};

/// Compares one replica with the other members of its view.
class Audit {
 public:
  /// What a member has told of one lane.
  void heard(Rank member, Lane lane, const LaneAudit& own, std::vector<AuditPlace> places);
  /// A difference, until it is judged. While there is one everybody tells all it knows.
  [[nodiscard]] const std::optional<Divergence>& found() const { return found_; }
  /// What each has told of the lane in question; this member has `own`.
  [[nodiscard]] std::map<Rank, std::vector<AuditPlace>> told(Rank self, const LaneAudit& own) const;
  void judged() { *this = {}; }

 private:
  std::optional<Divergence> found_;
  std::map<Lane, std::map<Rank, std::vector<AuditPlace>>> told_;
};

/// Who is wrong: at the place that most know of those at which they differ, whoever has not what the strict majority by weight has; without
/// such a majority all but the most senior, once all `holders` know that place. Who doesn't know it isn't judged; nobody is while those
/// could still decide it.
[[nodiscard]] RankSet wrong_ones(const View& view, const std::map<Rank, std::vector<AuditPlace>>& told, RankSet holders);

}  // namespace vsync::protocol
