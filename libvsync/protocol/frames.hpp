#pragma once
// What nodes say to each other. The network may lose, delay, repeat or reorder frames; every frame is stamped, and a
// stamp of another cluster, view or incarnation makes the receiver drop and count it.
// wire/peer.capnp is the same as bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/audit.hpp"
#include "protocol/chunk.hpp"
#include "protocol/directory_state.hpp"
#include "protocol/durable_log.hpp"
#include "protocol/ids.hpp"
#include "protocol/log_record.hpp"
#include "protocol/versions.hpp"
#include "protocol/view.hpp"
#include "protocol/view_ends.hpp"

namespace vsync::protocol {

// ---------------------------------------------------------------- the cut and the value of a view change

/// "The next `count` messages of `publisher`": the order is told in runs.
struct Run {
  Rank publisher;
  std::uint32_t count = 0;
  bool operator==(const Run&) const = default;
};

/// A run of positions with one sequencing, resolved: `count` messages of `publisher` from `first_seqno` stand at
/// positions `first` onwards.
struct OrderedRun {
  Seq first;
  Rank publisher;
  Seqno first_seqno;
  std::uint32_t count = 0;
  bool operator==(const OrderedRun&) const = default;
};

/// What one lane of view v ends with. `runs` give the order from `base` + 1 up to the end of the kept prefix; then comes
/// the tail: the messages up to `held` that the prefix doesn't have, but for those that may answer a position beyond the prefix
/// (fifo messages answer nothing) and what their publishers sent after them. Everybody computes the tail by the same rule from the same chunks.
struct LaneCut {
  Seq base;
  std::vector<OrderedRun> runs;
  std::optional<Seq> first_missing;  ///< the first ordered position whose payload no answer holds
  std::vector<Seqno> held;           ///< by rank of v: the longest prefix of the stream that an answer holds
  std::vector<Rank> holder;          ///< by rank of v: who holds it
  bool operator==(const LaneCut&) const = default;
  [[nodiscard]] Seq end() const;     ///< the last position of the kept prefix
};

struct Cut {
  std::vector<LaneCut> lanes;
  bool operator==(const Cut&) const = default;
};

/// Whose disk holds the most of the ending view in one lane, and how far.
struct StoredEnd {
  Rank holder;
  Seq end;
  bool operator==(const StoredEnd&) const = default;
};

/// What the members of view v agree on: the next view and what v delivers before it.
struct Value {
  View next;
  Cut cut;
  std::vector<Rank> loaded;  ///< ranks of v whose state is kept in `next`; the others of `next` load a snapshot
  bool restart = false;      ///< a restart formation: a new epoch
  /// By lane. Set: the history that goes on is that of the disks; the directory begins empty.
  std::vector<StoredEnd> stored;
  bool operator==(const Value&) const = default;
};

struct Accepted {
  Ballot ballot;
  Value value;
  bool operator==(const Accepted&) const = default;
};

/// A decided change, kept so that whoever missed it can be shown it.
struct Decision {
  ViewId from;
  Value value;
  bool operator==(const Decision&) const = default;
};

// ---------------------------------------------------------------- frames

enum class NodeState : std::uint8_t {
  forming,      ///< no installed view, no cluster: may take part in a first formation
  joining,      ///< asks to be admitted
  operational,  ///< in an installed view
  wedged,       ///< has answered a ballot of its installed view
  returning,    ///< restarted with an installed view on disk: may take part in a restart formation, or join
};

/// One other node as the sender hears it. `nonce` echoes the newest heartbeat heard from it: proof that it was heard since.
struct Heard {
  NodeId node;
  std::int64_t nonce = 0;
  bool refused = false;  ///< its host answers, but its process is gone
  bool operator==(const Heard&) const = default;
};

/// Where a sender's stream and order stand, so that a lost end of them is noticed.
struct LaneProgress {
  Seqno sent;   ///< last message of the sender's own stream
  Seq ordered;  ///< end of the order prefix the sender knows
  Seq held;     ///< every payload and record up to here is held: the cumulative acknowledgement
  Seq stored;   ///< and what is durable up to here is on the sender's disk
  Term term;    ///< of the order behind `ordered`: a lost hand-off is noticed though it has no position
  bool operator==(const LaneProgress&) const = default;
};

/// What the sender knows of each member in one lane, by rank. Two members whose link is cut hear of each other through the others.
struct LaneRelay {
  std::vector<Seqno> received;  ///< the longest prefix of its stream that the sender has
  std::vector<Seq> held;        ///< how far it has acknowledged; only from a sender that acknowledges itself
  std::vector<Seq> stored;      ///< and how far it has said that its disk is; as long as `held`
  bool operator==(const LaneRelay&) const = default;
};

/// Who: every node to every peer, each heartbeat interval. The receiver learns that the sender lives, whom it hears, where it stands.
struct Heartbeat {
  std::int64_t nonce = 0;             ///< the sender's clock when it sent this
  NodeState state = NodeState::forming;
  ViewId view;                        ///< installed view (operational, wedged), or the one on disk (returning)
  std::uint16_t version = 0;          ///< (operational, wedged) that the view is spoken in
  std::vector<Forced> forced;         ///< in the history of the view
  Ballot promised;                    ///< highest ballot answered in that view
  bool loaded = false;
  bool leaving = false;
  bool congested = false;             ///< asks all publishers to wait: its applications read more slowly than others publish
  bool view_is_uniform = false;       ///< so many members have installed `view` that nobody can go on without one of them
  bool disk_hangs = false;            ///< no write of its has ended for `lag_exclude_after`
  bool witness = false;
  /// The sender orders so long on an echo of this heartbeat, and so needs two of these intervals of everybody's heartbeats in that time.
  Duration lease{0};
  std::uint32_t weight = 1;
  std::uint64_t peers_digest = 0;     ///< of the configured set of names, itself included: formation needs equal ones
  ClusterId former;                   ///< `forming` only: the cluster id a formation has already handed out, if any
  std::vector<Heard> heard;
  std::vector<LaneProgress> lanes;    ///< of `view`
  std::vector<LaneRelay> relay;       ///< of `view`; empty with less than three members
  std::vector<std::vector<AuditPlace>> audit;  ///< of `view`, by lane: what the sender's replica has come to; only from one that is loaded
};

/// Who: a member, to every other. Chunks of one publisher's stream of one lane, in order without a gap. From the publisher
/// itself, or from a holder that answers a Fetch.
struct Data {
  ViewId view;
  Lane lane;
  Rank publisher;
  std::vector<Chunk> chunks;
};

/// Who: the sequencer of a lane, to every member. Runs from position `first` on. `hand_off` ends the term behind the runs.
struct Order {
  ViewId view;
  Lane lane;
  Term term;
  Seq first;
  std::vector<Run> runs;
  std::optional<Rank> hand_off;
  std::int64_t ordered_at = 0;  ///< wall clock, nanoseconds since 1970
};

/// Who: a member, to every other. Cumulative; void in another view.
struct Ack {
  ViewId view;
  bool congested = false;  ///< as in Heartbeat: state, so that a lost or repeated one does no harm
  std::vector<LaneProgress> lanes;
};

/// Who: a member that misses something of `publisher`'s stream (from `first` on), to the publisher or another holder.
struct FetchData {
  ViewId view;
  Lane lane;
  Rank publisher;
  Seqno first;
  Seqno last;
};

/// Who: a member that misses order records from `first` on, to the sequencer or another holder, which answers with Order frames.
struct FetchOrder {
  ViewId view;
  Lane lane;
  Seq first;
};

// The view change. `view` is the view that ends; ballots belong to its instance.

/// Who: the coordinator, to the members of `view` it hears and to joiners.
struct Prepare {
  View view;  ///< whole, so that a joiner or a restarted name can check it
  Ballot ballot;
  bool restart = false;  ///< restarted names answer from their disks
};

/// What an answer holds of one lane of the view.
struct LaneHoldings {
  std::vector<Seqno> received;  ///< by rank: longest prefix of each stream
  Seq base;                     ///< everything up to here is stable or older than the runs below
  std::vector<OrderedRun> runs; ///< the order prefix beyond `base`
  bool operator==(const LaneHoldings&) const = default;
};

/// Who: a member of `view` (a promise), or a joiner (its agreement to come along).
struct Answer {
  ViewId view;
  Ballot ballot;
  std::optional<Accepted> accepted;
  std::vector<LaneHoldings> lanes;   ///< empty from a joiner, and from a disk
  std::vector<Seq> logged;           ///< (from a disk) by lane: its log of `view` ends here; empty: its log has holes before `view`
  std::vector<NodeId> hears;
  bool loaded = false;
  bool leaving = false;
  bool from_disk = false;
  bool witness = false;
  Duration leases{0};                ///< so long a lease may last that it has acknowledged in `view`, or waits for itself
  std::uint32_t full_weight = 1;
  Versions speaks = program_versions();
};

/// Who: whoever has promised a higher ballot, to the coordinator of a lower one.
struct Refused {
  ViewId view;
  Ballot ballot;    ///< the refused one
  Ballot promised;  ///< what stands in its way
};

/// Who: the coordinator, to the payload holders of the next view: fetch what you lack of the cut, then confirm.
struct Gather {
  ViewId view;
  Ballot ballot;
  Value value;
};
struct Gathered {
  ViewId view;
  Ballot ballot;
};

/// Who: the coordinator, to the members of `view` and of the next one.
struct Accept {
  ViewId view;
  Ballot ballot;
  Value value;
};
struct AcceptedBallot {
  ViewId view;
  Ballot ballot;
};

/// Who: the coordinator to all; later anyone to a node whose heartbeat shows that it missed it. Oldest first.
struct Decided {
  std::vector<Decision> chain;
};

/// First formation. Who: the lowest configured name, when all configured peers are empty and connected.
struct Form {
  View view;  ///< the first view
};
/// The cluster id is on this node's disk.
struct Formed {
  ViewId view;
};

/// Who: the most senior loaded payload holder, to a member that isn't loaded. The directory as it stood when `view` was installed, and
/// where the views before it ended.
struct Snapshot {
  ViewId view;
  DirectoryState directory;
  std::vector<ViewEnd> ends;
  bool logged = false;  ///< there are durable messages before `view`: a FetchLog gives them
  std::vector<std::uint64_t> audited;  ///< by lane: the digest of what was delivered before `view`
};

/// Who: a member that isn't loaded, to the giver of its snapshot, for what was durable before `view`; or (restart formation) a disk that
/// answered the ballot, to the one whose log of `view` goes further. `after`: the last entry of the asker's own log.
struct FetchLog {
  ViewId view;
  Lane lane;
  std::optional<LogMark> after;
};

/// The answer. `agrees`: the log that was asked for has the entry `after`, and `entries` follow it. Otherwise the asker cuts its own
/// log back to `keep`, or empties it, and asks again.
struct LogPart {
  ViewId view;
  Lane lane;
  std::optional<LogMark> after;
  bool agrees = true;
  std::optional<Position> keep;
  std::vector<LogEntry> entries;
  bool more = false;
};

using Body = std::variant<Heartbeat, Data, Order, Ack, FetchData, FetchOrder, Prepare, Answer, Refused, Gather, Gathered, Accept,
                          AcceptedBallot, Decided, Form, Formed, Snapshot, FetchLog, LogPart>;

struct Frame {
  ClusterId cluster;  ///< empty only while forming or joining
  NodeId from;
  NodeId to;          ///< without a name: every peer (one frame, shared); with an incarnation of zeros: not known yet
  Body body;
  Versions speaks = program_versions();  ///< the sender
};

}  // namespace vsync::protocol
