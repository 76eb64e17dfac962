#include <algorithm>
#include <cstdlib>
#include <map>

#include "random.hpp"
#include "wire/limits.hpp"

namespace vsync::wire::test {
namespace {

using namespace protocol;

std::uint32_t u32(Random& random) { return static_cast<std::uint32_t>(random.bits()); }
Rank rank(Random& random, std::size_t members = members_max) { return {static_cast<std::uint16_t>(random.number(0, members - 1))}; }
Lane lane(Random& random) { return {static_cast<std::uint16_t>(random.number(0, lanes_max - 1))}; }
Seqno seqno(Random& random) { return {random.number(0, number_end - 1)}; }
Seq seq(Random& random) { return {random.number(0, number_end - 1)}; }
ViewId view_id(Random& random) { return {.epoch = {.number = random.bits(), .random = random.bits()}, .number = random.bits()}; }
Ballot ballot(Random& random) { return {.round = random.bits(), .coordinator = rank(random)}; }
LaneProgress progress(Random& random) {
  return {.sent = seqno(random), .ordered = seq(random), .held = seq(random), .stored = seq(random), .term = {random.number(0, 1u << 20)}};
}

std::vector<OrderedRun> ordered_runs(Random& random) {
  std::uint64_t next = random.number(1, 1000);
  return random.list(20, [&] {
    const auto count = static_cast<std::uint32_t>(random.number(1, 1u << 20));
    const OrderedRun run{.first = {next}, .publisher = rank(random), .first_seqno = {random.number(1, number_end - count)}, .count = count};
    next += count + random.number(0, 3);
    return run;
  });
}

LaneCut lane_cut(Random& random) {
  LaneCut cut{.base = seq(random), .runs = ordered_runs(random), .first_missing = {}, .held = {}, .holder = {}};
  if (random.coin()) cut.first_missing = seq(random);
  cut.held = random.list(members_max, [&] { return seqno(random); });
  for (std::size_t i = 0; i < cut.held.size(); ++i) cut.holder.push_back(rank(random));
  return cut;
}

Value value(Random& random) {
  return {.next = random_view(random),
          .cut = {.lanes = random.list(3, [&] { return lane_cut(random); })},
          .loaded = random.list(members_max, [&] { return rank(random); }),
          .restart = random.coin(),
          .stored = random.list(3, [&] { return StoredEnd{.holder = rank(random), .end = seq(random)}; })};
}

Accepted accepted(Random& random) { return {.ballot = ballot(random), .value = value(random)}; }

DirectoryOp op(Random& random) {
  switch (random.number(0, 3)) {
    case 0: return OpenSession{.session = random.session(), .node = random.node(), .application = random.application(), .resume = random.coin()};
    case 1: return CloseSession{.session = random.session(), .reason = random.leave_reason()};
    case 2: return JoinGroup{.session = random.session(), .group = random.group()};
    default: return LeaveGroup{.session = random.session(), .group = random.group(), .reason = random.leave_reason()};
  }
}

Chunk chunk(Random& random, Lane lane, Seqno first) {
  Chunk chunk{.first = first, .after = seq(random), .lane = lane, .level = random.level()};
  if (random.coin()) {
    chunk.level = random.level(Level::durable);
    chunk.ops = std::make_shared<DirectoryOps>(random.list(4, [&] { return op(random); }));
    if (chunk.ops->empty()) chunk.ops = std::make_shared<DirectoryOps>(1, op(random));
    chunk.count = static_cast<std::uint32_t>(chunk.ops->size());
    return chunk;
  }
  chunk.count = static_cast<std::uint32_t>(random.number(1, batch_messages_max));
  chunk.session = random.session();
  chunk.first_n = random.number(1, number_end - chunk.count);
  chunk.payload = Payload(random.bytes(random.size(300)));
  return chunk;
}

Data data(Random& random) {
  Data data{.view = view_id(random), .lane = lane(random), .publisher = rank(random), .chunks = {}};
  Seqno next{random.number(1, number_end / 2)};
  const std::size_t chunks = random.number(1, 8);
  while (data.chunks.size() < chunks) {
    data.chunks.push_back(chunk(random, data.lane, next));
    next = next + data.chunks.back().count;
  }
  return data;
}

Order order(Random& random) {
  Order order{.view = view_id(random), .lane = lane(random), .term = {random.bits()}, .first = {random.number(1, tail_begin.value / 2)}};
  order.runs = random.list(30, [&] { return Run{.publisher = rank(random), .count = static_cast<std::uint32_t>(random.number(1, ~0u))}; });
  if (random.coin()) order.hand_off = rank(random);
  order.ordered_at = static_cast<std::int64_t>(random.bits());
  return order;
}

Duration lease(Random& random) { return std::chrono::nanoseconds(random.number(0, std::chrono::nanoseconds(lease_max).count())); }

std::vector<Forced> forced(Random& random) {
  return random.list(forced_max, [&] {
    return Forced{.epoch = view_id(random).epoch, .from = view_id(random), .by = random.node().name, .at = static_cast<std::int64_t>(random.bits())};
  });
}

/// That this program can talk to.
Versions versions(Random& random) {
  return {static_cast<std::uint16_t>(random.number(1, program_versions().oldest)),
          static_cast<std::uint16_t>(random.number(program_versions().newest, 0xffff))};
}

Heartbeat heartbeat(Random& random) {
  Heartbeat heartbeat{.nonce = static_cast<std::int64_t>(random.bits()),
                      .state = static_cast<NodeState>(random.number(0, 4)),
                      .view = view_id(random),
                      .promised = ballot(random),
                      .loaded = random.coin(),
                      .leaving = random.coin(),
                      .congested = random.coin(),
                      .view_is_uniform = random.coin(),
                      .disk_hangs = random.coin(),
                      .witness = random.coin(),
                      .weight = u32(random),
                      .peers_digest = random.bits(),
                      .former = {.high = random.bits(), .low = random.bits()}};
  heartbeat.version = static_cast<std::uint16_t>(random.number(0, 0xffff));
  heartbeat.forced = forced(random);
  heartbeat.lease = lease(random);
  heartbeat.heard = random.list(members_max, [&] {
    return Heard{.node = random.node(), .nonce = static_cast<std::int64_t>(random.bits()), .refused = random.coin()};
  });
  heartbeat.lanes = random.list(4, [&] { return progress(random); });
  heartbeat.relay = random.list(4, [&] {
    return LaneRelay{.received = random.list(members_max, [&] { return seqno(random); }), .held = random.list(members_max, [&] { return seq(random); }),
                     .stored = random.list(members_max, [&] { return seq(random); })};
  });
  heartbeat.audit = random.list(3, [&] {
    std::vector<AuditPlace> places;
    for (std::uint64_t last = random.number(1, 100), left = random.size(audit_places_max); left > 0; --left, last += random.number(1, 100)) {
      places.push_back({.last = {last}, .digest = random.bits()});
    }
    return places;
  });
  return heartbeat;
}

Answer answer(Random& random) {
  Answer answer{.view = view_id(random), .ballot = ballot(random)};
  if (random.coin()) answer.accepted = accepted(random);
  answer.lanes = random.list(3, [&] {
    return LaneHoldings{.received = random.list(members_max, [&] { return seqno(random); }), .base = seq(random), .runs = ordered_runs(random)};
  });
  answer.hears = random.list(members_max, [&] { return random.node(); });
  answer.loaded = random.coin();
  answer.leaving = random.coin();
  answer.from_disk = random.coin();
  answer.witness = random.coin();
  answer.full_weight = u32(random);
  answer.leases = lease(random);
  answer.speaks = versions(random);
  answer.logged = random.list(4, [&] { return seq(random); });
  return answer;
}

SessionState session_state(Random& random, SessionId session) {
  SessionState state{.session = session, .application = random.application(), .homeless = random.coin()};
  if (!state.homeless || random.coin()) state.node = random.node();
  state.lanes = random.list(3, [&] {
    return SessionLane{.lane = lane(random), .last_n = random.number(0, number_end - 1), .recent = random.list(10, [&] {
                         const auto count = static_cast<std::uint32_t>(random.number(1, ~0u));
                         SessionRun run{.first_n = random.number(1, number_end - count), .count = count, .first = random.position()};
                         run.first.seq.value = random.number(1, number_end - count);
                         return run;
                       })};
  });
  return state;
}

Snapshot snapshot(Random& random) {
  Snapshot snapshot{.view = view_id(random), .directory = {}, .ends = random.list(10, [&] {
                      return ViewEnd{.view = view_id(random), .lane = lane(random), .ordinary = {random.number(0, number_end - 1)},
                                     .tail = {random.number(0, number_end - 1)}};
                    })};
  snapshot.directory.group_views = random.bits();
  snapshot.logged = random.coin();
  snapshot.audited = random.list(3, [&] { return random.bits(); });
  auto sessions = random.list(20, [&] { return random.session(); });
  std::sort(sessions.begin(), sessions.end());
  sessions.erase(std::unique(sessions.begin(), sessions.end()), sessions.end());
  for (const SessionId& session : sessions) snapshot.directory.sessions.push_back(session_state(random, session));
  std::map<std::string, GroupState> groups;
  for (std::size_t i = random.size(20); i > 0; --i) {
    const std::string group = random.group();
    groups[group] = {.group = group, .view_number = random.bits(), .members = random.list(5, [&] { return random.session(); })};
  }
  for (const auto& [name, group] : groups) snapshot.directory.groups.push_back(group);
  snapshot.directory.ended = random.list(10, [&] { return random.session(); });
  return snapshot;
}

Prepare prepare(Random& random) {
  Prepare prepare{.view = random_view(random), .ballot = ballot(random), .restart = random.coin()};
  prepare.ballot.coordinator = rank(random, prepare.view.members.size());
  return prepare;
}

Decided decided(Random& random) {
  Decided decided;
  const std::size_t decisions = random.number(1, 3);
  while (decided.chain.size() < decisions) decided.chain.push_back({.from = view_id(random), .value = value(random)});
  return decided;
}

FetchData fetch_data(Random& random) {
  FetchData fetch{.view = view_id(random), .lane = lane(random), .publisher = rank(random), .first = {random.number(1, number_end - 1)}, .last = {}};
  fetch.last.value = random.number(fetch.first.value, number_end - 1);
  return fetch;
}

Position position(Random& random, Lane lane) {
  Position position = random.position();
  position.lane = lane;
  return position;
}

LogMark mark(Random& random, Lane lane) {
  return {.first = position(random, lane), .publisher = random.node(), .stream = seqno(random)};
}

FetchLog fetch_log(Random& random) {
  FetchLog fetch{.view = view_id(random), .lane = lane(random), .after = {}};
  if (random.coin()) fetch.after = mark(random, fetch.lane);
  return fetch;
}

LogPart log_part(Random& random) {
  LogPart part{.view = view_id(random), .lane = lane(random), .after = {}, .agrees = random.coin(), .keep = {}, .entries = {}, .more = random.coin()};
  if (random.coin()) part.after = mark(random, part.lane);
  if (random.coin()) part.keep = position(random, part.lane);
  Position next = position(random, part.lane);
  next.seq = {random.number(1, number_end / 2)};
  for (std::size_t entries = random.size(8); entries > 0; --entries) {
    part.entries.push_back(random_log_entry(random, next));
    next = part.entries.back().last();
    next.seq = next.seq + random.number(1, 3);
  }
  return part;
}

Body body(Random& random, std::size_t kind) {
  switch (kind) {
    case 0: return heartbeat(random);
    case 1: return data(random);
    case 2: return order(random);
    case 3: return Ack{.view = view_id(random), .congested = random.coin(), .lanes = random.list(lanes_max, [&] { return progress(random); })};
    case 4: return fetch_data(random);
    case 5: return FetchOrder{.view = view_id(random), .lane = lane(random), .first = {random.number(1, tail_begin.value - 1)}};
    case 6: return prepare(random);
    case 7: return answer(random);
    case 8: return protocol::Refused{.view = view_id(random), .ballot = ballot(random), .promised = ballot(random)};
    case 9: return Gather{.view = view_id(random), .ballot = ballot(random), .value = value(random)};
    case 10: return Gathered{.view = view_id(random), .ballot = ballot(random)};
    case 11: return Accept{.view = view_id(random), .ballot = ballot(random), .value = value(random)};
    case 12: return AcceptedBallot{.view = view_id(random), .ballot = ballot(random)};
    case 13: return decided(random);
    case 14: return Form{.view = random_view(random)};
    case 15: return Formed{.view = view_id(random)};
    case 16: return snapshot(random);
    case 17: return fetch_log(random);
    case 18: return log_part(random);
  }
  std::abort();
}

}  // namespace

View random_view(Random& random) {
  View view{.id = view_id(random), .min_weight = u32(random)};
  const std::size_t members = random.number(1, members_max);
  for (std::size_t i = 0; i < members; ++i) {
    NodeId node = random.node();
    // The index keeps names apart.
    node.name = std::to_string(i) + node.name.substr(0, name_bytes_max - 2);
    view.members.push_back({.node = node, .weight = u32(random), .full_weight = u32(random), .witness = random.coin(), .loaded = random.coin(), .speaks = versions(random)});
  }
  view.version = static_cast<std::uint16_t>(random.number(1, 0xffff));
  view.forced = forced(random);
  view.leases_end_after = lease(random);
  view.tie_breaker = rank(random, members);
  view.formed_in = {random.bits(), rank(random, members_max)};
  const std::size_t lanes = random.number(1, 5);
  while (view.sequencers.size() < lanes) view.sequencers.push_back(rank(random, members));
  return view;
}

Frame random_frame(Random& random, std::size_t kind) {
  return {.cluster = {.high = random.bits(), .low = random.bits()}, .from = random.node(), .to = random.coin() ? random.node() : NodeId{}, .body = body(random, kind), .speaks = versions(random)};
}

PersistentState random_persistent(Random& random) {
  PersistentState state{.incarnation_counter = random.bits(), .cluster = {.high = random.bits(), .low = random.bits()}};
  if (random.coin()) state.installed = random_view(random);
  state.promised = ballot(random);
  if (random.coin()) state.accepted = accepted(random);
  if (random.coin()) state.log_reaches = view_id(random);
  return state;
}

LogEntry random_log_entry(Random& random, Position first) {
  LogEntry entry{.first = first, .publisher = random.node(), .ordered_at = static_cast<std::int64_t>(random.bits()), .chunk = {}};
  Chunk& chunk = entry.chunk;
  chunk.count = static_cast<std::uint32_t>(random.number(1, batch_messages_max));
  chunk.first = {random.number(1, number_end - chunk.count)};
  chunk.after = seq(random);
  chunk.lane = first.lane;
  chunk.level = Level::durable;
  chunk.session = random.session();
  chunk.first_n = random.number(1, number_end - chunk.count);
  // Zeros are what a torn write looks like.
  chunk.payload = Payload(random.number(0, 3) == 0 ? std::vector<std::byte>(random.size(2000)) : random.bytes(random.size(300)));
  return entry;
}

LogRecord random_log_record(Random& random) {
  const auto entry = [&] {
    Position first = random.position();
    first.seq = {random.number(1, number_end - batch_messages_max)};
    return random_log_entry(random, first);
  };
  switch (random.number(0, 5)) {
    case 0: return LogProvisional{.from = view_id(random), .ballot = ballot(random), .entries = random.list(4, entry)};
    case 1: return LogSettled{.from = view_id(random), .adopted = random.coin() ? std::optional(ballot(random)) : std::nullopt};
    case 2: {
      const Lane of = lane(random);
      return LogCutBack{.lane = of, .keep = random.coin() ? std::optional(position(random, of)) : std::nullopt};
    }
    default: return entry();
  }
}

}  // namespace vsync::wire::test
