@0x9d2c7f0e51ab8836;
# The protocol between daemons, over ZeroMQ TCP, and what a daemon keeps on its disk: its state, and the log of durable messages.
# protocol/frames.hpp and protocol/persistent.hpp are the same as values; protocol/README.md is the protocol itself.
#
# A peer message is one envelope part (a Frame, stream framing) and exactly one body part: for Data and LogPart the payloads of their
# chunks one after the other, empty for all other frames. Everything is bounded (wire/limits.hpp). The receiver checks a frame before anything
# else sees it, and drops and counts what is malformed, of another version, or stamped with another cluster, view or incarnation.
#
# Message numbers (Seqno, Seq, n) are below 2^63. Positions from 2^62 on belong to the tails of cuts. Ranks are below 64, lanes
# below 256.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("vsync::wire::peer_schema");

# ---- identities

# One incarnation of one daemon. The name is 1 to 63 of A-Z a-z 0-9 . _ -
struct NodeId {
  name @0 :Text;
  counter @1 :UInt64;         # grows at each start and rejoin
  random @2 :UInt64;          # tells incarnations apart whose counter was lost with a disk
}

struct ViewId {
  epoch @0 :UInt64;
  epochRandom @1 :UInt64;
  number @2 :UInt64;          # the consensus instance that decides what follows this view
}

struct SessionId { high @0 :UInt64; low @1 :UInt64; }

# Where a message stands. Compares within a lane only.
struct Position {
  epoch @0 :UInt64;
  epochRandom @1 :UInt64;
  view @2 :UInt64;
  seq @3 :UInt64;
  lane @4 :UInt16;
}

# An attempt to change the view, ordered by (round, coordinator). The coordinator is a rank of the view that ends.
struct Ballot { round @0 :UInt64; coordinator @1 :UInt16; }

# ---- views

struct Member {
  node @0 :NodeId;
  weight @1 :UInt32;          # what its vote counts in this view; 0: a learner
  fullWeight @2 :UInt32;      # what it will count once it is loaded and connected
  witness @3 :Bool;           # votes, but stores and orders nothing
  loaded @4 :Bool;            # holds the directory and the stored state
  oldest @5 :UInt16 = 3;      # versions of this protocol that it speaks: from this one
  newest @6 :UInt16 = 3;      # to this one
}

# An operator has ended the view `from` without a set that may go on, and `epoch` began.
struct Forced {
  epoch @0 :UInt64;
  epochRandom @1 :UInt64;
  from @2 :ViewId;
  by @3 :Text;                # name of the node at which it was said
  at @4 :Int64;               # its wall clock, nanoseconds since 1970
}

# 1 to 64 members in order of seniority; a member's rank is its index. No name twice.
struct View {
  id @0 :ViewId;
  members @1 :List(Member);
  tieBreaker @2 :UInt16;      # rank that decides between two halves of equal weight
  minWeight @3 :UInt32;
  sequencers @4 :List(UInt16);  # by lane: the rank that orders in the first term
  formedRound @5 :UInt64;     # the ballot of the former view that formed this one
  formedCoordinator @6 :UInt16;
  version @7 :UInt16 = 3;     # of this protocol, that all members speak in this view
  forced @8 :List(Forced);    # in the history of this view, oldest first; at most 64
  leasesEndAfterNs @9 :UInt64;  # from the installation on; at most an hour
}

# ---- the cut and the value of a view change

# `count` messages of `publisher`, from its number `firstSeqno` on, stand at positions `first` onwards.
struct OrderedRun {
  first @0 :UInt64;
  firstSeqno @1 :UInt64;
  count @2 :UInt32;
  publisher @3 :UInt16;
}

# What one lane of the ending view delivers before the next view: `runs` from base + 1 on, then the tail up to `held`.
struct LaneCut {
  base @0 :UInt64;
  runs @1 :List(OrderedRun);  # ascending, none overlaps the one before
  hasFirstMissing @2 :Bool;
  firstMissing @3 :UInt64;    # the first ordered position whose payload no answer holds
  held @4 :List(UInt64);      # by rank: the longest prefix of the stream that an answer holds
  holder @5 :List(UInt16);    # by rank: who holds it; as long as `held`
}

