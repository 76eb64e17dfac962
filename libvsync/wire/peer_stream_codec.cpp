// What flows within a view: heartbeats, messages, their order, acknowledgements, fetches. The hot path of the daemon.

#include <memory>

#include "protocol/assert.hpp"
#include "wire/peer_frames.hpp"

namespace vsync::wire {
namespace {

static_assert(static_cast<int>(peer_schema::NodeState::RETURNING) == static_cast<int>(protocol::NodeState::returning));
static_assert(static_cast<int>(peer_schema::Level::FIFO) == static_cast<int>(protocol::Level::fifo));

void write(capnp::List<peer_schema::LaneProgress>::Builder out, const std::vector<protocol::LaneProgress>& lanes) {
  for (unsigned i = 0; i < out.size(); ++i) {
    out[i].setSent(lanes[i].sent.value);
    out[i].setOrdered(lanes[i].ordered.value);
    out[i].setHeld(lanes[i].held.value);
    out[i].setStored(lanes[i].stored.value);
    out[i].setTerm(lanes[i].term.value);
  }
}

std::vector<protocol::LaneProgress> read_lanes(capnp::List<peer_schema::LaneProgress>::Reader in, const char* field) {
  return read_list<protocol::LaneProgress>(in, lanes_max, field, [&](peer_schema::LaneProgress::Reader lane) {
    return protocol::LaneProgress{.sent = read_seqno(lane.getSent(), field),
                                  .ordered = read_seq(lane.getOrdered(), field),
                                  .held = read_seq(lane.getHeld(), field),
                                  .stored = read_seq(lane.getStored(), field),
                                  .term = protocol::Term{lane.getTerm()}};
  });
}

void write(capnp::List<peer_schema::LaneRelay>::Builder out, const std::vector<protocol::LaneRelay>& lanes) {
  const auto number = [](auto value) { return value.value; };
  for (unsigned i = 0; i < out.size(); ++i) {
    write_numbers(out[i].initReceived(size_of(lanes[i].received.size())), lanes[i].received, number);
    write_numbers(out[i].initHeld(size_of(lanes[i].held.size())), lanes[i].held, number);
    write_numbers(out[i].initStored(size_of(lanes[i].stored.size())), lanes[i].stored, number);
  }
}

std::vector<protocol::LaneRelay> read_relay(capnp::List<peer_schema::LaneRelay>::Reader in, const char* field) {
  return read_list<protocol::LaneRelay>(in, lanes_max, field, [&](peer_schema::LaneRelay::Reader lane) {
    return protocol::LaneRelay{
        .received = read_list<protocol::Seqno>(lane.getReceived(), members_max, field, [&](auto seqno) { return read_seqno(seqno, field); }),
        .held = read_list<protocol::Seq>(lane.getHeld(), members_max, field, [&](auto seq) { return read_seq(seq, field); }),
        .stored = read_list<protocol::Seq>(lane.getStored(), members_max, field, [&](auto seq) { return read_seq(seq, field); })};
  });
}

void write(capnp::List<peer_schema::LaneAudit>::Builder out, const std::vector<std::vector<protocol::AuditPlace>>& lanes) {
  for (unsigned i = 0; i < out.size(); ++i) {
    auto places = out[i].initPlaces(size_of(lanes[i].size()));
    for (unsigned k = 0; k < places.size(); ++k) {
      places[k].setLast(lanes[i][k].last.value);
      places[k].setDigest(lanes[i][k].digest);
    }
  }
}

std::vector<std::vector<protocol::AuditPlace>> read_audit(capnp::List<peer_schema::LaneAudit>::Reader in, const char* field) {
  return read_list<std::vector<protocol::AuditPlace>>(in, lanes_max, field, [&](peer_schema::LaneAudit::Reader lane) {
    auto places = read_list<protocol::AuditPlace>(lane.getPlaces(), audit_places_max, field, [&](peer_schema::AuditPlace::Reader place) {
      return protocol::AuditPlace{.last = read_seq(place.getLast(), field), .digest = place.getDigest()};
    });
    require(ascending(places, &protocol::AuditPlace::last), field, "the places are not in ascending order");
    return places;
  });
}

constexpr ChunkFields data_fields{
    .chunk = "data: chunk", .after = "data: after", .level = "data: level", .numbers = "data: the session's numbers of a chunk"};

}  // namespace

void write(peer_schema::Chunk::Builder out, const protocol::Chunk& chunk) {
  out.setCount(chunk.count);
  out.setPayloadBytes(static_cast<std::uint32_t>(chunk.payload.size()));
  out.setAfter(chunk.after.value);
  out.setSessionHigh(chunk.session.high);
  out.setSessionLow(chunk.session.low);
  out.setFirstN(chunk.first_n);
  out.setLevel(static_cast<peer_schema::Level>(chunk.level));
  if (chunk.ops) write(out.initOps(size_of(chunk.ops->size())), *chunk.ops);
}

protocol::Chunk read_chunk(peer_schema::Chunk::Reader in, Payloads& payloads, const ChunkFields& fields) {
  protocol::Chunk chunk;
  chunk.count = in.getCount();
  chunk.after = read_seq(in.getAfter(), fields.after);
  chunk.level = read_enum(in.getLevel(), protocol::Level::fifo, fields.level);
  chunk.session = {.high = in.getSessionHigh(), .low = in.getSessionLow()};
  chunk.first_n = in.getFirstN();
  const std::size_t payload_bytes = in.getPayloadBytes();
  require(chunk.count <= batch_messages_max, fields.chunk, "has too many messages");
  if (in.hasOps()) {
    require(chunk.session.empty(), fields.chunk, "has directory records and a session");
    require(payload_bytes == 0, fields.chunk, "has directory records and a payload");
    require(chunk.level != protocol::Level::fifo, fields.chunk, "has directory records that are fifo");
    const auto ops = in.getOps();
    require(ops.size() == chunk.count, fields.chunk, "has another number of directory records than it counts");
    chunk.ops = std::make_shared<const protocol::DirectoryOps>(read(ops));
  } else {
    require(!chunk.session.empty(), fields.chunk, "has neither a session nor directory records");
    require_run(chunk.first_n, chunk.count, fields.numbers);
    chunk.payload = payloads.take(payload_bytes);
  }
  return chunk;
}

void write(peer_schema::Heartbeat::Builder out, const protocol::Heartbeat& heartbeat) {
  out.setNonce(heartbeat.nonce);
  out.setState(static_cast<peer_schema::NodeState>(heartbeat.state));
  write(out.initView(), heartbeat.view);
  out.setVersion(heartbeat.version);
  write(out.initForced(size_of(heartbeat.forced.size())), heartbeat.forced);
  write(out.initPromised(), heartbeat.promised);
  out.setLoaded(heartbeat.loaded);
  out.setLeaving(heartbeat.leaving);
  out.setCongested(heartbeat.congested);
  out.setDiskHangs(heartbeat.disk_hangs);
  out.setViewIsUniform(heartbeat.view_is_uniform);
  out.setWitness(heartbeat.witness);
  out.setWeight(heartbeat.weight);
  out.setLeaseNs(in_nanoseconds(heartbeat.lease));
  out.setPeersDigest(heartbeat.peers_digest);
  out.setFormerHigh(heartbeat.former.high);
  out.setFormerLow(heartbeat.former.low);
  auto heard = out.initHeard(size_of(heartbeat.heard.size()));
  for (unsigned i = 0; i < heard.size(); ++i) {
    write(heard[i].initNode(), heartbeat.heard[i].node);
    heard[i].setNonce(heartbeat.heard[i].nonce);
    heard[i].setRefused(heartbeat.heard[i].refused);
  }
  write(out.initLanes(size_of(heartbeat.lanes.size())), heartbeat.lanes);
  write(out.initRelay(size_of(heartbeat.relay.size())), heartbeat.relay);
  write(out.initAudit(size_of(heartbeat.audit.size())), heartbeat.audit);
}

protocol::Heartbeat read(peer_schema::Heartbeat::Reader in) {
  protocol::Heartbeat heartbeat;
  heartbeat.nonce = in.getNonce();
  heartbeat.state = read_enum(in.getState(), protocol::NodeState::returning, "heartbeat: state");
  heartbeat.view = read_view_id(in.getView());
  heartbeat.version = in.getVersion();
  heartbeat.forced = read_forced(in.getForced(), "heartbeat: forced");
  heartbeat.promised = read_ballot(in.getPromised(), "heartbeat: promised");
  heartbeat.loaded = in.getLoaded();
  heartbeat.leaving = in.getLeaving();
  heartbeat.congested = in.getCongested();
  heartbeat.disk_hangs = in.getDiskHangs();
  heartbeat.view_is_uniform = in.getViewIsUniform();
  heartbeat.witness = in.getWitness();
  heartbeat.weight = in.getWeight();
  heartbeat.lease = read_lease(in.getLeaseNs(), "heartbeat: lease");
  heartbeat.peers_digest = in.getPeersDigest();
  heartbeat.former = {.high = in.getFormerHigh(), .low = in.getFormerLow()};
  heartbeat.heard = read_list<protocol::Heard>(in.getHeard(), nodes_heard_max, "heartbeat: heard", [](peer_schema::Heard::Reader heard) {
    return protocol::Heard{.node = read_node(heard.getNode(), "heartbeat: heard"), .nonce = heard.getNonce(), .refused = heard.getRefused()};
  });
  heartbeat.lanes = read_lanes(in.getLanes(), "heartbeat: lanes");
  heartbeat.relay = read_relay(in.getRelay(), "heartbeat: relay");
  heartbeat.audit = read_audit(in.getAudit(), "heartbeat: audit");
  return heartbeat;
}

void write(peer_schema::Data::Builder out, const protocol::Data& data) {
  VSYNC_ASSERT(!data.chunks.empty());
  write(out.initView(), data.view);
  out.setFirst(data.chunks.front().first.value);
  out.setLane(data.lane.value);
  out.setPublisher(data.publisher.value);
  auto chunks = out.initChunks(size_of(data.chunks.size()));
  protocol::Seqno next = data.chunks.front().first;
  for (unsigned i = 0; i < chunks.size(); ++i) {
    const protocol::Chunk& chunk = data.chunks[i];
    VSYNC_ASSERT(chunk.first == next && chunk.lane == data.lane);
    write(chunks[i], chunk);
    next = next + chunk.count;
  }
}

protocol::Data read(peer_schema::Data::Reader in, const protocol::Payload& body) {
  protocol::Data data;
  data.view = read_view_id(in.getView());
  data.lane = read_lane(in.getLane(), "data");
  data.publisher = read_rank(in.getPublisher(), "data");
  const auto chunks = in.getChunks();
  require(chunks.size() > 0, "data", "has no chunks");
  require(chunks.size() <= chunks_max, "data", "has too many chunks");
  data.chunks.reserve(chunks.size());
  protocol::Seqno next{in.getFirst()};
  Payloads payloads(body, "data");
  for (const auto chunk_in : chunks) {
    protocol::Chunk& chunk = data.chunks.emplace_back(read_chunk(chunk_in, payloads, data_fields));
    require_run(next.value, chunk.count, "data: the messages of a chunk");
    chunk.first = next;
    chunk.lane = data.lane;
    next = next + chunk.count;
  }
  payloads.finish();
  return data;
}

void write(peer_schema::Order::Builder out, const protocol::Order& order) {
  write(out.initView(), order.view);
  out.setTerm(order.term.value);
  out.setFirst(order.first.value);
  out.setOrderedAt(order.ordered_at);
  out.setLane(order.lane.value);
  out.setHasHandOff(order.hand_off.has_value());
  if (order.hand_off) out.setHandOff(order.hand_off->value);
  auto runs = out.initRuns(size_of(order.runs.size()));
  for (unsigned i = 0; i < runs.size(); ++i) {
    runs[i].setCount(order.runs[i].count);
    runs[i].setPublisher(order.runs[i].publisher.value);
  }
}

protocol::Order read(peer_schema::Order::Reader in) {
  protocol::Order order;
  order.view = read_view_id(in.getView());
  order.lane = read_lane(in.getLane(), "order");
  order.term = {in.getTerm()};
  order.first = {in.getFirst()};
  require(order.first.value > 0 && order.first < protocol::tail_begin, "order", "the first position is no sequencer's");
  if (in.getHasHandOff()) order.hand_off = read_rank(in.getHandOff(), "order: hand-off");
  order.ordered_at = in.getOrderedAt();
  std::uint64_t next = order.first.value;
  order.runs = read_list<protocol::Run>(in.getRuns(), runs_max, "order: runs", [&](peer_schema::Run::Reader run) {
    require_run(next, run.getCount(), "order: a run", protocol::tail_begin.value);
    next += run.getCount();
    return protocol::Run{.publisher = read_rank(run.getPublisher(), "order: a run"), .count = run.getCount()};
  });
  return order;
}

void write(peer_schema::Ack::Builder out, const protocol::Ack& ack) {
  write(out.initView(), ack.view);
  out.setCongested(ack.congested);
  write(out.initLanes(size_of(ack.lanes.size())), ack.lanes);
}

protocol::Ack read(peer_schema::Ack::Reader in) {
  return {.view = read_view_id(in.getView()), .congested = in.getCongested(), .lanes = read_lanes(in.getLanes(), "ack: lanes")};
}

void write(peer_schema::FetchData::Builder out, const protocol::FetchData& fetch) {
  write(out.initView(), fetch.view);
  out.setFirst(fetch.first.value);
  out.setLast(fetch.last.value);
  out.setLane(fetch.lane.value);
  out.setPublisher(fetch.publisher.value);
}

protocol::FetchData read(peer_schema::FetchData::Reader in) {
  const protocol::FetchData fetch{.view = read_view_id(in.getView()),
                                  .lane = read_lane(in.getLane(), "fetch data"),
                                  .publisher = read_rank(in.getPublisher(), "fetch data"),
                                  .first = read_seqno(in.getFirst(), "fetch data"),
                                  .last = read_seqno(in.getLast(), "fetch data")};
  require(fetch.first.value > 0 && fetch.first <= fetch.last, "fetch data", "asks for an empty range");
  return fetch;
}

void write(peer_schema::FetchOrder::Builder out, const protocol::FetchOrder& fetch) {
  write(out.initView(), fetch.view);
  out.setFirst(fetch.first.value);
  out.setLane(fetch.lane.value);
}

protocol::FetchOrder read(peer_schema::FetchOrder::Reader in) {
  const protocol::FetchOrder fetch{.view = read_view_id(in.getView()),
                                   .lane = read_lane(in.getLane(), "fetch order"),
                                   .first = read_seq(in.getFirst(), "fetch order")};
  require(fetch.first.value > 0 && fetch.first < protocol::tail_begin, "fetch order", "the first position is no sequencer's");
  return fetch;
}

}  // namespace vsync::wire
