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

/// Of an application's bytes, alike on every host. Taken once per delivery: the audit and the trace share it.
[[nodiscard]] std::uint64_t digest_of(const Payload& payload);

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

  /// A chunk of application messages was delivered, its first `markers` messages as markers; `payload_digest` is that of its payload.
  void add(Seq first, const NodeId& publisher, const Chunk& chunk, std::uint32_t markers, std::uint64_t payload_digest);
  /// A chunk of directory records was applied, and the directory's groups came to `groups_digest`.
  void add_records(Seq first, const NodeId& publisher, const Chunk& chunk, std::uint64_t groups_digest);

  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  /// Where it stands: its last place, and the last one that is kept longer; at first the beginning of the view. Others
  /// that are further, or not so far, know one of them.
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
  AuditPlace begin_;  ///< of the view: what differs there came into it so
  std::deque<AuditPlace> recent_;
  std::deque<AuditPlace> strides_;
};

/// What each replica has told of one lane.
using AuditsTold = std::map<Rank, std::vector<AuditPlace>>;

/// Where replicas differ in one lane, and who is wrong.
struct Divergence {
  std::optional<Seq> agreed;  ///< the last place at which all that know it are alike, if there is one before the first difference
  Seq differs;                ///< the first at which they aren't; 0: they came into the view so
  RankSet wrong;              ///< nobody: that can't be said (yet)
};

/// Compares one replica with the other members of its view.
class Audit {
 public:
  /// What a member has told of one lane.
  void heard(Rank member, Lane lane, const LaneAudit& own, std::vector<AuditPlace> places);
  /// The lane with a difference, from then on. Everybody tells all it knows while there is one.
  [[nodiscard]] const std::optional<Lane>& found() const { return found_; }
  /// What each has told of that lane; this member has `own`.
  [[nodiscard]] AuditsTold told(Rank self, const LaneAudit& own) const;

 private:
  /// Of a lane with a difference, what was told first is kept: it is where the difference began, and trails move on.
  static constexpr std::size_t kept = 4096;
  static void add(std::vector<AuditPlace>& to, const std::vector<AuditPlace>& places);

  std::optional<Lane> found_;
  std::vector<AuditPlace> own_;  ///< likewise, in that lane
  std::map<Lane, AuditsTold> told_;
};

/// Wrong is who has not what a strict majority by weight of `holders` has, at the first place where there is one. Where there is none: all
/// but the most senior, at the first place that all of them know. Nothing: they don't differ.
[[nodiscard]] std::optional<Divergence> divergence(const View& view, const AuditsTold& told, RankSet holders);

}  // namespace vsync::protocol