# Whose disk holds the most of the ending view in one lane, and how far.
struct StoredEnd { end @0 :UInt64; holder @1 :UInt16; }

# What the members of a view agree on: the next view, and what they deliver before it.
struct Value {
  next @0 :View;
  lanes @1 :List(LaneCut);
  loaded @2 :List(UInt16);    # ranks of the ending view whose state is kept
  restart @3 :Bool;           # a restart formation: a new epoch
  stored @4 :List(StoredEnd); # by lane; not empty: the history that goes on is that of the disks, and the directory begins empty
}

struct Accepted { ballot @0 :Ballot; value @1 :Value; }
struct Decision { from @0 :ViewId; value @1 :Value; }

# ---- frames

# From any daemon to any other. A receiver that speaks no version which the sender speaks refuses the frame whole. What says something
# only in a view is in the view's version; the rest (Heartbeat, Prepare, Answer of a joiner, Decided, Form, Formed, and the views in
# them) is said before both know of each other, and only grows: fields are added, with defaults that are true of who doesn't set them.
struct Frame {
  oldest @0 :UInt16;          # the sender speaks versions of this protocol from this one
  clusterHigh @1 :UInt64;     # both 0 only while forming or joining
  clusterLow @2 :UInt64;
  from @3 :NodeId;
  to @4 :NodeId;              # empty for every peer; counter and random 0 where the sender doesn't know them yet
  union {
    heartbeat @5 :Heartbeat;
    data @6 :Data;
    order @7 :Order;
    ack @8 :Ack;
    fetchData @9 :FetchData;
    fetchOrder @10 :FetchOrder;
    prepare @11 :Prepare;
    answer @12 :Answer;
    refused @13 :Refused;
    gather @14 :Proposal;
    gathered @15 :BallotOf;
    accept @16 :Proposal;
    acceptedBallot @17 :BallotOf;
    decided @18 :Decided;
    form @19 :View;
    formed @20 :ViewId;
    snapshot @21 :Snapshot;
    fetchLog @22 :FetchLog;
    logPart @23 :LogPart;
  }
  newest @24 :UInt16 = 2;     # to this one; there is none from before version 3
}

enum NodeState { forming @0; joining @1; operational @2; wedged @3; returning @4; }

# Another node as the sender hears it. `nonce` echoes the newest heartbeat heard from it: proof that it was heard since.
struct Heard {
  node @0 :NodeId;
  nonce @1 :Int64;
  refused @2 :Bool;           # its host answers, but its process is gone
}

# Where the sender stands in one lane, so that a lost end of a stream or of the order is noticed.
struct LaneProgress {
  sent @0 :UInt64;            # last message of the sender's own stream
  ordered @1 :UInt64;         # end of the order prefix that the sender knows
  held @2 :UInt64;            # every payload and order record up to here is held: the cumulative acknowledgement
  stored @3 :UInt64;          # and what is durable up to here is on the sender's disk
  term @4 :UInt64;            # of the order behind `ordered`
}

# What the sender knows of each member in one lane, by rank. Two members whose link is cut hear of each other through the others.
struct LaneRelay {
  received @0 :List(UInt64);  # the longest prefix of its stream that the sender has
  held @1 :List(UInt64);      # how far it has acknowledged; only from a sender that acknowledges itself
  stored @2 :List(UInt64);    # and how far it has said that its disk is; as long as `held`
}

# From every node to every peer, each heartbeat interval. The receiver learns that the sender lives, whom it hears and where it
# stands, and asks for what it finds missing.
struct Heartbeat {
  nonce @0 :Int64;            # the sender's clock when it sent this
  state @1 :NodeState;
  view @2 :ViewId;            # installed view (operational, wedged), or the one on disk (returning)
  promised @3 :Ballot;        # highest ballot answered in that view
  loaded @4 :Bool;
  leaving @5 :Bool;
  witness @6 :Bool;
  weight @7 :UInt32;
  peersDigest @8 :UInt64;     # of the configured names, its own included; formation needs equal ones
  formerHigh @9 :UInt64;      # forming only: the cluster id that a formation has handed out before
  formerLow @10 :UInt64;
  heard @11 :List(Heard);
  lanes @12 :List(LaneProgress);
  congested @13 :Bool;        # asks all publishers to wait: its applications read more slowly than others publish
  relay @14 :List(LaneRelay); # empty with less than three members
  audit @15 :List(LaneAudit); # by lane; only from one that is loaded
  version @16 :UInt16;        # (operational, wedged) that `view` is spoken in
  forced @17 :List(Forced);   # in the history of `view`
  leaseNs @18 :UInt64;        # the sender orders so long on an echo of this; at most an hour
  diskHangs @19 :Bool;        # no write of its has ended for `lag_exclude_after_ms`
  viewIsUniform @20 :Bool;    # so many members have installed `view` that nobody can go on without one of them
}

