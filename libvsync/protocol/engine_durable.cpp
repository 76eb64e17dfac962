// The engine and its disk: what is logged when, what a restarted node's log is worth, and how it gets what it lacks.

#include <algorithm>

#include "protocol/engine_parts.hpp"
#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

namespace {

/// A copy is asked for again, elsewhere after some tries.
constexpr Duration log_again_after = 100ms;

}  // namespace

// ---------------------------------------------------------------- writing

WriteToken Engine::Parts::log(LogRecord record) {
  std::size_t bytes = Chunk::overhead_bytes;
  if (const auto* entry = std::get_if<LogEntry>(&record)) bytes = entry->chunk.bytes();
  if (const auto* cut = std::get_if<LogProvisional>(&record)) {
    for (const LogEntry& entry : cut->entries) bytes += entry.chunk.bytes();
  }
  durable_log.apply(record);
  // What one drain logs is one write.
  if (out.writes.empty() || out.writes.back().state) out.writes.push_back({next_write(), std::nullopt, {}});
  Write& write = out.writes.back();
  write.log.push_back(std::move(record));
  if (log_under_way.empty() || log_under_way.back().token != write.token) log_under_way.push_back({write.token, 0});
  log_under_way.back().bytes += bytes;
  log_backlog += bytes;
  if (in_view && asks_to_wait()) in_view->ack_wanted = in_view->ack_now = true;
  return write.token;
}

/// A durable chunk has come to its place.
void Engine::Parts::store(Position first, const NodeId& publisher, const Chunk& chunk, std::int64_t ordered_at) {
  const auto known = durable_log.last(first.lane);
  if (known && first <= known->first) return;
  const WriteToken token = log(LogEntry{first, publisher, ordered_at, chunk});
  in_view->unstored[first.lane.value].push_back({token, first.seq});
}

void Engine::Parts::stored_upto(WriteToken token) {
  while (!log_under_way.empty() && log_under_way.front().token <= token) {
    log_backlog -= log_under_way.front().bytes;
    log_under_way.pop_front();
  }
  if (!in_view) return;
  for (auto& lane : in_view->unstored) {
    while (!lane.empty() && lane.front().token <= token) {
      lane.pop_front();
      in_view->ack_wanted = in_view->ack_now = true;
    }
  }
}

/// Applications here, or the disk, are slower than what others publish; or this node holds for others what it can't deliver yet.
bool Engine::Parts::asks_to_wait() const {
  if (holding_back || log_backlog >= config.window_bytes) return true;
  if (!in_view || in_view->loaded || !stores()) return false;
  std::uint64_t bytes = 0;
  for (const LaneReplica& lane : in_view->lanes) {
    for (std::uint16_t r = 0; r < in_view->view.size(); ++r) bytes += lane.stream(Rank{r}).bytes();
  }
  return bytes >= config.window_bytes;
}

Seq Engine::Parts::stored(std::size_t lane) const {
  const auto& unstored = in_view->unstored[lane];
  return unstored.empty() ? in_view->lanes[lane].delivered() : unstored.front().first - 1;
}

// ---------------------------------------------------------------- the cut

/// What the decided cut adds to what was delivered, in its order: `use(first, publisher, chunk, ordered_at)`. False: this replica lacks
/// some of it.
template <class Use>
bool Engine::Parts::walk_cut(LaneReplica& lane, std::size_t index, const LaneCut& cut, Use use) const {
  const ViewId& id = in_view->view.id;
  const Lane lane_id{static_cast<std::uint16_t>(index)};
  const bool adopted = lane.adopt(cut);
  if (!adopted && !mutant(Mutant::no_fetch_before_accept) && !mutant(Mutant::cut_ignores_holdings) && !mutant(Mutant::no_wedge)) return false;
  while (const auto next = lane.next()) {
    const Chunk chunk = *next->chunk;
    lane.pop(*next);
    use(Position{id.epoch, id.number, lane_id, next->first}, in_view->view.at(next->publisher).node, chunk, next->ordered_at);
  }
  Seq at = tail_begin;
  for (const TailChunk& entry : lane.tail(cut)) {
    use(Position{id.epoch, id.number, lane_id, at}, in_view->view.at(entry.publisher).node, *entry.chunk, std::int64_t{0});
    at = at + entry.chunk->count;
  }
  return true;
}

