#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include "mutate.hpp"
#include "peer.capnp.h"
#include "random.hpp"
#include "wire/limits.hpp"
#include "wire/peer.hpp"

namespace vsync::wire {
namespace {

using protocol::Frame;
using test::Bytes;

Frame frame_of(protocol::Body body) { return {.cluster = {1, 1}, .from = {"a", {1, 1}}, .to = {"b", {1, 1}}, .body = std::move(body)}; }

/// What is wrong with this frame once it is on the wire; empty when nothing is.
std::string error_of(const Frame& frame) {
  Bytes envelope;
  encode(frame, envelope);
  const auto decoded = decode_frame(envelope, body_of(frame));
  return decoded ? "" : decoded.error().what;
}

std::string error_of(protocol::Body body) { return error_of(frame_of(std::move(body))); }

protocol::View view_of(std::size_t members, std::size_t lanes = 1) {
  protocol::View view{.sequencers = std::vector<protocol::Rank>(lanes)};
  for (std::size_t i = 0; i < members; ++i) view.members.push_back({.node = {"n" + std::to_string(i), {1, 1}}});
  return view;
}

protocol::Chunk chunk() { return {.first = {1}, .count = 1, .session = {1, 1}, .first_n = 1}; }

protocol::Value value() { return {.next = view_of(1)}; }

TEST(PeerLimits, NamesAre1To63PlainCharacters) {
  Frame frame = frame_of(protocol::Ack{});
  frame.from.name = std::string(63, 'x');
  EXPECT_EQ(error_of(frame), "");
  for (const std::string& name : {std::string(), std::string(64, 'x'), std::string("a b"), std::string("a\0", 2)}) {
    frame.from.name = name;
    EXPECT_EQ(error_of(frame), "frame: from: the name of a node is not 1 to 63 of A-Z a-z 0-9 . _ -");
  }
  frame.from.name = "a";
  frame.to.name = "a b";
  EXPECT_EQ(error_of(frame), "frame: to: the name of a node is not 1 to 63 of A-Z a-z 0-9 . _ -");
}

TEST(PeerLimits, AFrameForAllNamesNobody) {
  Frame frame = frame_of(protocol::Ack{});
  frame.to = {};
  EXPECT_EQ(error_of(frame), "");
  frame.to.incarnation.counter = 1;
  EXPECT_EQ(error_of(frame), "frame: to: has an incarnation without a name");
}

TEST(PeerLimits, AFrameOfAnotherVersionIsRefusedWhole) {
  capnp::MallocMessageBuilder builder;
  auto frame = builder.initRoot<peer_schema::Frame>();
  frame.setOldest(protocol::program_versions().newest + 1);
  frame.setNewest(protocol::program_versions().newest + 2);
  const auto flat = capnp::messageToFlatArray(builder);
  const auto decoded = decode_frame(std::as_bytes(std::span(flat.asBytes().begin(), flat.asBytes().size())), {});
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().what, "frame: from a daemon that speaks versions 4 to 5 of the protocol, this one speaks 3 to 3: upgrade the older one");
}

TEST(PeerLimits, AFrameOfARangeThatMeetsThisOnesIsRead) {
  Frame frame = frame_of(protocol::Ack{});
  frame.speaks = {1, 9};
  EXPECT_EQ(error_of(frame), "");
  frame.speaks = {3, 2};
  EXPECT_EQ(error_of(frame), "frame: speaks no version of the protocol");
  frame.speaks = {0, 3};
  EXPECT_EQ(error_of(frame), "frame: speaks no version of the protocol");
}

TEST(PeerLimits, AViewHas1To64Members) {
  EXPECT_EQ(error_of(protocol::Form{view_of(1)}), "");
  EXPECT_EQ(error_of(protocol::Form{view_of(64)}), "");
  EXPECT_EQ(error_of(protocol::Form{view_of(65)}), "form: the list is too long");
  EXPECT_EQ(error_of(protocol::Form{view_of(0)}), "form: a view has no members");
}

TEST(PeerLimits, AViewNamesNobodyTwice) {
  protocol::View view = view_of(2);
  view.members[1].node.name = view.members[0].node.name;
  EXPECT_EQ(error_of(protocol::Form{view}), "form: a view has two members of one name");
}

TEST(PeerLimits, AViewHas1To256LanesWithSequencersAmongItsMembers) {
  EXPECT_EQ(error_of(protocol::Form{view_of(2, lanes_max)}), "");
  EXPECT_EQ(error_of(protocol::Form{view_of(2, lanes_max + 1)}), "form: the list is too long");
  EXPECT_EQ(error_of(protocol::Form{view_of(2, 0)}), "form: a view has no lanes");
  protocol::View view = view_of(2);
  view.sequencers[0] = {2};
  EXPECT_EQ(error_of(protocol::Form{view}), "form: a rank lies beyond the members of its view");
  view = view_of(2);
  view.tie_breaker = {2};
  EXPECT_EQ(error_of(protocol::Form{view}), "form: a rank lies beyond the members of its view");
}

TEST(PeerLimits, APreparesCoordinatorIsAMemberOfItsView) {
  EXPECT_EQ(error_of(protocol::Prepare{.view = view_of(2), .ballot = {1, {1}}}), "");
  EXPECT_EQ(error_of(protocol::Prepare{.view = view_of(2), .ballot = {1, {2}}}), "prepare: the coordinator is no member of the view");
  EXPECT_EQ(error_of(protocol::Refused{.ballot = {1, {64}}}), "refused: a rank is out of range");
}

TEST(PeerLimits, DataHasChunks) {
  capnp::MallocMessageBuilder builder;
  auto frame = builder.initRoot<peer_schema::Frame>();
  frame.setOldest(protocol::program_versions().oldest);
  frame.setNewest(protocol::program_versions().newest);
  frame.initFrom().setName("a");
  frame.initTo().setName("b");
  frame.initData();
  const auto flat = capnp::messageToFlatArray(builder);
  const auto decoded = decode_frame(std::as_bytes(std::span(flat.asBytes().begin(), flat.asBytes().size())), {});
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().what, "data: has no chunks");
}

