// What the protocol says, in its order, handed to whom it concerns. A chunk is routed as a whole, encoded once and shared by all
// its subscribers.

#include <algorithm>

#include "daemon/local_sessions.hpp"
#include "daemon/payload_message.hpp"
#include "daemon/queries.hpp"
#include "protocol/directory.hpp"
#include "wire/record.hpp"

namespace vsync::daemon {

using protocol::ComponentState;
using protocol::Level;
using protocol::Position;
using wire::ErrorCode;

void LocalSessions::on_events(const std::vector<protocol::Event>& events) {
  for (const protocol::Event& event : events) {
    std::visit([this](const auto& e) { on(e); }, event);
  }
}

// ---------------------------------------------------------------- messages

// Whoever wants any topic of the chunk; those who don't want all of them are told to filter.
void LocalSessions::find_recipients(const protocol::Payload& payload) {
  recipients_.clear();
  wire::RecordReader reader(payload.bytes());
  wire::Record record;
  std::string_view topic;
  bool first = true;
  while (reader.next(record)) {
    if (!first && (!record.new_topic || record.topic == topic)) continue;
    topic = record.topic;
    const auto wanted = routes_.match(topic);
    if (first) {
      for (Session* session : wanted) recipients_.push_back({session, false});
      first = false;
      continue;
    }
    // Both are sorted by session.
    for (Recipient& recipient : recipients_) {
      if (!std::binary_search(wanted.begin(), wanted.end(), recipient.session)) recipient.filter = true;
    }
    const std::size_t known = recipients_.size();
    const auto before = [](const Recipient& a, const Recipient& b) { return a.session < b.session; };
    for (Session* session : wanted) {
      const auto end = recipients_.begin() + static_cast<std::ptrdiff_t>(known);
      if (!std::binary_search(recipients_.begin(), end, Recipient{session}, before)) recipients_.push_back({session, true});
    }
    std::inplace_merge(recipients_.begin(), recipients_.begin() + static_cast<std::ptrdiff_t>(known), recipients_.end(), before);
  }
}

void LocalSessions::on(const protocol::Delivered& delivered) {
  const protocol::Chunk& chunk = delivered.chunk;
  Position last = delivered.first;
  if (!delivered.ahead()) {
    last.seq = last.seq + (chunk.count - 1);
    at_ = last;
  }
  if (routes_.empty() || delivered.skip >= chunk.count) return;
  find_recipients(chunk.payload);
  if (recipients_.empty()) return;

  wire::Deliver deliver{.first = delivered.first,
                        .count = chunk.count,
                        .skip = delivered.skip,
                        .publisher_node = delivered.publisher.name,
                        .publisher_session = chunk.session,
                        .ordered_at = delivered.ordered_at,
                        .filter = false,
                        .level = chunk.level};
  Parcel parcels[2];  // as it is, and to be filtered
  for (const Recipient& recipient : recipients_) {
    Parcel& parcel = parcels[recipient.filter ? 1 : 0];
    if (parcel.envelope.size() == 0) {
      Parcel& other = parcels[recipient.filter ? 0 : 1];
      deliver.filter = recipient.filter;
      parcel.envelope = parcel_of(deliver).envelope;
      if (other.envelope.size() == 0) {
        parcel.body = message_of(chunk.payload);
      } else {
        parcel.body.copy(other.body);
      }
    }
    counters_.deliveries_sent += chunk.count;
    if (delivered.ahead()) {
      recipient.session->queue.push_behind(parcel.share());
      touch(*recipient.session);
    } else {
      give(*recipient.session, parcel.share(), chunk.level, last);
    }
  }
}

void LocalSessions::give(Session& session, Parcel parcel, std::optional<Level> level, Position last) {
  if (session.waits_for.empty()) {
    session.queue.push(std::move(parcel), level.has_value());
  } else {
    session.queue.hold(std::move(parcel), level.has_value(), last);
  }
  await_marks(session, Grade::uniform, last);
  await_marks(session, Grade::safe, last);
  // What isn't durable isn't made so by a mark.
  if (level == Level::durable) await_marks(session, Grade::durable, last);
  touch(session);
}

// ---------------------------------------------------------------- marks

namespace {

std::optional<Grade> grade_of(Level level) {
  switch (level) {
    case Level::agreed:
    case Level::fifo: break;
    case Level::uniform: return Grade::uniform;
    case Level::safe: return Grade::safe;
    case Level::durable: return Grade::durable;
  }
  return std::nullopt;
}

}  // namespace

void LocalSessions::await_marks(Session& session, Grade grade, Position last) {
  Session::Marking& marking = session.marking[grade];
  if (!std::exchange(session.awaits_marks, true)) unmarked_.push_back(&session);
  if (!std::exchange(marking.unmarked, true)) marking.marked = marking.handed;
  marking.handed = last;
}

Position LocalSessions::confirmed_for(const Session& session) const {
  std::optional<Position> least;
  for (const Grade grade : all_grades) {
    if (session.waits_for.contains(grade)) least = std::min(least.value_or(confirmed_[grade]), confirmed_[grade]);
  }
  return least.value_or(Position{});
}

// Marks are cumulative: of those of one turn only the last of each kind is told.
void LocalSessions::on(const protocol::Marked& marked) {
  const auto grade = grade_of(marked.level);
  if (!grade) return;
  std::optional<protocol::Marked>& waiting = marks_[*grade];
  if (waiting && (waiting->of_view != marked.of_view || waiting->member_lost_before != marked.member_lost_before ||
                  waiting->up_to.lane != marked.up_to.lane)) {
    flush_marks();
  }
  waiting = marked;
}

void LocalSessions::flush_marks() {
  bool any = false;
  for (const Grade grade : all_grades) {
    if (!marks_[grade]) continue;
    any = true;
    const protocol::Marked marked = *std::exchange(marks_[grade], std::nullopt);
    told_[grade] = marked;
    confirmed_[grade] = std::max(confirmed_[grade], marked.up_to);
    confirmed_[Grade::uniform] = std::max(confirmed_[Grade::uniform], marked.up_to);
    Parcel parcel = parcel_of(wire::Mark{marked.up_to, marked.level, marked.of_view.number, marked.member_lost_before});
    for (Session* session : unmarked_) {
      if (session->queue.replaying()) session->queue.flush();
      if (session->queue.holding()) session->queue.release(confirmed_for(*session));
      Session::Marking& marking = session->marking[grade];
      if (!marking.unmarked || marked.up_to <= marking.marked) continue;
      marking.marked = marked.up_to;
      if (marked.up_to >= marking.handed) marking.unmarked = false;
      session->queue.push(parcel.share());
      touch(*session);
    }
  }
  if (!any) return;
  std::erase_if(unmarked_, [](Session* session) {
    const bool unmarked = std::ranges::any_of(all_grades, [&](Grade grade) { return session->marking[grade].unmarked; });
    session->awaits_marks = unmarked || session->queue.holding();
    return !session->awaits_marks;
  });
}

// ---------------------------------------------------------------- groups and sessions

// Whoever was given the view before needs only what changed.
void LocalSessions::give_view(const protocol::GroupViewChanged& changed) {
  const bool presence = wire::is_pattern(changed.group);
  Parcel whole, change;
  for (Session* session : routes_.match(changed.group)) {
    const auto own = session->subscriptions.find(changed.group);
    const bool joined = own != session->subscriptions.end();
    // A pattern's presence group is seen by its observers, not by those of wider patterns.
    if (presence && !joined) continue;
    const bool follows = joined && session->takes_changes && own->second.viewed > 0 && own->second.viewed + 1 == changed.number;
    Parcel& parcel = follows ? change : whole;
    if (parcel.envelope.size() == 0) {
      wire::GroupView view{changed.position, changed.group, changed.number, {}, changed.joined, changed.left, follows};
      if (!follows) view.members = changed.members;
      parcel = parcel_of(view);
    }
    give(*session, parcel.share(), std::nullopt, changed.position);
    if (joined) own->second.viewed = changed.number;
  }
}

void LocalSessions::on(const protocol::GroupViewChanged& changed) {
  at_ = changed.position;
  for (const protocol::GroupMember& member : changed.joined) {
    Session* session = find(member.session);
    if (session == nullptr) continue;
    auto known = session->subscriptions.find(changed.group);
    if (known != session->subscriptions.end()) activate(*session, known->first, known->second, changed.position);
  }
  give_view(changed);
  for (const protocol::Departure& departure : changed.left) {
    Session* session = find(departure.member.session);
    if (session == nullptr) continue;
    auto known = session->subscriptions.find(changed.group);
    if (known == session->subscriptions.end()) continue;
    const bool waited = known->second.active && known->second.deliver_on != wire::DeliverOn::order;
    if (known->second.active) routes_.remove(changed.group, session);
    if (known->second.rejoin) {
      known->second.answered = known->second.active = known->second.leaving = known->second.rejoin = false;
    } else {
      session->subscriptions.erase(known);
    }
    if (waited) renew_strictness(*session);  // asks all its subscriptions: a session may have very many, and leave them all at once
  }
}

void LocalSessions::on(const protocol::SessionChanged& changed) {
  Session* session = find(changed.session);
  if (session == nullptr) return;
  if (changed.refused) {
    // A record of a former connection may have come too late as well.
    const bool own = changed.node == engine_.self() && changed.resumed == session->resumes;
    if (!own || session->registered) return;
    session->submitted = false;
    return end(*session, ErrorCode::session_expired, "the session ended while it was away", std::nullopt);
  }
  if (!changed.open) {
    // While it opens, this is the end of a former connection of it.
    if (!session->registered) return;
    session->submitted = false;
    return end(*session, ErrorCode::session_expired, "the session was ended", std::nullopt);
  }
  if (changed.node != engine_.self()) {
    if (!session->registered) return;
    return end(*session, ErrorCode::session_moved, "the session was opened at " + changed.node.name, std::nullopt);
  }
  session->registered = true;
  welcome(*session);
  // A session that moved here brought its memberships along: to join them again makes no record that would be told.
  for (auto& [group, subscription] : session->subscriptions) {
    if (changed.resumed && engine_.directory().is_member(session->id, group)) activate(*session, group, subscription, *at_);
  }
  if (!session->held.empty()) resume_held();
}

void LocalSessions::on(const protocol::Resolved& resolved) {
  Session* session = find(resolved.session);
  if (session == nullptr) return;
  using Kind = wire::OutcomeRun::Kind;
  wire::OutcomeRun run{resolved.first_n, resolved.count, Kind::ok, resolved.first, ErrorCode::not_primary};
  switch (resolved.outcome) {
    case protocol::Outcome::ok: break;
    case protocol::Outcome::ordered: return;  // the final word follows
    case protocol::Outcome::rejected: run.kind = Kind::rejected; break;
    case protocol::Outcome::unresolved: run.kind = Kind::resend; return ask_again(*session, run);
    case protocol::Outcome::session_expired: run.kind = Kind::session_expired; break;
  }
  tell_outcome(*session, run);
}

void LocalSessions::on(const protocol::Writable&) { resume_held(); }

// ---------------------------------------------------------------- views and states

void LocalSessions::on(const protocol::ViewInstalled& installed) {
  flush_marks();
  view_ = installed.view.id;
  at_ = Position{view_.epoch, view_.number, {}, {}};
  log_.set_view(name_of(view_));
  std::string members;
  for (const protocol::Member& member : installed.view.members) members += (members.empty() ? "" : ",") + member.node.name;
  log_.notice(installed.restart ? "view installed (restart formation)" : "view installed", {{"MEMBERS", members}});
  tell_state();
}

// This node is back as a new one: the stream goes on here. Not before its state is there: a view that ends earlier leaves nothing here.
void LocalSessions::tell_resync() {
  if (!resynced_) return;
  const protocol::Resynced back = *std::exchange(resynced_, std::nullopt);
  // Where histories are parted, the one that this node came to may have kept less than the one that left it out.
  const Position common = engine_.common_part(back.last_common);
  const Position first_missed{common.epoch, common.view, common.lane, common.seq + 1};
  const Position read = back.orphaned_to.value_or(back.last_common);
  wire::Resync resync;
  resync.last_common = common;
  if (common < read) resync.orphaned = std::pair{first_missed, read};
  resync.missed_from = first_missed;
  resync.missed_to = *at_;
  Parcel parcel = parcel_of(resync);
  for (auto& [id, session] : by_id_) {
    if (!std::exchange(session->away, false)) continue;
    if (session->stage != Session::Stage::open || session->last_position) continue;  // a stream that ended elsewhere is told of its own
    session->queue.push(parcel.share());
    touch(*session);
  }
}

void LocalSessions::on(const protocol::Resynced& resynced) {
  flush_marks();
  keep_unsubmitted();  // it names this daemon's former node
  resynced_ = resynced;
  replay_from_ = std::min(replay_from_.value_or(resynced.last_common), resynced.last_common);
  log_.warning("this node was excluded and comes back as a new one",
               {{"ORPHANED", resynced.orphaned_from ? "yes" : "no"}, {"LAST_COMMON", std::to_string(resynced.last_common.seq.value)}});
  for (auto& [id, session] : by_id_) {
    session->submitted = session->registered = false;
    session->away = true;
    session->queue.drop_held_beyond(resynced.last_common);
    session->queue.cut_replays_back(resynced.last_common);
    for (auto& [group, subscription] : session->subscriptions) {
      subscription.submitted = subscription.answered = false;
      subscription.viewed = 0;  // it may have been among what was dropped
    }
  }
}

void LocalSessions::on(const protocol::Diverged& diverged) {
  ++counters_.divergences;
  std::string wrong;
  for (const protocol::NodeId& node : diverged.wrong) wrong += (wrong.empty() ? "" : ",") + node.name;
  log_.error("the replicas of the daemons differ (memory, disk or program at fault): the wrong ones leave and reload",
             {{"WRONG", wrong},
              {"LANE", std::to_string(diverged.differs.lane.value)},
              {"AGREED", std::to_string(diverged.agreed.seq.value)},
              {"DIFFERS", std::to_string(diverged.differs.seq.value)}});
}

void LocalSessions::on(const protocol::StateChanged& changed) {
  component_ = changed.state;
  const protocol::Status status = engine_.status();
  log_.notice(std::string("state: ") + name_of(changed.state), {{"WAITS_FOR", status.waits_for}});
  if (component_ == ComponentState::primary) tell_resync();
  tell_state();
  if (component_ == ComponentState::primary) {
    replay_to_all();
    register_all();
  } else {
    std::vector<Session*> opening;
    for (auto& [id, session] : by_id_) opening.push_back(session);
    for (Session* session : opening) welcome(*session);
  }
  resume_held();  // or reject those that don't want to wait
}

void LocalSessions::tell_state() {
  Parcel parcel = parcel_of(wire::State{component_, engine_.status().waits_for, view_.epoch.number, view_.number});
  for (auto& [id, session] : by_id_) {
    if (session->stage != Session::Stage::open) continue;
    session->queue.push(parcel.share());
    touch(*session);
  }
}

}  // namespace vsync::daemon
