#include "wire/peer_values.hpp"

#include <algorithm>

namespace vsync::wire {
namespace {

protocol::Member read_member(peer_schema::Member::Reader in, const char* field) {
  return {.node = read_node(in.getNode(), field),
          .weight = in.getWeight(),
          .full_weight = in.getFullWeight(),
          .witness = in.getWitness(),
          .loaded = in.getLoaded(),
          .speaks = read_versions(in.getOldest(), in.getNewest(), field)};
}

void write(peer_schema::Member::Builder out, const protocol::Member& member) {
  wire::write(out.initNode(), member.node);
  out.setWeight(member.weight);
  out.setFullWeight(member.full_weight);
  out.setWitness(member.witness);
  out.setLoaded(member.loaded);
  out.setOldest(member.speaks.oldest);
  out.setNewest(member.speaks.newest);
}

bool has_name_twice(const std::vector<protocol::Member>& members) {
  for (auto member = members.begin(); member != members.end(); ++member) {
    const auto same_name = [&](const protocol::Member& other) { return other.node.name == member->node.name; };
    if (std::any_of(std::next(member), members.end(), same_name)) return true;
  }
  return false;
}

void write(peer_schema::LaneCut::Builder out, const protocol::LaneCut& cut) {
  out.setBase(cut.base.value);
  wire::write(out.initRuns(size_of(cut.runs.size())), cut.runs);
  out.setHasFirstMissing(cut.first_missing.has_value());
  if (cut.first_missing) out.setFirstMissing(cut.first_missing->value);
  write_numbers(out.initHeld(size_of(cut.held.size())), cut.held, [](protocol::Seqno seqno) { return seqno.value; });
  write_numbers(out.initHolder(size_of(cut.holder.size())), cut.holder, [](protocol::Rank rank) { return rank.value; });
}

protocol::LaneCut read_lane_cut(peer_schema::LaneCut::Reader in, const char* field) {
  protocol::LaneCut cut;
  cut.base = read_seq(in.getBase(), field);
  cut.runs = read_ordered_runs(in.getRuns(), field);
  if (in.getHasFirstMissing()) cut.first_missing = read_seq(in.getFirstMissing(), field);
  cut.held = read_list<protocol::Seqno>(in.getHeld(), members_max, field, [&](std::uint64_t seqno) { return read_seqno(seqno, field); });
  cut.holder = read_list<protocol::Rank>(in.getHolder(), members_max, field, [&](std::uint16_t rank) { return read_rank(rank, field); });
  require(cut.held.size() == cut.holder.size(), field, "a cut has not one holder for each stream");
  return cut;
}

}  // namespace

void write(peer_schema::NodeId::Builder out, const protocol::NodeId& node) {
  out.setName(text_of(node.name));
  out.setCounter(node.incarnation.counter);
  out.setRandom(node.incarnation.random);
}

void write(peer_schema::ViewId::Builder out, const protocol::ViewId& view) {
  out.setEpoch(view.epoch.number);
  out.setEpochRandom(view.epoch.random);
  out.setNumber(view.number);
}

void write(peer_schema::SessionId::Builder out, const protocol::SessionId& session) {
  out.setHigh(session.high);
  out.setLow(session.low);
}

void write(peer_schema::Position::Builder out, const protocol::Position& position) {
  out.setEpoch(position.epoch.number);
  out.setEpochRandom(position.epoch.random);
  out.setView(position.view);
  out.setSeq(position.seq.value);
  out.setLane(position.lane.value);
}

void write(peer_schema::Ballot::Builder out, const protocol::Ballot& ballot) {
  out.setRound(ballot.round);
  out.setCoordinator(ballot.coordinator.value);
}

void write(capnp::List<peer_schema::Forced>::Builder out, const std::vector<protocol::Forced>& forced) {
  for (unsigned i = 0; i < out.size(); ++i) {
    out[i].setEpoch(forced[i].epoch.number);
    out[i].setEpochRandom(forced[i].epoch.random);
    write(out[i].initFrom(), forced[i].from);
    out[i].setBy(text_of(forced[i].by));
    out[i].setAt(forced[i].at);
  }
}

void write(peer_schema::View::Builder out, const protocol::View& view) {
  write(out.initId(), view.id);
  auto members = out.initMembers(size_of(view.members.size()));
  for (unsigned i = 0; i < members.size(); ++i) write(members[i], view.members[i]);
  out.setTieBreaker(view.tie_breaker.value);
  out.setMinWeight(view.min_weight);
  out.setFormedRound(view.formed_in.round);
  out.setFormedCoordinator(view.formed_in.coordinator.value);
  out.setVersion(view.version);
  write(out.initForced(size_of(view.forced.size())), view.forced);
  out.setLeasesEndAfterNs(in_nanoseconds(view.leases_end_after));
  write_numbers(out.initSequencers(size_of(view.sequencers.size())), view.sequencers, [](protocol::Rank rank) { return rank.value; });
}

void write(peer_schema::Value::Builder out, const protocol::Value& value) {
  write(out.initNext(), value.next);
  auto lanes = out.initLanes(size_of(value.cut.lanes.size()));
  for (unsigned i = 0; i < lanes.size(); ++i) write(lanes[i], value.cut.lanes[i]);
  write_numbers(out.initLoaded(size_of(value.loaded.size())), value.loaded, [](protocol::Rank rank) { return rank.value; });
  out.setRestart(value.restart);
  auto stored = out.initStored(size_of(value.stored.size()));
  for (unsigned i = 0; i < stored.size(); ++i) {
    stored[i].setEnd(value.stored[i].end.value);
    stored[i].setHolder(value.stored[i].holder.value);
  }
}

void write(peer_schema::Accepted::Builder out, const protocol::Accepted& accepted) {
  write(out.initBallot(), accepted.ballot);
  write(out.initValue(), accepted.value);
}

void write(capnp::List<peer_schema::OrderedRun>::Builder out, const std::vector<protocol::OrderedRun>& runs) {
  for (unsigned i = 0; i < out.size(); ++i) {
    out[i].setFirst(runs[i].first.value);
    out[i].setFirstSeqno(runs[i].first_seqno.value);
    out[i].setCount(runs[i].count);
    out[i].setPublisher(runs[i].publisher.value);
  }
}

protocol::NodeId read_node(peer_schema::NodeId::Reader in, const char* field) {
  return {.name = read_node_name(in.getName(), field), .incarnation = {.counter = in.getCounter(), .random = in.getRandom()}};
}

protocol::ViewId read_view_id(peer_schema::ViewId::Reader in) {
  return {.epoch = {.number = in.getEpoch(), .random = in.getEpochRandom()}, .number = in.getNumber()};
}

protocol::Position read_position(peer_schema::Position::Reader in, const char* field) {
  return {.epoch = {.number = in.getEpoch(), .random = in.getEpochRandom()},
          .view = in.getView(),
          .lane = read_lane(in.getLane(), field),
          .seq = read_seq(in.getSeq(), field)};
}

protocol::Ballot read_ballot(peer_schema::Ballot::Reader in, const char* field) {
  return {.round = in.getRound(), .coordinator = read_rank(in.getCoordinator(), field)};
}

protocol::Versions read_versions(std::uint16_t oldest, std::uint16_t newest, const char* field) {
  require(oldest != 0 && oldest <= newest, field, "speaks no version of the protocol");
  return {oldest, newest};
}

protocol::Duration read_lease(std::uint64_t nanoseconds, const char* field) {
  require(nanoseconds <= in_nanoseconds(lease_max), field, "a lease is too long");
  return std::chrono::nanoseconds(nanoseconds);
}

std::vector<protocol::Forced> read_forced(capnp::List<peer_schema::Forced>::Reader in, const char* field) {
  return read_list<protocol::Forced>(in, protocol::forced_max, field, [&](peer_schema::Forced::Reader each) {
    return protocol::Forced{.epoch = {each.getEpoch(), each.getEpochRandom()},
                            .from = read_view_id(each.getFrom()),
                            .by = read_node_name(each.getBy(), field),
                            .at = each.getAt()};
  });
}

protocol::View read_view(peer_schema::View::Reader in, const char* field) {
  protocol::View view;
  view.id = read_view_id(in.getId());
  view.members = read_list<protocol::Member>(in.getMembers(), members_max, field, [&](auto member) { return read_member(member, field); });
  require(!view.members.empty(), field, "a view has no members");
  require(!has_name_twice(view.members), field, "a view has two members of one name");
  const auto read_member_rank = [&](std::uint16_t rank) {
    require(rank < view.members.size(), field, "a rank lies beyond the members of its view");
    return protocol::Rank{rank};
  };
  view.tie_breaker = read_member_rank(in.getTieBreaker());
  view.min_weight = in.getMinWeight();
  view.formed_in = {in.getFormedRound(), read_rank(in.getFormedCoordinator(), field)};
  view.version = in.getVersion();
  require(view.version != 0, field, "a view is spoken in no version");
  view.forced = read_forced(in.getForced(), field);
  view.leases_end_after = read_lease(in.getLeasesEndAfterNs(), field);
  view.sequencers = read_list<protocol::Rank>(in.getSequencers(), lanes_max, field, read_member_rank);
  require(!view.sequencers.empty(), field, "a view has no lanes");
  return view;
}

protocol::Value read_value(peer_schema::Value::Reader in, const char* field) {
  protocol::Value value;
  value.next = read_view(in.getNext(), field);
  value.cut.lanes = read_list<protocol::LaneCut>(in.getLanes(), lanes_max, field, [&](auto lane) { return read_lane_cut(lane, field); });
  value.loaded = read_list<protocol::Rank>(in.getLoaded(), members_max, field, [&](std::uint16_t rank) { return read_rank(rank, field); });
  value.restart = in.getRestart();
  value.stored = read_list<protocol::StoredEnd>(in.getStored(), lanes_max, field, [&](peer_schema::StoredEnd::Reader end) {
    return protocol::StoredEnd{.holder = read_rank(end.getHolder(), field), .end = read_seq(end.getEnd(), field)};
  });
  return value;
}

protocol::Accepted read_accepted(peer_schema::Accepted::Reader in, const char* field) {
  return {.ballot = read_ballot(in.getBallot(), field), .value = read_value(in.getValue(), field)};
}

std::vector<protocol::OrderedRun> read_ordered_runs(capnp::List<peer_schema::OrderedRun>::Reader in, const char* field) {
  std::uint64_t free_from = 1;
  return read_list<protocol::OrderedRun>(in, runs_max, field, [&](peer_schema::OrderedRun::Reader run) {
    require_run(run.getFirst(), run.getCount(), field, protocol::tail_begin.value);
    require_run(run.getFirstSeqno(), run.getCount(), field);
    require(run.getFirst() >= free_from, field, "the runs of an order overlap or go backwards");
    free_from = run.getFirst() + run.getCount();
    return protocol::OrderedRun{.first = {run.getFirst()},
                                .publisher = read_rank(run.getPublisher(), field),
                                .first_seqno = {run.getFirstSeqno()},
                                .count = run.getCount()};
  });
}

protocol::Rank read_rank(std::uint16_t in, const char* field) {
  require(in < members_max, field, "a rank is out of range");
  return {in};
}

protocol::Lane read_lane(std::uint16_t in, const char* field) {
  require(in < lanes_max, field, "a lane is out of range");
  return {in};
}

protocol::Seqno read_seqno(std::uint64_t in, const char* field) {
  require(in < number_end, field, "a message number is out of range");
  return {in};
}

protocol::Seq read_seq(std::uint64_t in, const char* field) {
  require(in < number_end, field, "a position is out of range");
  return {in};
}

}  // namespace vsync::wire