# The digest of everything that the sender has delivered up to and with position `last`. Members whose digests differ at one position
# have not delivered the same.
struct AuditPlace { last @0 :UInt64; digest @1 :UInt64; }
struct LaneAudit { places @0 :List(AuditPlace); } # ascending; at most 128

# How a message is to be confirmed. `fifo` messages stand in the order like others, and are handed out ahead of it.
enum Level { agreed @0; uniform @1; safe @2; durable @3; fifo @4; }

# `count` messages that one session published together. Either they are applications' messages: `session` is set, `ops` empty and
# `payloadBytes` of the body are theirs. Or they are directory records: `ops` has `count` of them, there is no session or payload, and
# they are never fifo.
struct Chunk {
  count @0 :UInt32;
  payloadBytes @1 :UInt32;
  after @2 :UInt64;           # highest position of this lane that the publisher's daemon had delivered when it published
  sessionHigh @3 :UInt64;
  sessionLow @4 :UInt64;
  firstN @5 :UInt64;          # the session's own number of the first message
  level @6 :Level;
  ops @7 :List(DirectoryOp);
}

# From a member to every other: chunks of one publisher's stream of one lane, the first message numbered `first`, without a gap.
# Sent by the publisher itself, or by a holder that answers a FetchData. The receiver keeps them until they are stable.
struct Data {
  view @0 :ViewId;
  first @1 :UInt64;
  lane @2 :UInt16;
  publisher @3 :UInt16;
  chunks @4 :List(Chunk);
}

# "The next `count` messages of `publisher`."
struct Run { count @0 :UInt32; publisher @1 :UInt16; }

# From the sequencer of a lane to every member, or from a holder that answers a FetchOrder: runs from position `first` on. The
# receiver delivers what it holds in this order. A term of which no hand-off was seen waits.
struct Order {
  view @0 :ViewId;
  term @1 :UInt64;
  first @2 :UInt64;
  orderedAt @3 :Int64;        # wall clock, ns since 1970
  lane @4 :UInt16;
  hasHandOff @5 :Bool;
  handOff @6 :UInt16;         # the rank whose term begins behind the runs
  runs @7 :List(Run);
}

# From a member to every other: cumulative, void in another view. The receiver advances marks and forgets what is stable.
struct Ack { view @0 :ViewId; lanes @1 :List(LaneProgress); congested @2 :Bool; }

# From a member that misses messages `first` to `last` of a stream, to its publisher or another holder; answered with Data.
struct FetchData {
  view @0 :ViewId;
  first @1 :UInt64;
  last @2 :UInt64;
  lane @3 :UInt16;
  publisher @4 :UInt16;
}

# From a member that misses the order from `first` on, to the sequencer or another holder; answered with Order.
struct FetchOrder { view @0 :ViewId; first @1 :UInt64; lane @2 :UInt16; }

# ---- the view change; every ballot belongs to the instance of the view that ends

# From the coordinator to the members of `view` that it hears, and to joiners. The receiver wedges and promises (Answer), or says
# what stands in the way (Refused).
struct Prepare { view @0 :View; ballot @1 :Ballot; restart @2 :Bool; }

# What an answer holds of one lane: by rank the longest prefix of each stream, and the order prefix beyond `base`.
struct LaneHoldings {
  received @0 :List(UInt64);
  base @1 :UInt64;
  runs @2 :List(OrderedRun);
}