bool Engine::Parts::finish_view(const Cut& cut) {
  if (!stores()) return true;
  for (std::size_t i = 0; i < in_view->lanes.size() && i < cut.lanes.size(); ++i) {
    LaneReplica& lane = in_view->lanes[i];
    Position last{in_view->view.id.epoch, in_view->view.id.number, Lane{static_cast<std::uint16_t>(i)}, lane.delivered()};
    const bool complete = walk_cut(lane, i, cut.lanes[i], [&](Position first, const NodeId& publisher, const Chunk& chunk, std::int64_t ordered_at) {
      hand_out(first, publisher, chunk, ordered_at);
      last.seq = first.seq + (chunk.count - 1);
    });
    if (!complete) return false;
    ends.add({in_view->view.id, last.lane, lane.delivered(), last.seq >= tail_begin ? last.seq : Seq{}});
    if (last.seq != Seq{}) cut_end[i] = last;
  }
  return true;
}

/// Before this node says that it has gathered the cut, the durable part of it is on its disk: else a view could be accepted whose members
/// crash, come back with their disks, may go on, and lack what was promised.
WriteToken Engine::Parts::store_cut(const InView::Gathering& gathering) {
  const ViewId& from = in_view->view.id;
  const Ballot& ballot = gathering.value.next.formed_in;
  if (!in_view->loaded || durable_log.has_provisional(from, ballot)) return next_token - 1;
  LogProvisional provisional{from, ballot, {}};
  for (std::size_t i = 0; i < in_view->lanes.size() && i < gathering.value.cut.lanes.size(); ++i) {
    const LaneReplica& lane = in_view->lanes[i];
    if (!lane.has_undelivered(Level::durable)) continue;
    LaneReplica preview = lane;
    (void)walk_cut(preview, i, gathering.value.cut.lanes[i], [&](Position first, const NodeId& publisher, const Chunk& chunk, std::int64_t ordered_at) {
      if (chunk.level == Level::durable && !chunk.ops) provisional.entries.push_back({first, publisher, ordered_at, chunk});
    });
  }
  if (!provisional.entries.empty() && !mutant(Mutant::cut_not_stored)) log(std::move(provisional));
  return next_token - 1;
}

/// The instance of `from` is decided by a view that this node goes on to, from memory or (`adopted`) from disk.
void Engine::Parts::settle_log(const ViewId& from, std::optional<Ballot> adopted) {
  if (durable_log.has_provisional()) log(LogSettled{from, adopted});
}

/// (disk) Whether this node's log, with its provisional entries, has all of the order before the decided view `later`: that follows the
/// one on this disk, and was accepted only after every loaded holder in it had the cut on its disk. Nothing lies before a first view.
bool Engine::Parts::log_has_cut_before(const View& later) const {
  if (!disk.installed) return later.id.number == 1;
  if (later.id.number != disk.installed->id.number + 1 || disk.log_reaches != disk.installed->id) return false;
  const auto rank = later.rank_of_name(self.name);
  return rank && later.at(*rank).loaded && later.at(*rank).holds_payload();
}

std::vector<Seq> Engine::Parts::logged() const {
  std::vector<Seq> reached;
  if (!disk.installed || (disk.log_reaches != disk.installed->id && !mutant(Mutant::any_log_is_whole))) return reached;
  for (std::uint16_t lane = 0; lane < outcomes.size(); ++lane) reached.push_back(durable_log.end_in(disk.installed->id, Lane{lane}));
  return reached;
}

// ---------------------------------------------------------------- copying another node's log

void Engine::Parts::copy_log(ViewId view, std::vector<NodeId> givers) {
  log_copy = LogCopy{view, std::move(givers), 0, now, 0};
  drive_log_copy();
}