TEST(PeerLimits, ChunksCountWithinTheRangeOfNumbers) {
  protocol::Chunk last = chunk();
  last.first.value = number_end - 2;
  last.count = 2;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {last}}), "");
  last.count = 3;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {last}}), "data: the messages of a chunk: the numbers are out of range");
  last.first.value = 0;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {last}}), "data: the messages of a chunk: the first number is 0");
  last = chunk();
  last.first_n = 0;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {last}}), "data: the session's numbers of a chunk: the first number is 0");
  last.count = 0;
  last.first_n = 1;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {last}}), "data: the session's numbers of a chunk: the count is 0");
  last.count = batch_messages_max + 1;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {last}}), "data: chunk: has too many messages");
}

TEST(PeerLimits, AChunkIsAnApplicationsOrOfDirectoryRecords) {
  const auto ops = std::make_shared<protocol::DirectoryOps>(2, protocol::JoinGroup{.session = {1, 1}, .group = "a"});
  protocol::Chunk both = chunk();
  both.ops = ops;
  both.count = 2;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {both}}), "data: chunk: has directory records and a session");
  both.session = {};
  EXPECT_EQ(error_of(protocol::Data{.chunks = {both}}), "");
  both.level = protocol::Level::fifo;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {both}}), "data: chunk: has directory records that are fifo");
  both.level = protocol::Level::agreed;
  both.count = 3;
  EXPECT_EQ(error_of(protocol::Data{.chunks = {both}}), "data: chunk: has another number of directory records than it counts");
  both.count = 2;
  both.payload = protocol::Payload(Bytes(5));
  EXPECT_EQ(error_of(protocol::Data{.chunks = {both}}), "data: chunk: has directory records and a payload");
  protocol::Chunk neither = chunk();
  neither.session = {};
  EXPECT_EQ(error_of(protocol::Data{.chunks = {neither}}), "data: chunk: has neither a session nor directory records");
}

TEST(PeerLimits, DirectoryRecordsNameSoundGroupsAndSessions) {
  const auto error_of_op = [](protocol::DirectoryOp op) {
    protocol::Chunk records{.first = {1}, .count = 1};
    records.ops = std::make_shared<protocol::DirectoryOps>(1, std::move(op));
    return error_of(protocol::Data{.chunks = {records}});
  };
  EXPECT_EQ(error_of_op(protocol::JoinGroup{.session = {1, 1}, .group = "a.>"}), "");
  EXPECT_EQ(error_of_op(protocol::JoinGroup{.session = {1, 1}, .group = "a..b"}),
            "directory record: the group is neither a valid topic nor a valid pattern");
  EXPECT_EQ(error_of_op(protocol::LeaveGroup{.session = {}, .group = "a"}), "directory record: the session id is zero");
  EXPECT_EQ(error_of_op(protocol::CloseSession{.session = {1, 1}, .reason = static_cast<protocol::LeaveReason>(5)}),
            "directory record: reason: is no value that this version knows");
  EXPECT_EQ(error_of_op(protocol::OpenSession{.session = {1, 1}, .node = {"", {}}}),
            "directory record: the name of a node is not 1 to 63 of A-Z a-z 0-9 . _ -");
}

