@0xb3f1c6a29d5e4710;
# The protocol between an application and the daemon of its host, over ZeroMQ ipc:// (application: DEALER, daemon: ROUTER).
#
# A ZeroMQ message is one envelope part (a Cap'n Proto message of the types below, stream framing) and exactly one body part:
# records (see record.hpp) for Publish and Deliver, empty for all others. Anything else ends the session with an Error.
# Everything is bounded: wire/limits.hpp.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("vsync::wire::schema");

struct SessionId { high @0 :UInt64; low @1 :UInt64; }  # everybody reads it; made of the session's secret (session_secret.hpp)
struct SessionSecret { high @0 :UInt64; low @1 :UInt64; }

struct Position {
  epoch @0 :UInt64;
  epochRandom @1 :UInt64;
  view @2 :UInt64;
  lane @3 :UInt16;
  seq @4 :UInt64;
}

struct Member {
  session @0 :SessionId;
  node @1 :Text;
  application @2 :Text;
}

enum Level { agreed @0; uniform @1; safe @2; durable @3; fifo @4; }

# ---- application to daemon

struct ToDaemon {
  union {
    open @0 :Open;
    join @1 :Join;
    leave @2 :Leave;
    publish @3 :Publish;
    goodbye @4 :Void;         # no more requests; answered by Goodbye when every outcome is told
    pong @5 :UInt64;          # the nonce of a Ping
    query @6 :Query;
    received @7 :UInt64;      # bytes of Deliver bodies taken by the application so far: opens the daemon's delivery window
    joinedAgain @8 :Void;     # (after an Open with a lastPosition) the groups of the earlier connection have all been asked for
  }
}

# First message of a connection. Answered by Welcome or Error; before the former nothing but questions, pongs and a goodbye is asked.
struct Open {
  version @0 :UInt16;
  secret @1 :SessionSecret;   # random, made by the client library; the same after a reconnect: whoever knows it is the session
  application @2 :Text;       # what it calls itself in group views
  lastN @3 :UInt64;           # highest n it has used, 0 if none; above 0 the session goes on where it is known, or has expired
  hasPosition @4 :Bool;
  lastPosition @5 :Position;  # last position seen on an earlier connection
  takesChanges @6 :Bool;      # it knows GroupView.change
}

# How a stream goes on that ended at Open.lastPosition. The application asks for its groups (Join with `again`) and then says
# joinedAgain. Once all of them are answered, they begin together, at one point of the order: Resync (if something follows from
# lastPosition), a Joined for each, the durable messages of these groups between the two positions, group views, then what is ordered
# from there on.

enum DeliverOn { order @0; uniform @1; safe @2; durable @3; }

# Answered by Joined (with the position from which on messages come) or Refused.
struct Join {
  request @0 :UInt32;
  group @1 :Text;             # a topic, or a pattern with '*' (one level) and '>' (the rest)
  deliverOn @2 :DeliverOn;
  again @3 :Bool;             # a group of the earlier connection
}

struct Leave { request @0 :UInt32; group @1 :Text; }

# Body: `count` records numbered firstN, firstN + 1, ... Outcomes follow.
struct Publish {
  firstN @0 :UInt64;
  count @1 :UInt32;
  level @2 :Level;
  failWhenBlocked @3 :Bool;   # rejected when there is no primary view; otherwise the publish waits
  topicRuns @4 :UInt32;       # how often the topic changes in the body, the first counts 1
}

struct Query {
  request @0 :UInt32;
  union {
    status @1 :Void;          # answered by Answer with JSON text
    groups @2 :Void;
    members @3 :Text;
    bootstrap @4 :Void;       # this and what follows: operators' commands, for root and the daemon's own user
    forcePrimary @5 :Void;
    discard @6 :Void;
    dumpTrace @7 :Void;       # answered when the file is written
    reload @8 :Void;          # reads the configuration again; answered by what changed, or why nothing did
  }
}

# ---- daemon to application

