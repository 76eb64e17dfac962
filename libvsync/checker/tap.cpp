#include "checker/tap.hpp"

#include <algorithm>
#include <utility>

#include "checker/digest.hpp"
#include "protocol/audit.hpp"

namespace vsync::checker {
namespace {

using protocol::TimePoint;

Delivered traced(const protocol::Delivered& event) {
  const protocol::Chunk& chunk = event.chunk;
  return {.first = event.first,
          .publisher = event.publisher,
          .stream = chunk.first,
          .count = chunk.count,
          .skip = event.skip,
          .session = chunk.session,
          .first_n = chunk.first_n,
          .level = chunk.level,
          .after = chunk.after,
          .digest = event.payload_digest != 0 ? event.payload_digest : protocol::digest_of(chunk.payload)};
}

void add(Digest& digest, const protocol::GroupMember& member) {
  digest.add(member.session.high).add(member.session.low).add(std::string_view(member.node.name));
  digest.add(member.node.incarnation.counter).add(member.node.incarnation.random).add(std::string_view(member.application));
}

GroupView traced(const protocol::GroupViewChanged& event) {
  GroupView view{.position = event.position, .group = event.group, .number = event.number};
  Digest digest;
  for (const protocol::GroupMember& member : event.members) {
    view.members.push_back(member.session);
    add(digest, member);
  }
  digest.add(event.joined.size());
  for (const protocol::GroupMember& member : event.joined) add(digest, member);
  digest.add(event.left.size());
  for (const protocol::Departure& departure : event.left) {
    add(digest, departure.member);
    digest.add(static_cast<std::uint64_t>(departure.reason));
  }
  view.digest = digest.value();
  return view;
}

struct ToBody {
  TraceBody operator()(const protocol::Delivered& event) const { return traced(event); }
  TraceBody operator()(const protocol::ViewInstalled& event) const {
    return ViewInstalled{.view = event.view, .restart = event.restart, .forced = event.forced};
  }
  TraceBody operator()(const protocol::GroupViewChanged& event) const { return traced(event); }
  TraceBody operator()(const protocol::SessionChanged& event) const {
    return SessionChanged{.session = event.session, .node = event.node, .open = event.open};
  }
  TraceBody operator()(const protocol::Marked& event) const {
    return Marked{
        .up_to = event.up_to, .level = event.level, .of_view = event.of_view, .member_lost_before = event.member_lost_before};
  }
  TraceBody operator()(const protocol::Resolved& event) const {
    return Resolved{.session = event.session,
                    .first_n = event.first_n,
                    .count = event.count,
                    .outcome = event.outcome,
                    .first = event.first};
  }
  TraceBody operator()(const protocol::StateChanged& event) const { return StateChanged{.state = event.state}; }
  TraceBody operator()(const protocol::Resynced& event) const {
    return Resynced{
        .last_common = event.last_common, .orphaned_from = event.orphaned_from, .orphaned_to = event.orphaned_to};
  }
  TraceBody operator()(const protocol::Diverged& event) const {
    return Diverged{.agreed = event.agreed, .differs = event.differs, .wrong = event.wrong};
  }
  TraceBody operator()(const protocol::Writable&) const { return StateChanged{}; }  // never asked for
};

}  // namespace

void Tap::become(Trace& trace, TimePoint time, const protocol::NodeId& self) {
  if (self == self_) return;
  self_ = self;
  trace.add(time, self_, NodeStarted{.clock = clock_});
}

void Tap::record_event(Trace& trace, TimePoint time, const protocol::Event& event) {
  if (std::holds_alternative<protocol::Writable>(event)) return;
  trace.add(time, self_, std::visit(ToBody{}, event));
}

// A daemon that is blocked for weeks opens ballot after ballot. The lowest are those of former incarnations and views, or of lower rounds, to
// which no node goes back.
bool Tap::is_new(std::set<BallotKey>& told, BallotKey ballot) {
  if (!told.insert(std::move(ballot)).second) return false;
  if (told.size() > ballots_remembered) told.erase(told.begin());
  return true;
}

void Tap::record_value(Trace& trace, TimePoint time, const protocol::NodeId& node, const protocol::ViewId& view,
                       protocol::Ballot ballot, const protocol::Value& value) {
  if (!is_new(values_, {node, view, ballot})) return;
  trace.add(time, node, BallotValue{.view = view, .ballot = ballot, .value = digest_of(value), .next = value.next});
}

// The coordinator answers and accepts its own ballots without frames; what it persists tells of it.
void Tap::record_write(Trace& trace, TimePoint time, const protocol::PersistentState& state) {
  if (!state.installed) return;
  const protocol::View& view = *state.installed;
  if (state.accepted) record_value(trace, time, self_, view.id, state.accepted->ballot, state.accepted->value);
  if (view.id != written_view_) {
    written_view_ = view.id;
    written_promise_ = written_acceptance_ = {};
  }
  const auto rank = view.rank_of_name(self_.name);
  if (!rank) return;
  const auto is_new_own = [&](protocol::Ballot ballot, protocol::Ballot& written) {
    return ballot.round != 0 && ballot.coordinator == *rank && std::exchange(written, ballot) != ballot;
  };
  if (is_new_own(state.promised, written_promise_)) {
    trace.add(time, self_,
              AnsweredBallot{.view = view.id, .ballot = state.promised, .from_disk = view.at(*rank).node != self_, .own = true});
  }
  if (state.accepted && is_new_own(state.accepted->ballot, written_acceptance_)) {
    trace.add(time, self_, AcceptedBallot{.view = view.id, .ballot = state.accepted->ballot, .own = true});
  }
}

void Tap::record_progress(Trace& trace, TimePoint time, const protocol::NodeId& node, const protocol::ViewId& view,
                          const std::vector<protocol::LaneProgress>& lanes) {
  if (view != held_view_) {
    held_.clear();
    stored_.clear();
    held_view_ = view;
  }
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    const protocol::Lane key{static_cast<std::uint16_t>(lane)};
    if (lanes[lane].held > held_[key]) {
      held_[key] = lanes[lane].held;
      trace.add(time, node, Held{.view = view, .lane = key, .held = lanes[lane].held});
    }
    if (lanes[lane].stored > stored_[key]) {
      stored_[key] = lanes[lane].stored;
      trace.add(time, node, Stored{.view = view, .lane = key, .stored = lanes[lane].stored});
    }
  }
}