TEST(PeerLimits, RanksAndLanesAreInRange) {
  EXPECT_EQ(error_of(protocol::FetchData{.lane = {255}, .publisher = {63}, .first = {1}, .last = {1}}), "");
  EXPECT_EQ(error_of(protocol::FetchData{.lane = {256}, .publisher = {63}, .first = {1}, .last = {1}}), "fetch data: a lane is out of range");
  EXPECT_EQ(error_of(protocol::FetchData{.lane = {255}, .publisher = {64}, .first = {1}, .last = {1}}), "fetch data: a rank is out of range");
  EXPECT_EQ(error_of(protocol::Ack{.lanes = std::vector<protocol::LaneProgress>(lanes_max)}), "");
  EXPECT_EQ(error_of(protocol::Ack{.lanes = std::vector<protocol::LaneProgress>(lanes_max + 1)}), "ack: lanes: the list is too long");
}

TEST(PeerLimits, AHeartbeatRelaysNoMoreMembersThanAViewHas) {
  const auto relay = [](std::size_t lanes, std::size_t received, std::size_t held) {
    const protocol::LaneRelay lane{.received = std::vector<protocol::Seqno>(received), .held = std::vector<protocol::Seq>(held)};
    return error_of(protocol::Heartbeat{.relay = std::vector<protocol::LaneRelay>(lanes, lane)});
  };
  EXPECT_EQ(relay(2, members_max, members_max), "");
  EXPECT_EQ(relay(1, members_max + 1, 1), "heartbeat: relay: the list is too long");
  EXPECT_EQ(relay(1, 1, members_max + 1), "heartbeat: relay: the list is too long");
  EXPECT_EQ(relay(lanes_max, 0, 0), "");
  EXPECT_EQ(relay(lanes_max + 1, 0, 0), "heartbeat: relay: the list is too long");
  const auto audit = [](std::size_t lanes, std::size_t places) {
    std::vector<protocol::AuditPlace> lane(places);
    for (std::size_t i = 0; i < places; ++i) lane[i].last.value = i + 1;
    return error_of(protocol::Heartbeat{.audit = std::vector<std::vector<protocol::AuditPlace>>(lanes, lane)});
  };
  EXPECT_EQ(audit(2, audit_places_max), "");
  EXPECT_EQ(audit(1, audit_places_max + 1), "heartbeat: audit: the list is too long");
  EXPECT_EQ(audit(lanes_max + 1, 0), "heartbeat: audit: the list is too long");
  EXPECT_EQ(error_of(protocol::Heartbeat{.audit = {{{.last = {2}}, {.last = {2}}}}}), "heartbeat: audit: the places are not in ascending order");
}

TEST(PeerLimits, AFetchAsksForSomething) {
  EXPECT_EQ(error_of(protocol::FetchData{.first = {2}, .last = {1}}), "fetch data: asks for an empty range");
  EXPECT_EQ(error_of(protocol::FetchData{.first = {0}, .last = {1}}), "fetch data: asks for an empty range");
  EXPECT_EQ(error_of(protocol::FetchOrder{.first = {0}}), "fetch order: the first position is no sequencer's");
}

TEST(PeerLimits, AnOrderStaysBelowTheNumbersOfTails) {
  const std::uint64_t end = protocol::tail_begin.value;
  EXPECT_EQ(error_of(protocol::Order{.first = {end - 5}, .runs = {{{0}, 2}, {{1}, 3}}}), "");
  EXPECT_EQ(error_of(protocol::Order{.first = {end - 5}, .runs = {{{0}, 2}, {{1}, 4}}}), "order: a run: the numbers are out of range");
  EXPECT_EQ(error_of(protocol::Order{.first = {end}}), "order: the first position is no sequencer's");
  EXPECT_EQ(error_of(protocol::Order{.first = {1}, .runs = {{{0}, 0}}}), "order: a run: the count is 0");
  EXPECT_EQ(error_of(protocol::Order{.first = {1}, .runs = {{{64}, 1}}}), "order: a run: a rank is out of range");
  EXPECT_EQ(error_of(protocol::Order{.first = {1}, .hand_off = protocol::Rank{64}}), "order: hand-off: a rank is out of range");
}

TEST(PeerLimits, RunsAreBoundedInNumber) {
  protocol::Order order{.first = {1}, .runs = std::vector<protocol::Run>(runs_max, {{0}, 1})};
  EXPECT_EQ(error_of(order), "");
  order.runs.push_back({{0}, 1});
  EXPECT_EQ(error_of(order), "order: runs: the list is too long");
}