struct ToClient {
  union {
    welcome @0 :Welcome;
    error @1 :Error;          # the session is over
    joined @2 :Joined;
    refused @3 :Refused;
    outcome @4 :OutcomeRun;
    deliver @5 :Deliver;
    groupView @6 :GroupView;
    mark @7 :Mark;
    state @8 :State;
    resync @9 :Resync;
    gap @10 :Gap;
    removed @11 :Removed;
    answer @12 :Answer;
    credit @13 :Credit;
    ping @14 :UInt64;
    goodbye @15 :Void;
  }
}

struct Welcome {
  version @0 :UInt16;
  node @1 :Text;
  maxMessageBytes @2 :UInt32;
  credit @3 :Credit;
  lastN @4 :UInt64;           # highest n of this session that the directory knows: what is above must be sent again
  state @5 :ComponentState;
}

# How far the application may have published in all: absolute numbers, so that a lost or repeated one does no harm.
struct Credit { bytes @0 :UInt64; messages @1 :UInt64; }

enum ErrorCode {
  malformed @0;
  unsupportedVersion @1;
  tooLarge @2;
  notOpen @3;
  creditExceeded @4;
  sessionExpired @5;
  sessionMoved @6;            # another connection opened the same session
  notAllowed @7;
  tooManySessions @8;
  tooSlow @9;
  shuttingDown @10;
  alreadyMember @11;
  notMember @12;
  badTopic @13;
  tooManyGroups @14;
  notPrimary @15;
  wrongState @16;            # an operator's command that has no place in the daemon's present state
  noSuchGroup @17;
  unavailable @18;            # the daemon can't, and the text says why
}

struct Error { code @0 :ErrorCode; text @1 :Text; }
struct Joined { request @0 :UInt32; position @1 :Position; }
struct Refused { request @0 :UInt32; code @1 :ErrorCode; text @2 :Text; }

enum Outcome { ok @0; rejected @1; unknown @2; sessionExpired @3; resend @4; }
# resend: this host was excluded; the library sends these n again and the directory tells duplicates apart.

struct OutcomeRun {
  firstN @0 :UInt64;
  count @1 :UInt32;
  outcome @2 :Outcome;
  position @3 :Position;      # of the first, when ok; all zeros: a retry so late that nobody knows where its first copy stands
  reason @4 :ErrorCode;       # when rejected
}

# Body: the records, as the publisher's library built them. The first `skip` were delivered earlier.
# Fifo messages have no position of their own: `first` is the last one that the daemon had delivered, for all of them (seq 0: none in
# this view), and says nothing about how far the application's stream has come.
struct Deliver {
  first @0 :Position;         # of the first message; the others follow it
  count @1 :UInt32;
  skip @2 :UInt32;
  publisherNode @3 :Text;
  publisherSession @4 :SessionId;
  orderedAt @5 :Int64;        # wall clock, ns since 1970; 0 when no sequencer gave the order
  filter @6 :Bool;            # the body has topics the application may not have asked for: the library leaves these out
  level @7 :Level;
}

enum LeaveReason { left @0; crashed @1; nodeFailed @2; removed @3; expired @4; }
struct Departure { member @0 :Member; reason @1 :LeaveReason; }

struct GroupView {
  position @0 :Position;
  group @1 :Text;
  number @2 :UInt64;
  members @3 :List(Member);
  joined @4 :List(Member);
  left @5 :List(Departure);
  change @6 :Bool;            # members are left out: those of the view before (number - 1, told on this connection) without who left, and
                              # behind them who joined. A thousand members that come one by one would else be named a million times.
}

struct Mark { upTo @0 :Position; level @1 :Level; view @2 :UInt64; memberLostBefore @3 :Bool; }

enum ComponentState { joining @0; primary @1; blocked @2; }
struct State { state @0 :ComponentState; reason @1 :Text; viewEpoch @2 :UInt64; viewNumber @3 :UInt64; }

struct Resync {
  lastCommon @0 :Position;
  hasOrphaned @1 :Bool;
  orphanedFrom @2 :Position;
  orphanedTo @3 :Position;
  missedFrom @4 :Position;
  missedTo @5 :Position;
}

struct Gap { from @0 :Position; to @1 :Position; reason @2 :Text; }
struct Removed { group @0 :Text; code @1 :ErrorCode; text @2 :Text; }
struct Answer { request @0 :UInt32; json @1 :Text; }