/// Asks for what comes next. True: there is nothing left to copy.
bool Engine::Parts::drive_log_copy() {
  if (!log_copy) return true;
  LogCopy& copy = *log_copy;
  while (copy.lane < copy.givers.size() && copy.givers[copy.lane].name.empty()) ++copy.lane;
  if (copy.lane >= copy.givers.size()) {
    log_copy.reset();
    return true;
  }
  if (now < copy.next_try) return false;
  copy.next_try = now + log_again_after;
  NodeId giver = copy.givers[copy.lane];
  if (in_view && copy.tries >= config.fetch_tries) {
    // A giver that doesn't answer is passed over: every loaded holder of the view has the log.
    std::vector<NodeId> others;
    for (const Rank rank : payload_holders(in_view->view)) {
      if (rank != in_view->self && !suspected(rank)) others.push_back(in_view->view.at(rank).node);
    }
    if (!others.empty()) giver = others[copy.tries % others.size()];
  }
  ++copy.tries;
  const Lane lane{static_cast<std::uint16_t>(copy.lane)};
  send(giver, FetchLog{copy.view, lane, durable_log.last(lane)});
  return false;
}

void Engine::Parts::on_frame(const Frame& frame, const FetchLog& fetch) {
  const View* bound = bound_view();
  if (bound == nullptr || bound->id != fetch.view || (in_view && !in_view->loaded)) return;
  LogPart part{fetch.view, fetch.lane, fetch.after, true, std::nullopt, {}, false};
  const auto [agrees, upto] = durable_log.agreement(fetch.after);
  part.agrees = agrees;
  part.keep = upto;
  if (agrees) {
    const DurableLog::Entries& all = durable_log.entries(fetch.lane);
    std::size_t bytes = 0;
    for (auto entry = upto ? durable_log.after(*upto) : all.begin(); entry != all.end(); ++entry) {
      // A joiner delivers its first view itself; a disk copies the end of it.
      const ViewId of{entry->first.epoch, entry->first.view};
      if (in_view && of >= fetch.view) break;
      bytes += entry->chunk.bytes();
      part.more = !part.entries.empty() && bytes > config.fetch_bytes_max;
      if (part.more) break;
      part.entries.push_back(*entry);
    }
  }
  send(frame.from, std::move(part), true);
}

void Engine::Parts::on_frame(const Frame&, const LogPart& part) {
  if (!log_copy || part.view != log_copy->view || part.lane.value != log_copy->lane || part.after != durable_log.last(part.lane)) return;
  log_copy->tries = 0;
  log_copy->next_try = now;
  if (!part.agrees && !mutant(Mutant::log_not_cut_back)) {
    log(LogCutBack{part.lane, part.keep});
  } else {
    for (const LogEntry& entry : part.entries) {
      if (entry.first.lane == part.lane) log(entry);
    }
    // One that brings nothing new, or says that there is more and gives nothing, would be asked for without end.
    if (!part.more || part.entries.empty()) ++log_copy->lane;
  }
  if (drive_log_copy()) log_copied();
}

/// The log is whole: the next step of what it was copied for.
void Engine::Parts::log_copied() {
  if (in_view) {
    if (in_view->state_given && !in_view->wedged) load();
  } else if (recovering) {
    send_after(next_token - 1, recovering->coordinator, Gathered{recovering->view, recovering->ballot});
    recovering.reset();
  }
}

/// (restart formation) The coordinator's choice is the longest of the disks: whose log is shorter copies the end of it.
void Engine::Parts::recover(const Frame& frame, const Gather& gather) {
  const View& view = *bound_view();
  if (gather.ballot < disk.promised) {
    send(frame.from, Refused{gather.view, gather.ballot, disk.promised});
    return;
  }
  if (recovering && recovering->ballot == gather.ballot) return;
  std::vector<NodeId> givers;
  for (std::uint16_t lane = 0; lane < gather.value.stored.size() && lane < outcomes.size(); ++lane) {
    const StoredEnd& end = gather.value.stored[lane];
    const bool lacks = end.holder.value < view.size() && durable_log.end_in(view.id, Lane{lane}) < end.end;
    const auto holder = lacks ? gather.value.next.rank_of_name(view.at(end.holder).node.name) : std::nullopt;
    givers.push_back(holder ? gather.value.next.at(*holder).node : NodeId{});
  }
  recovering = Recovering{view.id, gather.ballot, frame.from};
  copy_log(view.id, std::move(givers));
  if (!log_copy) log_copied();
}

}  // namespace vsync::protocol