TEST(PeerLimits, TheRunsOfACutAscendWithoutOverlap) {
  const auto error_of_runs = [](std::vector<protocol::OrderedRun> runs) {
    protocol::Value proposed = value();
    proposed.cut.lanes.push_back({.runs = std::move(runs)});
    return error_of(protocol::Accept{.value = proposed});
  };
  EXPECT_EQ(error_of_runs({{{1}, {0}, {1}, 5}, {{6}, {1}, {1}, 1}}), "");
  EXPECT_EQ(error_of_runs({{{1}, {0}, {1}, 5}, {{5}, {1}, {1}, 1}}), "accept: the runs of an order overlap or go backwards");
  EXPECT_EQ(error_of_runs({{{1}, {0}, {0}, 5}}), "accept: the first number is 0");
  EXPECT_EQ(error_of_runs({{{protocol::tail_begin.value - 1}, {0}, {1}, 2}}), "accept: the numbers are out of range");
}

TEST(PeerLimits, ACutNamesAHolderForEachStream) {
  protocol::Value proposed = value();
  proposed.cut.lanes.push_back({.held = {{1}, {2}}, .holder = {{0}}});
  EXPECT_EQ(error_of(protocol::Gather{.value = proposed}), "gather: a cut has not one holder for each stream");
}

TEST(PeerLimits, ADecisionIsShownWithTheFrame) { EXPECT_EQ(error_of(protocol::Decided{}), "decided: has no decisions"); }

TEST(PeerLimits, ASnapshotIsSorted) {
  protocol::Snapshot snapshot;
  snapshot.directory.groups = {{.group = "b"}, {.group = "a"}};
  EXPECT_EQ(error_of(snapshot), "snapshot: groups: are not in ascending order");
  snapshot.directory.groups = {{.group = "a"}, {.group = "a"}};
  EXPECT_EQ(error_of(snapshot), "snapshot: groups: are not in ascending order");
  snapshot.directory.groups = {{.group = "a"}, {.group = "b"}};
  EXPECT_EQ(error_of(snapshot), "");
  snapshot.directory.sessions = {{.session = {2, 1}, .homeless = true}, {.session = {1, 1}, .homeless = true}};
  EXPECT_EQ(error_of(snapshot), "snapshot: sessions: are not in ascending order");
}

TEST(PeerLimits, ASnapshotNamesNotMoreEndsOfViewsThanAreKept) {
  protocol::Snapshot snapshot;
  snapshot.ends.resize(view_ends_max);
  EXPECT_EQ(error_of(snapshot), "");
  snapshot.ends.resize(view_ends_max + 1);
  EXPECT_EQ(error_of(snapshot), "snapshot: ends of views: the list is too long");
}

TEST(PeerLimits, OnlyAHomelessSessionHasNoNode) {
  protocol::Snapshot snapshot;
  snapshot.directory.sessions = {{.session = {1, 1}, .homeless = true}};
  EXPECT_EQ(error_of(snapshot), "");
  snapshot.directory.sessions[0].homeless = false;
  EXPECT_EQ(error_of(snapshot), "snapshot: session: the name of a node is not 1 to 63 of A-Z a-z 0-9 . _ -");
}

TEST(PeerLimits, ALogPartHasDurableMessagesOfItsLaneInAscendingOrder) {
  const auto entry = [](std::uint64_t seq) {
    protocol::LogEntry one{.first = {.seq = {seq}}, .publisher = {"a", {1, 1}}, .chunk = chunk()};
    one.chunk.level = protocol::Level::durable;
    one.chunk.payload = protocol::Payload(Bytes(3));
    return one;
  };
  protocol::LogPart part{.entries = {entry(1), entry(2)}};
  EXPECT_EQ(error_of(part), "");
  part.entries = {entry(2), entry(2)};
  EXPECT_EQ(error_of(part), "log part: entries: are not in ascending order");
  part.entries = {entry(1), entry(2)};
  part.entries[0].chunk.count = 2;
  EXPECT_EQ(error_of(part), "log part: entries: are not in ascending order");
  part.entries = {entry(1)};
  part.entries[0].first.lane = {1};
  EXPECT_EQ(error_of(part), "log part: entries: one is of another lane");
  part.entries = {entry(1)};
  part.entries[0].chunk.level = protocol::Level::safe;
  EXPECT_EQ(error_of(part), "log entry: isn't durable");
  part.entries = {entry(0)};
  EXPECT_EQ(error_of(part), "log entry: the positions: the first number is 0");
  part.entries = {entry(number_end - 1)};
  EXPECT_EQ(error_of(part), "");
  part.entries[0].chunk.count = 2;
  EXPECT_EQ(error_of(part), "log entry: the positions: the numbers are out of range");
  part.entries = {entry(1)};
  part.entries[0].chunk.first = {0};
  EXPECT_EQ(error_of(part), "log entry: the numbers in the stream: the first number is 0");
  part.entries = {entry(1)};
  part.entries[0].chunk.session = {};
  EXPECT_EQ(error_of(part), "log entry: chunk: has neither a session nor directory records");
  part.entries = {entry(1)};
  part.entries[0].chunk.payload = {};
  part.entries[0].chunk.session = {};
  part.entries[0].chunk.ops = std::make_shared<protocol::DirectoryOps>(1, protocol::JoinGroup{.session = {1, 1}, .group = "a"});
  EXPECT_EQ(error_of(part), "log entry: has directory records");
}