# From a member, once its promise is on disk, or from a joiner that agrees to come along; to the coordinator.
struct Answer {
  view @0 :ViewId;
  ballot @1 :Ballot;
  accepted @2 :Accepted;      # null: none
  lanes @3 :List(LaneHoldings);
  hears @4 :List(NodeId);
  loaded @5 :Bool;
  leaving @6 :Bool;
  fromDisk @7 :Bool;
  witness @8 :Bool;
  fullWeight @9 :UInt32;
  logged @10 :List(UInt64);   # from a disk, by lane: its log of `view` ends here; empty: its log has holes before `view`
  oldest @11 :UInt16 = 3;     # versions of this protocol that it speaks
  newest @12 :UInt16 = 3;
  leasesNs @13 :UInt64;       # so long a lease may last that it has acknowledged in `view`; at most an hour
}

# From whoever has promised a higher ballot, to the coordinator of a lower one, which tries again with a higher round.
struct Refused { view @0 :ViewId; ballot @1 :Ballot; promised @2 :Ballot; }

# As `gather`: from the coordinator to the payload holders of the next view, which fetch what they lack of the cut and then say so.
# As `accept`: from the coordinator to the members of `view` and of the next one, which accept it on disk and then say so.
struct Proposal { view @0 :ViewId; ballot @1 :Ballot; value @2 :Value; }

# The answer to a Proposal: `gathered` or `acceptedBallot`.
struct BallotOf { view @0 :ViewId; ballot @1 :Ballot; }

# From the coordinator to all; later from anyone to a node whose heartbeat shows that it missed the decisions. Oldest first; the
# receiver installs what follows its own view, and returns as a new node where it was left out.
struct Decided { chain @0 :List(Decision); }

# `form`: from the lowest configured name when all configured peers are empty and connected; the receiver writes the cluster id to
# its disk and answers `formed`. The view is the first one.

# From the most senior loaded payload holder to a member that isn't loaded: the directory as it stood when `view` was installed, and
# where the views before it ended, so that the receiver can tell applications what they delivered in vain.
struct Snapshot {
  view @0 :ViewId;
  sessions @1 :List(SessionState);  # ascending by session id
  groups @2 :List(GroupState);      # ascending by name
  groupViews @3 :UInt64;            # changes of any group so far
  ends @4 :List(ViewEnd);           # oldest first
  ended @5 :List(SessionId);        # sessions that published and ended last, oldest first; at most 1024
  logged @6 :Bool;                  # there are durable messages before `view`, to be had by FetchLog
  audited @7 :List(UInt64);         # by lane: the digest of what was delivered before `view`
}

# ---- durable messages

# A durable chunk at its place in the order. Its payload is in the body part (LogPart), or behind the message (file).
struct LogEntry {
  first @0 :Position;
  publisher @1 :NodeId;
  stream @2 :UInt64;          # number of its first message in its publisher's stream
  orderedAt @3 :Int64;
  chunk @4 :Chunk;            # of level durable, without directory records
}

# Names an entry, so that two logs can be compared by it.
struct LogMark { first @0 :Position; publisher @1 :NodeId; stream @2 :UInt64; }

# From a member that isn't loaded, to the giver of its snapshot: asks for what was durable before `view`. In a restart formation, from a
# disk that answered the ballot, to the one whose log of `view` goes further.
struct FetchLog {
  view @0 :ViewId;
  after @1 :LogMark;          # the last entry of the asker's own log; null: it has none
  lane @2 :UInt16;
}

# The answer to a FetchLog. `agrees`: the giver's log has the entry `after`, and `entries` follow it. Otherwise the asker cuts its own log
# back to `keep` (null: to nothing) and asks again.
struct LogPart {
  view @0 :ViewId;
  after @1 :LogMark;
  keep @2 :Position;
  entries @3 :List(LogEntry); # of `lane`, ascending
  lane @4 :UInt16;
  agrees @5 :Bool;
  more @6 :Bool;              # these aren't all
}

# The end of one lane of a view: the last number of the kept order, and of the tail behind it (0: none).
struct ViewEnd { view @0 :ViewId; lane @1 :UInt16; ordinary @2 :UInt64; tail @3 :UInt64; }

# ---- the group directory

enum LeaveReason { left @0; crashed @1; nodeFailed @2; removed @3; expired @4; }

# An ordered record that changes the directory at every daemon. `closeSession` and `leaveGroup` give a reason.
struct DirectoryOp {
  session @0 :SessionId;
  reason @1 :LeaveReason;
  union {
    openSession @2 :OpenSession;  # it begins, or moves to another daemon
    closeSession @3 :Void;        # it ends with all its memberships
    joinGroup @4 :Text;           # a topic: becomes a member; a pattern: an observer
    leaveGroup @5 :Text;
  }
}

