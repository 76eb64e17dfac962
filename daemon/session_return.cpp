// Applications that come back, and those whose daemon does: where their streams go on, and the durable messages they missed.

#include <algorithm>

#include "daemon/local_sessions.hpp"
#include "daemon/payload_message.hpp"
#include "protocol/directory.hpp"
#include "wire/record.hpp"

namespace vsync::daemon {

using protocol::ComponentState;
using protocol::Position;
using wire::ErrorCode;

namespace {

// Entries of the log that one session may have looked at in one turn.
constexpr std::size_t replay_steps = 2048;

}  // namespace

// ---------------------------------------------------------------- an application comes back

void LocalSessions::on(Session& session, LocalSocket::Request&, const wire::JoinedAgain&) {
  if (session.returning) session.returning->asked_all = true;
}

/// A group that is new to the application begins behind the return, not with it.
bool LocalSessions::postpone(Session& session, const wire::Join& join) {
  if (!session.returning || join.again) return false;
  std::vector<wire::Join>& later = session.returning->later;
  if (later.size() + session.subscriptions.size() >= limits_.groups_per_session_max) {
    tell(session, wire::Refused{join.request, ErrorCode::too_many_groups, "more groups than one session may have (groups_per_session_max)"});
  } else {
    later.push_back(join);
  }
  return true;
}

bool LocalSessions::may_return(const Session& session) const {
  if (!session.returning->asked_all || session.stage != Session::Stage::open) return false;
  return std::ranges::all_of(session.subscriptions, [](const auto& each) {
    return each.second.active || each.second.answered || each.second.leaving;
  });
}

// When the turn's events are all told, the directory and the log say what the stream says. Who isn't loaded doesn't know what was in vain.
void LocalSessions::return_those_that_may() {
  if (returning_.empty() || !at_ || !engine_.status().loaded) return;
  std::vector<Session*> ready;
  std::erase_if(returning_, [&](Session* session) {
    if (!may_return(*session)) return false;
    ready.push_back(session);
    return true;
  });
  for (Session* session : ready) come_back(*session);
}

// All groups go on at one point. Each Joined says where the stream that is given begins: if the connection breaks again, the application
// names the last position that it was really given.
void LocalSessions::come_back(Session& session) {
  const std::vector<wire::Join> later = std::exchange(session.returning, std::nullopt)->later;
  const Position from = tell_what_was_missed(session, *std::exchange(session.last_position, std::nullopt));
  const bool replays = has_durable(from, *at_);
  std::vector<std::string> groups;
  for (auto& [group, subscription] : session.subscriptions) {
    if (!subscription.answered || subscription.active) continue;
    groups.push_back(group);
    activate(session, group, subscription, replays ? from : *at_);
  }
  if (replays) replay(session, from);
  for (const std::string& name : groups) {
    const protocol::Group* group = engine_.directory().find(name);
    if (group == nullptr) continue;
    tell(session, wire::GroupView{*at_, name, group->number, engine_.directory().members(name), {}, {}});
    session.subscriptions.find(name)->second.viewed = group->number;
  }
  for (const wire::Join& join : later) join_group(session, join);
}

// The stream of an earlier connection ended at a position; what came after it has passed. Returns the last position that it has in common
// with the order.
Position LocalSessions::tell_what_was_missed(Session& session, const Position& last) {
  Position common = engine_.common_part(last);
  if (common.epoch == at_->epoch && common.view == at_->view) common = std::min(common, *at_);
  if (common == last && *at_ <= last) return common;
  wire::Resync resync;
  resync.last_common = common;
  if (common < last) resync.orphaned = std::pair{Position{common.epoch, common.view, common.lane, common.seq + 1}, last};
  resync.missed_from = {common.epoch, common.view, common.lane, common.seq + 1};
  resync.missed_to = *at_;
  tell(session, resync);
  return common;
}

// ---------------------------------------------------------------- this daemon comes back

// What was ordered from `replay_from_` on while this daemon was out of the view is in its log now; what the view orders comes behind it.
void LocalSessions::replay_to_all() {
  if (!replay_from_ || !at_) return;
  const Position from = engine_.common_part(*std::exchange(replay_from_, std::nullopt));
  if (!has_durable(from, *at_)) return;
  for (auto& [id, session] : by_id_) {
    const bool reads = std::ranges::any_of(session->subscriptions, [](const auto& each) { return each.second.active; });
    if (reads && session->stage == Session::Stage::open) replay(*session, from);
  }
}

// ---------------------------------------------------------------- replay

bool LocalSessions::has_durable(const Position& from, const Position& to) const {
  const protocol::DurableLog& log = engine_.durable_log();
  if (const auto forgotten = log.forgotten(from.lane); forgotten && *forgotten > from && from < to) return true;
  const auto next = log.after(from);
  return next != log.entries(from.lane).end() && next->first <= to;
}

/// The durable messages behind `from` up to here. What is confirmed of them already is marked behind them, the rest when it is.
void LocalSessions::replay(Session& session, const Position& from) {
  session.queue.push_replay(Replay(from, *at_), *this);
  for (const Grade grade : all_grades) {
    if (told_[grade] && told_[grade]->up_to >= *at_) {
      const protocol::Marked& marked = *told_[grade];
      tell(session, wire::Mark{marked.up_to, marked.level, marked.of_view.number, marked.member_lost_before});
    } else {
      await_marks(session, grade, *at_);
    }
  }
  touch(session);
}

SessionQueue::Replayed LocalSessions::next(SessionQueue& queue, Replay& replay, Parcel& parcel, bool& windowed) {
  Session& session = *by_route_.find(queue.route())->second;
  const protocol::DurableLog& log = engine_.durable_log();
  std::size_t steps = replay_steps;
  Replay::Next found;
  while (true) {
    switch (replay.next(log, steps, found)) {
      case Replay::Found::end: return SessionQueue::Replayed::end;
      case Replay::Found::later: return SessionQueue::Replayed::later;
      case Replay::Found::gap: {
        const auto [first, last] = replay.take_gap(*log.forgotten(replay.to().lane));
        parcel = parcel_of(wire::Gap{first, last, "older than what the daemon keeps of durable messages (durable_keep_bytes)"});
        windowed = false;
        return SessionQueue::Replayed::parcel;
      }
      case Replay::Found::entry: break;
    }
    const protocol::LogEntry& entry = *found.entry;
    if (!session.waits_for.empty() && entry.last() > confirmed_for(session)) return SessionQueue::Replayed::waits;
    find_recipients(entry.chunk.payload);
    const auto wants = std::ranges::find(recipients_, &session, &Recipient::session);
    if (wants == recipients_.end()) {
      replay.pass(entry);
      continue;
    }
    parcel = parcel_of(wire::Deliver{.first = entry.first,
                                     .count = entry.chunk.count,
                                     .skip = found.skip,
                                     .publisher_node = entry.publisher.name,
                                     .publisher_session = entry.chunk.session,
                                     .ordered_at = entry.ordered_at,
                                     .filter = wants->filter,
                                     .level = entry.chunk.level});
    parcel.body = message_of(entry.chunk.payload);
    windowed = true;
    counters_.deliveries_sent += entry.chunk.count - found.skip;
    counters_.deliveries_replayed += entry.chunk.count - found.skip;
    replay.pass(entry);
    return SessionQueue::Replayed::parcel;
  }
}

}  // namespace vsync::daemon
