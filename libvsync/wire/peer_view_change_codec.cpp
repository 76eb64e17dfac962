// The frames of a view change and of a formation.

#include "wire/peer_frames.hpp"

namespace vsync::wire {
namespace {

template <class Proposal>
void write_proposal(peer_schema::Proposal::Builder out, const Proposal& proposal) {
  write(out.initView(), proposal.view);
  write(out.initBallot(), proposal.ballot);
  write(out.initValue(), proposal.value);
}

template <class Proposal>
Proposal read_proposal(peer_schema::Proposal::Reader in, const char* field) {
  return {.view = read_view_id(in.getView()), .ballot = read_ballot(in.getBallot(), field), .value = read_value(in.getValue(), field)};
}

template <class Reply>
void write_reply(peer_schema::BallotOf::Builder out, const Reply& reply) {
  write(out.initView(), reply.view);
  write(out.initBallot(), reply.ballot);
}

template <class Reply>
Reply read_reply(peer_schema::BallotOf::Reader in, const char* field) {
  return {.view = read_view_id(in.getView()), .ballot = read_ballot(in.getBallot(), field)};
}

void write(peer_schema::LaneHoldings::Builder out, const protocol::LaneHoldings& holdings) {
  write_numbers(out.initReceived(size_of(holdings.received.size())), holdings.received, [](protocol::Seqno seqno) { return seqno.value; });
  out.setBase(holdings.base.value);
  wire::write(out.initRuns(size_of(holdings.runs.size())), holdings.runs);
}

protocol::LaneHoldings read_holdings(peer_schema::LaneHoldings::Reader in) {
  constexpr const char* field = "answer: holdings of a lane";
  return {.received = read_list<protocol::Seqno>(in.getReceived(), members_max, field,
                                                 [&](std::uint64_t seqno) { return read_seqno(seqno, field); }),
          .base = read_seq(in.getBase(), field),
          .runs = read_ordered_runs(in.getRuns(), field)};
}

}  // namespace

void write(peer_schema::Prepare::Builder out, const protocol::Prepare& prepare) {
  write(out.initView(), prepare.view);
  write(out.initBallot(), prepare.ballot);
  out.setRestart(prepare.restart);
}

protocol::Prepare read(peer_schema::Prepare::Reader in) {
  protocol::Prepare prepare{.view = read_view(in.getView(), "prepare"),
                            .ballot = read_ballot(in.getBallot(), "prepare"),
                            .restart = in.getRestart()};
  require(prepare.ballot.coordinator.value < prepare.view.size(), "prepare", "the coordinator is no member of the view");
  return prepare;
}

void write(peer_schema::Answer::Builder out, const protocol::Answer& answer) {
  write(out.initView(), answer.view);
  write(out.initBallot(), answer.ballot);
  if (answer.accepted) write(out.initAccepted(), *answer.accepted);
  auto lanes = out.initLanes(size_of(answer.lanes.size()));
  for (unsigned i = 0; i < lanes.size(); ++i) write(lanes[i], answer.lanes[i]);
  auto hears = out.initHears(size_of(answer.hears.size()));
  for (unsigned i = 0; i < hears.size(); ++i) write(hears[i], answer.hears[i]);
  out.setLoaded(answer.loaded);
  out.setLeaving(answer.leaving);
  out.setFromDisk(answer.from_disk);
  out.setWitness(answer.witness);
  out.setFullWeight(answer.full_weight);
  out.setLeasesNs(in_nanoseconds(answer.leases));
  out.setOldest(answer.speaks.oldest);
  out.setNewest(answer.speaks.newest);
  write_numbers(out.initLogged(size_of(answer.logged.size())), answer.logged, [](protocol::Seq end) { return end.value; });
}

protocol::Answer read(peer_schema::Answer::Reader in) {
  protocol::Answer answer;
  answer.view = read_view_id(in.getView());
  answer.ballot = read_ballot(in.getBallot(), "answer");
  if (in.hasAccepted()) answer.accepted = read_accepted(in.getAccepted(), "answer: accepted");
  answer.lanes = read_list<protocol::LaneHoldings>(in.getLanes(), lanes_max, "answer: lanes", read_holdings);
  answer.hears = read_list<protocol::NodeId>(in.getHears(), nodes_heard_max, "answer: hears",
                                             [](peer_schema::NodeId::Reader node) { return read_node(node, "answer: hears"); });
  answer.loaded = in.getLoaded();
  answer.leaving = in.getLeaving();
  answer.from_disk = in.getFromDisk();
  answer.witness = in.getWitness();
  answer.full_weight = in.getFullWeight();
  answer.leases = read_lease(in.getLeasesNs(), "answer: leases");
  answer.speaks = read_versions(in.getOldest(), in.getNewest(), "answer");
  answer.logged = read_list<protocol::Seq>(in.getLogged(), lanes_max, "answer: logged",
                                           [](std::uint64_t end) { return read_seq(end, "answer: logged"); });
  return answer;
}

void write(peer_schema::Refused::Builder out, const protocol::Refused& refused) {
  write(out.initView(), refused.view);
  write(out.initBallot(), refused.ballot);
  write(out.initPromised(), refused.promised);
}

protocol::Refused read(peer_schema::Refused::Reader in) {
  return {.view = read_view_id(in.getView()),
          .ballot = read_ballot(in.getBallot(), "refused"),
          .promised = read_ballot(in.getPromised(), "refused: promised")};
}

void write(peer_schema::Proposal::Builder out, const protocol::Gather& gather) { write_proposal(out, gather); }
void write(peer_schema::Proposal::Builder out, const protocol::Accept& accept) { write_proposal(out, accept); }
void write(peer_schema::BallotOf::Builder out, const protocol::Gathered& gathered) { write_reply(out, gathered); }
void write(peer_schema::BallotOf::Builder out, const protocol::AcceptedBallot& accepted) { write_reply(out, accepted); }

protocol::Gather read_gather(peer_schema::Proposal::Reader in) { return read_proposal<protocol::Gather>(in, "gather"); }
protocol::Accept read_accept(peer_schema::Proposal::Reader in) { return read_proposal<protocol::Accept>(in, "accept"); }
protocol::Gathered read_gathered(peer_schema::BallotOf::Reader in) { return read_reply<protocol::Gathered>(in, "gathered"); }
protocol::AcceptedBallot read_accepted_ballot(peer_schema::BallotOf::Reader in) {
  return read_reply<protocol::AcceptedBallot>(in, "accepted ballot");
}

void write(peer_schema::Decided::Builder out, const protocol::Decided& decided) {
  auto chain = out.initChain(size_of(decided.chain.size()));
  for (unsigned i = 0; i < chain.size(); ++i) {
    write(chain[i].initFrom(), decided.chain[i].from);
    write(chain[i].initValue(), decided.chain[i].value);
  }
}

protocol::Decided read(peer_schema::Decided::Reader in) {
  protocol::Decided decided;
  decided.chain = read_list<protocol::Decision>(in.getChain(), decisions_max, "decided", [](peer_schema::Decision::Reader decision) {
    return protocol::Decision{.from = read_view_id(decision.getFrom()), .value = read_value(decision.getValue(), "decided")};
  });
  require(!decided.chain.empty(), "decided", "has no decisions");
  return decided;
}

}  // namespace vsync::wire