void Tap::logged(Trace& trace, TimePoint time, const protocol::DurableLog& log, std::uint16_t lanes) {
  Logged held;
  for (std::uint16_t lane = 0; lane < lanes; ++lane) {
    for (const protocol::LogEntry& entry : log.entries(protocol::Lane{lane})) {
      held.runs.push_back({.first = entry.first,
                           .count = entry.chunk.count,
                           .session = entry.chunk.session,
                           .first_n = entry.chunk.first_n,
                           .digest = protocol::digest_of(entry.chunk.payload)});
    }
  }
  trace.add(time, self_, std::move(held));
}

void Tap::record_frame(Trace& trace, TimePoint time, const protocol::Frame& frame) {
  const protocol::NodeId& node = frame.from;
  if (const auto* ack = std::get_if<protocol::Ack>(&frame.body)) {
    record_progress(trace, time, node, ack->view, ack->lanes);
  } else if (const auto* heartbeat = std::get_if<protocol::Heartbeat>(&frame.body)) {
    if (heartbeat->state == protocol::NodeState::operational) record_progress(trace, time, node, heartbeat->view, heartbeat->lanes);
  } else if (const auto* answer = std::get_if<protocol::Answer>(&frame.body)) {
    if (is_new(answered_, {node, answer->view, answer->ballot})) {
      trace.add(time, node, AnsweredBallot{.view = answer->view, .ballot = answer->ballot, .from_disk = answer->from_disk});
    }
  } else if (const auto* accept = std::get_if<protocol::Accept>(&frame.body)) {
    record_value(trace, time, node, accept->view, accept->ballot, accept->value);
  } else if (const auto* accepted = std::get_if<protocol::AcceptedBallot>(&frame.body)) {
    if (is_new(accepted_, {node, accepted->view, accepted->ballot})) {
      trace.add(time, node, AcceptedBallot{.view = accepted->view, .ballot = accepted->ballot});
    }
  }
}

void Tap::tell_published(Trace& trace, TimePoint time) {
  for (const Published& publish : published_) trace.add(time, self_, publish);
  published_.clear();
}

void Tap::record(Trace& trace, TimePoint time, const protocol::NodeId& self, const protocol::Outbox& outbox) {
  // A caller gives the engine its frames before it gives it its sessions' publishes.
  auto installs = std::count_if(outbox.events.begin(), outbox.events.end(), [](const protocol::Event& event) {
    return std::holds_alternative<protocol::ViewInstalled>(event);
  });
  if (installs == 0) tell_published(trace, time);
  // Events first: what one input delivers before it begins a ballot is delivered before the promise.
  for (const protocol::Event& event : outbox.events) {
    record_event(trace, time, event);
    if (std::holds_alternative<protocol::Resynced>(event)) become(trace, time, self);
    if (std::holds_alternative<protocol::ViewInstalled>(event) && --installs == 0) tell_published(trace, time);
  }
  for (const protocol::Write& write : outbox.writes) {
    if (write.state) record_write(trace, time, *write.state);
  }
  for (const protocol::Outgoing& outgoing : outbox.frames) record_frame(trace, time, *outgoing.frame);
  become(trace, time, self);
}

void record(Trace& trace, TimePoint time, const protocol::NodeId& node, const protocol::Outbox& outbox) {
  Tap(node).record(trace, time, node, outbox);
}

}  // namespace vsync::checker