TEST(PeerLimits, ALogPartsEntriesAreBounded) {
  protocol::LogPart part;
  for (std::uint64_t i = 1; i <= log_entries_max; ++i) {
    part.entries.push_back({.first = {.seq = {i}}, .publisher = {"a", {1, 1}}, .chunk = chunk()});
    part.entries.back().chunk.level = protocol::Level::durable;
  }
  EXPECT_EQ(error_of(part), "");
  part.entries.push_back(part.entries.back());
  EXPECT_EQ(error_of(part), "log part: entries: the list is too long");
}

TEST(PeerLimits, ALogMarkIsOfTheLaneThatIsAskedFor) {
  protocol::FetchLog fetch{.lane = {1}, .after = protocol::LogMark{.first = {.lane = {1}}, .publisher = {"a", {1, 1}}, .stream = {1}}};
  EXPECT_EQ(error_of(fetch), "");
  fetch.lane = {2};
  EXPECT_EQ(error_of(fetch), "fetch log: after: the mark is of another lane");
  EXPECT_EQ(error_of(protocol::LogPart{.lane = {2}, .after = fetch.after}), "log part: after: the mark is of another lane");
  EXPECT_EQ(error_of(protocol::LogPart{.lane = {2}, .keep = protocol::Position{.lane = {1}}}), "log part: keep: is of another lane");
}

TEST(PeerLimits, ALeaseLastsAnHourAtMost) {
  const protocol::Duration most = lease_max;
  const protocol::Duration more = most + std::chrono::nanoseconds(1);
  EXPECT_EQ(error_of(protocol::Heartbeat{.lease = most}), "");
  EXPECT_EQ(error_of(protocol::Heartbeat{.lease = more}), "heartbeat: lease: a lease is too long");
  EXPECT_EQ(error_of(protocol::Answer{.leases = more}), "answer: leases: a lease is too long");
  protocol::Value proposed = value();
  proposed.next.leases_end_after = more;
  EXPECT_EQ(error_of(protocol::Accept{.value = proposed}), "accept: a lease is too long");
}

TEST(PeerLimits, EndsOfDisksAreNamedByRankAndLane) {
  protocol::Value proposed = value();
  proposed.stored.assign(lanes_max, {.holder = {63}, .end = {number_end - 1}});
  EXPECT_EQ(error_of(protocol::Accept{.value = proposed}), "");
  proposed.stored[0].holder = {64};
  EXPECT_EQ(error_of(protocol::Accept{.value = proposed}), "accept: a rank is out of range");
  proposed.stored.assign(lanes_max + 1, {});
  EXPECT_EQ(error_of(protocol::Accept{.value = proposed}), "accept: the list is too long");
  EXPECT_EQ(error_of(protocol::Answer{.logged = std::vector<protocol::Seq>(lanes_max)}), "");
  EXPECT_EQ(error_of(protocol::Answer{.logged = std::vector<protocol::Seq>(lanes_max + 1)}), "answer: logged: the list is too long");
}

TEST(PeerLimits, StatesOfANewerVersionAreRefused) {
  EXPECT_EQ(error_of(protocol::Heartbeat{.state = static_cast<protocol::NodeState>(5)}), "heartbeat: state: is no value that this version knows");
}

TEST(PeerLimits, EnvelopeAndBodyAreBoundedTogether) {
  const Bytes envelope(1024);
  const protocol::Payload body(Bytes(peer_frame_bytes_max - 512));
  EXPECT_EQ(decode_frame(envelope, body).error().what, "envelope: 1024 bytes, allowed are 512");
  const protocol::Payload too_large(Bytes(peer_frame_bytes_max + 1));
  EXPECT_EQ(decode_frame(envelope, too_large).error().what, "frame: a body of 67108865 bytes, allowed are 67108864");
}

}  // namespace
}  // namespace vsync::wire