# `resume`: it has published before, so it may go on where it is known and never begin anew.
struct OpenSession { node @0 :NodeId; application @1 :Text; resume @2 :Bool; }

# A run of a session's messages and where it was delivered, kept so that a retry learns its first position.
struct SessionRun {
  firstN @0 :UInt64;
  epoch @1 :UInt64;
  epochRandom @2 :UInt64;
  view @3 :UInt64;
  seq @4 :UInt64;
  count @5 :UInt32;
  lane @6 :UInt16;
}

struct SessionLane { lane @0 :UInt16; lastN @1 :UInt64; recent @2 :List(SessionRun); }

struct SessionState {
  session @0 :SessionId;
  node @1 :NodeId;            # its home; an empty name when the home failed and the session hasn't come back
  application @2 :Text;
  homeless @3 :Bool;
  lanes @4 :List(SessionLane);
}

struct GroupState {
  group @0 :Text;
  viewNumber @1 :UInt64;
  members @2 :List(SessionId);  # by seniority
}

# ---- the state on disk

# What a daemon must find again after a crash. The file is
#   8 bytes "VSYNCST\n"; u64 XXH3 of all that follows; u32 version; u32 zero; u64 size of the message; the message,
# little-endian. This head stays as it is in every version, so that a damaged file is always told from one of another version.
struct PersistentState {
  incarnationCounter @0 :UInt64;  # of the node that wrote it; the next start takes a higher one
  clusterHigh @1 :UInt64;
  clusterLow @2 :UInt64;
  installed @3 :View;         # null: none
  promised @4 :Ballot;        # in the instance of `installed`
  accepted @5 :Accepted;      # likewise, and without `installed` the first view that it has agreed to; null: none
  logReaches @6 :ViewId;      # the durable log has all of the order up to the beginning of this view (since version 2)
}

# A record of the durable log. The log is a row of files, each a head and records one behind the other, every one at a multiple of 8:
#   head    8 bytes "VSYNCLOG"; u64 XXH3 of the rest of the head; u32 version; u32 size of the file before (all of it is on disk; 0 is
#           written by older releases, and says nothing); u64 number of this file; u64 number of the oldest file that was kept when this one was begun; u64 key (random)
#   record  u32 "VSLR"; u32 size of the message; u64 size of the payloads; u64 `synced`; u32 `zeros`; u32 zero; u64 XXH3 of message and
#           payloads; u64 XXH3 of the head of the record up to here (0 is written as 1); the message; the payloads of its chunks; zeros up to a
#           multiple of 8
# little-endian. Both checksums of a record are seeded with key + offset of the record, so that nothing but the daemon that began the
# file can make one, and none is sound at another place.
#
# `synced` is the size of the file that was on disk for certain when this record was written: a record before that offset was
# acknowledged, so if it isn't sound now, it was damaged since. `zeros` counts the pieces of the record (cut at multiples of 512 bytes in
# the file) that are all zeros. More of them say that the disk never got them: the write was cut off by a crash. A record that is whole
# and has just the zeros it should have, but not its checksum, is damaged.
#
# Beside the log lies its reach: 8 bytes "VSYNCLOR"; u64 number of a file; u64 size of it; u64 XXH3 of these. So much of it, and all files
# before, was on disk when this was written, in one sector, which is written in place behind the log. An end of the log that is cut off
# beyond its reach may be that of a crash; what lacks before that was damaged.
struct LogRecord {
  union {
    entry @0 :LogEntry;
    provisional @1 :LogProvisional;
    settled @2 :LogSettled;
    cutBack @3 :LogCutBack;
  }
}

# Where these entries stand if `ballot` of the instance of `from` is decided.
struct LogProvisional { from @0 :ViewId; ballot @1 :Ballot; entries @2 :List(LogEntry); }

# The instance of `from` is decided: the provisional entries of `adopted` stand (null: of none), all others never happened.
struct LogSettled { from @0 :ViewId; adopted @1 :Ballot; }

# What was logged of `lane` behind `keep` (null: all of it) isn't in the primary's order.
struct LogCutBack { keep @0 :Position; lane @1 :UInt16; }
