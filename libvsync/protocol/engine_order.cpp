// The engine in an installed view: streams, order, delivery, acknowledgements, marks and fetches.

#include <algorithm>

#include "protocol/engine_parts.hpp"
#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

namespace {

/// A tail end is fetched only when nothing came for so many times the fetch interval: most likely it is just under way.
constexpr int under_way_factor = 3;
/// The sequencer looks at who publishes most each so often, and hands off when another was clearly busier several times.
constexpr Duration load_interval = 200ms;
constexpr std::uint32_t busier_times = 3;
constexpr std::uint64_t busier_messages_min = 64;

}  // namespace

// ---------------------------------------------------------------- publishing

Result<void, PublishError> Engine::Parts::publish(Chunk chunk) {
  if (leaving && !chunk.ops) return Unexpected{PublishError::leaving};
  if (!in_view || !in_view->loaded || !stores() || component != ComponentState::primary) return Unexpected{PublishError::not_primary};
  const std::size_t lane_index = chunk.lane.value;
  LaneReplica& lane = in_view->lanes[lane_index];
  Stream& own = lane.stream(in_view->self);
  const bool full = own.bytes() >= config.window_bytes || own.messages() >= config.window_messages || congested();
  const bool opened = operational() || (in_view->wedged && !doubt_since && mutant(Mutant::publishes_while_wedged));
  if (!opened || (full && !chunk.ops && !mutant(Mutant::window_not_bounded))) {
    writable_wanted = true;
    return Unexpected{PublishError::window_full};
  }
  chunk.first = own.end() + 1;
  chunk.after = lane.delivered();
  own.insert(chunk);
  lane.heard_of(in_view->self, own.end());
  if (chunk.ops) in_view->own_records += chunk.count;
  else outcomes[lane_index].published(chunk);
  in_view->to_send[lane_index].push_back(std::move(chunk));
  return {};
}

// A member that is suspected holds nobody back.
bool Engine::Parts::congested() const {
  if (asks_to_wait()) return true;
  const RankSet asking = in_view->congested;
  return std::any_of(asking.begin(), asking.end(), [&](Rank rank) { return !suspected(rank); });
}

// ---------------------------------------------------------------- frames

void Engine::Parts::on_frame(const Frame&, const Data& data) {
  if (!stores() || data.lane.value >= in_view->lanes.size() || data.publisher.value >= in_view->view.size()) return;
  if (data.publisher == in_view->self) return;
  LaneReplica& lane = in_view->lanes[data.lane.value];
  Stream& stream = lane.stream(data.publisher);
  Fetching& fetching = in_view->fetch[data.lane.value][data.publisher.value];
  for (const Chunk& chunk : data.chunks) {
    if (chunk.count == 0) continue;
    lane.heard_of(data.publisher, chunk.last());
    if (stream.insert(chunk) != Stream::Insert::gap) continue;
    fetching.lost_upto = std::max(fetching.lost_upto, chunk.last().value);
    if (fetching.tries == 0) fetching.next_try = now;
  }
  if (in_view->gathering) try_gathered();
  if (in_view->gathering || fetching.lost_upto > stream.end().value) fetch_missing();
}

void Engine::Parts::on_frame(const Frame&, const Order& order) {
  if (!operational() || !stores() || order.lane.value >= in_view->lanes.size()) return;
  LaneReplica& lane = in_view->lanes[order.lane.value];
  const OrderLog::Append result = lane.order().append(order);
  std::uint64_t count = 0;
  for (const Run& run : order.runs) count += run.count;
  lane.heard_order(order.first + count - 1, order.hand_off ? order.term + 1 : order.term);
  Fetching& fetching = in_view->fetch[order.lane.value].back();
  if (result == OrderLog::Append::gap) {
    fetching.lost_upto = std::max(fetching.lost_upto, lane.order_known());
    if (!fetching.missing) fetch_missing();
  }
  if (result != OrderLog::Append::appended) return;
  in_view->order_progress[order.lane.value] = now;
  // What is ordered exists, whether its publisher is heard or not.
  for (const Run& run : order.runs) lane.heard_of(run.publisher, lane.order().next_of(run.publisher) - 1);
}

void Engine::Parts::on_frame(const Frame& frame, const Ack& ack) { on_progress(frame.from, ack.lanes, ack.congested); }

void Engine::Parts::on_progress(const NodeId& from, const std::vector<LaneProgress>& lanes, bool is_congested) {
  if (in_view->wedged) return;
  const auto rank = in_view->view.rank_of(from);
  if (!rank) return;
  in_view->installed_by.insert(*rank);
  if (is_congested) in_view->congested.insert(*rank);
  else in_view->congested.erase(*rank);
  for (std::size_t i = 0; i < lanes.size() && i < in_view->lanes.size(); ++i) {
    LaneReplica& lane = in_view->lanes[i];
    lane.heard_of(*rank, lanes[i].sent);
    lane.heard_order(lanes[i].ordered, lanes[i].term);
    lane.stability().acknowledge(*rank, lanes[i].held, lanes[i].stored);
  }
}

void Engine::Parts::on_relay(const NodeId& from, const std::vector<LaneRelay>& lanes) {
  if (in_view->wedged || !in_view->view.rank_of(from)) return;
  for (std::size_t i = 0; i < lanes.size() && i < in_view->lanes.size(); ++i) {
    LaneReplica& lane = in_view->lanes[i];
    for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
      if (Rank{r} == in_view->self) continue;
      if (r < lanes[i].received.size()) lane.heard_of(Rank{r}, lanes[i].received[r]);
      if (r >= lanes[i].held.size() || r >= lanes[i].stored.size()) continue;
      lane.stability().acknowledge(Rank{r}, lanes[i].held[r], lanes[i].stored[r]);
    }
  }
}

void Engine::Parts::on_frame(const Frame& frame, const FetchData& fetch) {
  if (!stores() || fetch.lane.value >= in_view->lanes.size() || fetch.publisher.value >= in_view->view.size()) return;
  const Stream& stream = in_view->lanes[fetch.lane.value].stream(fetch.publisher);
  auto chunks = stream.range(fetch.first, fetch.last, config.fetch_bytes_max);
  if (!chunks.empty()) send(frame.from, Data{fetch.view, fetch.lane, fetch.publisher, std::move(chunks)}, true);
}

void Engine::Parts::on_frame(const Frame& frame, const FetchOrder& fetch) {
  if (!operational() || !stores() || fetch.lane.value >= in_view->lanes.size()) return;
  for (Order& order : in_view->lanes[fetch.lane.value].order().from(fetch.first, fetch.view, fetch.lane)) {
    send(frame.from, std::move(order));
  }
}

// ---------------------------------------------------------------- order and delivery

bool Engine::Parts::has_lease() const {
  RankSet proven{in_view->self};
  const TimePoint since = lease_proven_since();
  for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
    const NodeId& node = in_view->view.members[r].node;
    if (!detector.heard_us_since(node, since)) continue;
    // Who has answered a ballot or is in another view may let others go on without this node, and renews no lease.
    const Heartbeat& newest = detector.find(node.name)->heartbeat;
    if (newest.state == NodeState::operational && newest.view == in_view->view.id) proven.insert(Rank{r});
  }
  return may_go_on(in_view->view, proven) || mutant(Mutant::no_lease);
}

void Engine::Parts::order_available() {
  if (!in_view->loaded) return;
  std::optional<bool> lease;
  for (std::size_t i = 0; i < in_view->lanes.size(); ++i) {
    LaneReplica& lane = in_view->lanes[i];
    if (lane.order().sequencer() != in_view->self) continue;
    const std::vector<Run> runs = lane.unordered();
    if (runs.empty()) continue;
    if (!lease) lease = has_lease();
    if (!*lease) return;
    const std::int64_t ordered_at = (now.time_since_epoch() + wall).count();
    Order record{in_view->view.id, Lane{static_cast<std::uint16_t>(i)}, lane.order().term(), lane.order().end() + 1, runs, std::nullopt,
                 ordered_at};
    for (const Run& run : runs) {
      lane.order().order_next(run.publisher, run.count, ordered_at);
      in_view->load[i][run.publisher.value] += run.count;
    }
    in_view->order_progress[i] = now;
    broadcast(std::move(record), false, true);
  }
}

void Engine::Parts::deliver_available() {
  for (std::size_t i = 0; i < in_view->lanes.size(); ++i) {
    LaneReplica& lane = in_view->lanes[i];
    if (lane.advance_held()) in_view->ack_wanted = true;
    if (!in_view->loaded && !mutant(Mutant::learner_delivers_unloaded)) continue;
    while (const auto next = lane.next()) {
      // A copy: handing out may publish nothing, but forgetting happens behind it.
      Chunk chunk = *next->chunk;
      if (mutant(Mutant::flips_a_payload)) flip_once(next->first, chunk);
      const NodeId publisher = in_view->view.at(next->publisher).node;
      lane.pop(*next);
      if (chunk.level == Level::uniform || chunk.level == Level::safe) in_view->ack_now = true;
      hand_out({in_view->view.id.epoch, in_view->view.id.number, Lane{static_cast<std::uint16_t>(i)}, next->first}, publisher, chunk,
               next->ordered_at);
    }
    hand_out_ahead(Lane{static_cast<std::uint16_t>(i)});
  }
}

void Engine::Parts::hand_out(Position first, const NodeId& publisher, const Chunk& chunk, std::int64_t ordered_at) {
  if (chunk.ops) {
    if (publisher == self) in_view->own_records -= chunk.count;
    Position at = first;
    for (const DirectoryOp& op : *chunk.ops) {
      apply_record(op, publisher, at);
      ++at.seq;
    }
    if (config.self_audit) in_view->audits[chunk.lane.value].add_records(first.seq, publisher, chunk, directory.groups_digest());
    return;
  }
  Admission admission = directory.admit(chunk.session, chunk.lane, chunk.first_n, chunk.count, first);
  if (mutant(Mutant::duplicate_session_numbers)) admission = {0, std::nullopt, true};
  if (publisher == self) {
    Position last = first;
    last.seq = first.seq + (chunk.count - 1);
    // Of a retry, this place is a marker's: where the first copy stands may be forgotten.
    const bool again = admission.skip > 0 && admission.known && !mutant(Mutant::retry_reports_its_own_place);
    const Position reported = again ? admission.first_position_of_duplicate.value_or(Position{}) : first;
    outcomes[chunk.lane.value].placed(last, reported, admission.known);
  }
  if (chunk.level == Level::fifo) hand_out_at_its_place(first, publisher, chunk, admission);
  const std::uint32_t markers = admission.known && chunk.level != Level::fifo ? admission.skip : chunk.count;
  const std::uint64_t digest = config.self_audit ? digest_of(chunk.payload) : 0;
  if (config.self_audit) in_view->audits[chunk.lane.value].add(first.seq, publisher, chunk, markers, digest);
  emit(Delivered{first, publisher, chunk, markers, ordered_at, digest});
  if (chunk.level == Level::durable && markers < chunk.count) store(first, publisher, chunk, ordered_at);
}

// ---------------------------------------------------------------- acknowledgements and marks

std::vector<LaneProgress> Engine::Parts::progress() const {
  std::vector<LaneProgress> lanes;
  lanes.reserve(in_view->lanes.size());
  for (std::size_t i = 0; i < in_view->lanes.size(); ++i) {
    const LaneReplica& lane = in_view->lanes[i];
    Seq upto = lane.held();
    if (mutant(Mutant::held_without_payload)) upto = lane.order().end();
    for (const Run& run : mutant(Mutant::held_without_order) ? lane.unordered() : std::vector<Run>{}) upto = upto + run.count;
    lanes.push_back({lane.stream(in_view->self).end(), lane.order().end(), upto, stored(i), lane.order().term()});
  }
  return lanes;
}

std::vector<LaneRelay> Engine::Parts::relay() const {
  std::vector<LaneRelay> lanes;
  if (in_view->view.size() < 3) return lanes;
  for (std::size_t i = 0; i < in_view->lanes.size(); ++i) {
    const LaneReplica& lane = in_view->lanes[i];
    LaneRelay known;
    for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
      known.received.push_back(lane.stream(Rank{r}).end());
      // Who is wedged or doubts itself acknowledges nothing.
      if (!operational()) continue;
      const bool own = Rank{r} == in_view->self;
      known.held.push_back(own ? lane.held() : lane.stability().held_by(Rank{r}));
      known.stored.push_back(own ? stored(i) : lane.stability().stored_by(Rank{r}));
    }
    lanes.push_back(std::move(known));
  }
  return lanes;
}

void Engine::Parts::acknowledge() {
  InView& v = *in_view;
  if (!v.ack_wanted) return;
  if (v.view.size() > 1) {
    if (v.ack_at == TimePoint{}) v.ack_at = now + config.ack_every;
    if (!v.ack_now && now < v.ack_at) return;
    broadcast(Ack{v.view.id, asks_to_wait(), progress()}, false, false);
  }
  v.ack_wanted = v.ack_now = false;
  v.ack_at = TimePoint{};
}

bool Engine::Parts::unconfirmed_cut() const {
  for (std::size_t i = 0; i < cut_end.size(); ++i) {
    if (cut_end[i] && marked[i].safe < *cut_end[i]) return true;
  }
  return false;
}

void Engine::Parts::mark() {
  InView& v = *in_view;
  v.installed_by.insert(v.self);
  v.member_lost = v.member_lost && unconfirmed_cut();
  for (std::size_t i = 0; i < v.lanes.size(); ++i) v.lanes[i].stability().acknowledge(v.self, v.lanes[i].held(), stored(i));
  // What an excluded member delivered under a lease it may still believe in must not differ from what is confirmed here.
  const bool installed = is_uniform_set(v.view, v.installed_by) || mutant(Mutant::cut_uniform_at_once);
  const bool may_confirm = now >= v.confirm_from && installed;
  const bool all_installed = v.installed_by.contains(payload_holders(v.view)) || mutant(Mutant::cut_safe_at_once);
  for (std::size_t i = 0; i < v.lanes.size(); ++i) {
    LaneReplica& lane = v.lanes[i];
    lane.forget_stable();
    if (!v.loaded || !may_confirm) continue;
    const auto& stability = lane.stability();
    Confirmed& confirmed = marked[i];
    const auto confirm = [&](Position& last, Seq reached, Level level, bool cut_settled) {
      if (reached > lane.delivered() && !mutant(Mutant::marked_before_delivery)) reached = lane.delivered();
      Position upto{v.view.id.epoch, v.view.id.number, Lane{static_cast<std::uint16_t>(i)}, reached};
      if (reached == Seq{}) {
        if (!cut_end[i] || !cut_settled) return;
        upto = *cut_end[i];
      }
      if (upto <= last) return;
      const bool of_cut = cut_end[i] && last < *cut_end[i];
      last = upto;
      emit(Marked{upto, level, v.view.id, level == Level::safe && of_cut && v.member_lost});
    };
    confirm(confirmed.uniform, stability.uniform(), Level::uniform, true);
    // Nobody installs a view before the durable part of the cut is on its disk.
    confirm(confirmed.durable, std::min(stability.durable(), stability.uniform()), Level::durable, true);
    confirm(confirmed.safe, stability.safe(), Level::safe, all_installed);
    outcomes[i].confirm(confirmed, out.events);
  }
  if (!writable_wanted) return;
  const Stream& own = v.lanes.front().stream(v.self);
  if (own.bytes() * 2 > config.window_bytes || own.messages() * 2 > config.window_messages || congested()) return;
  writable_wanted = false;
  if (!mutant(Mutant::credit_never_returned)) emit(Writable{});
}

void Engine::Parts::send_pending() {
  for (std::size_t i = 0; i < in_view->to_send.size(); ++i) {
    if (in_view->to_send[i].empty()) continue;
    Data data{in_view->view.id, Lane{static_cast<std::uint16_t>(i)}, in_view->self, std::exchange(in_view->to_send[i], {})};
    broadcast(std::move(data), true, true);
  }
}

// ---------------------------------------------------------------- what is missing

const Heartbeat* Engine::Parts::told_by(Rank rank) const {
  const FailureDetector::Peer* peer = heard_of(rank);
  return peer != nullptr && peer->heartbeat.view == in_view->view.id ? &peer->heartbeat : nullptr;
}

Duration Engine::Parts::silence(Rank rank) const {
  const FailureDetector::Peer* peer = heard_of(rank);
  return peer != nullptr ? now - peer->last_heard : Duration::max();
}

/// `first` should have it. Others are asked when it was asked in vain, and at once when nothing came from it since this is missing: most
/// likely the link to it is cut, and it need not be suspected yet. Those that say that they have it go before those that may.
template <class Has>
Rank Engine::Parts::whom_to_ask(Rank first, const Fetching& fetching, Has has) const {
  const Duration silent = silence(first);
  const bool out_of_reach = first == in_view->self || suspected(first) || (silent > config.heartbeat_every && silent >= now - fetching.since);
  if (!out_of_reach && fetching.tries <= config.fetch_tries) return first;
  std::vector<Rank> holders;
  std::vector<Rank> others;
  for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
    const Rank rank{r};
    if (rank == in_view->self || !in_view->view.at(rank).holds_payload() || suspected(rank) || (rank == first && out_of_reach)) continue;
    (has(rank) ? holders : others).push_back(rank);
  }
  const std::vector<Rank>& choice = holders.empty() ? others : holders;
  return choice.empty() ? first : choice[(fetching.tries - 1) % choice.size()];
}

bool Engine::Parts::fetch_due(Fetching& fetching, std::uint64_t have, std::uint64_t known, bool certain, bool one_frame) {
  if (have >= known) {
    fetching = Fetching{};
    return false;
  }
  certain = certain || have < fetching.lost_upto;
  const bool moved = fetching.missing && have != fetching.seen;
  if (!fetching.missing || moved) {
    fetching.missing = true;
    fetching.seen = have;
    fetching.since = now;
    fetching.tries = 0;
    // What was asked for came as one frame, in part: the rest is asked for at once, so that a long gap closes as fast as the link
    // carries it. An answer of many frames is waited for.
    if (!certain) fetching.next_try = now + config.fetch_again_after * under_way_factor;
    else fetching.next_try = moved && !one_frame ? now + config.fetch_again_after : now;
  }
  if (now < fetching.next_try) return false;
  fetching.next_try = now + config.fetch_again_after * under_way_factor;
  ++fetching.tries;
  return true;
}

std::optional<TimePoint> Engine::Parts::fetch_deadline() const {
  if (!fetches()) return std::nullopt;
  std::optional<TimePoint> next;
  const auto want = [&](TimePoint at) { next = std::min(next.value_or(at), at); };
  for (std::size_t i = 0; i < in_view->lanes.size(); ++i) {
    const LaneReplica& lane = in_view->lanes[i];
    const auto look = [&](const Fetching& fetching, std::uint64_t have, std::uint64_t known) {
      if (fetching.missing) want(fetching.next_try);
      else if (have < known) want(now + config.fetch_again_after);
    };
    for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
      if (Rank{r} != in_view->self) look(in_view->fetch[i][r], lane.stream(Rank{r}).end().value, lane.known_sent(Rank{r}).value);
    }
    if (!in_view->wedged) look(in_view->fetch[i].back(), lane.order_reached(), lane.order_known());
  }
  return next;
}

/// A wedged node needs nothing but the cut; that it needs in doubt too: the restart formation that ends the doubt may wait for it.
bool Engine::Parts::fetches() const { return stores() && (in_view->gathering || (!in_view->wedged && !doubt_since)); }

void Engine::Parts::fetch_missing() {
  if (!fetches()) return;
  for (std::size_t i = 0; i < in_view->lanes.size(); ++i) {
    LaneReplica& lane = in_view->lanes[i];
    const Lane id{static_cast<std::uint16_t>(i)};
    const LaneCut* cut = in_view->gathering && i < in_view->gathering->value.cut.lanes.size() ? &in_view->gathering->value.cut.lanes[i]
                                                                                              : nullptr;
    if (in_view->wedged && cut == nullptr) continue;
    // What a member that isn't heard has sent, others have by now: it isn't under way.
    const auto cut_off = [&](Rank rank) { return silence(rank) > config.heartbeat_every * 2; };
    for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
      Fetching& fetching = in_view->fetch[i][r];
      const Seqno have = lane.stream(Rank{r}).end();
      const Seqno known = cut != nullptr ? cut->held[r] : lane.known_sent(Rank{r});
      if (Rank{r} == in_view->self || !fetch_due(fetching, have.value, known.value, cut != nullptr || cut_off(Rank{r}), true)) continue;
      const Rank to = whom_to_ask(cut != nullptr ? cut->holder[r] : Rank{r}, fetching, [&](Rank other) {
        const Heartbeat* told = told_by(other);
        return told != nullptr && i < told->relay.size() && r < told->relay[i].received.size() && told->relay[i].received[r] > have;
      });
      send(in_view->view.at(to).node, FetchData{in_view->view.id, id, Rank{r}, have + 1, known});
    }
    if (in_view->wedged) continue;
    Fetching& fetching = in_view->fetch[i].back();
    const std::uint64_t reached = lane.order_reached();
    const Rank sequencer = lane.order().sequencer();
    if (!fetch_due(fetching, reached, lane.order_known(), cut_off(sequencer), false)) continue;
    const Rank to = whom_to_ask(sequencer, fetching, [&](Rank other) {
      const Heartbeat* told = told_by(other);
      return told != nullptr && i < told->lanes.size() && told->lanes[i].ordered.value + told->lanes[i].term.value > reached;
    });
    send(in_view->view.at(to).node, FetchOrder{in_view->view.id, id, lane.order().end() + 1});
  }
}

// ---------------------------------------------------------------- the sequencer follows the load

void Engine::Parts::hand_off(std::size_t lane, Rank to) {
  OrderLog& order = in_view->lanes[lane].order();
  Order record{in_view->view.id, Lane{static_cast<std::uint16_t>(lane)}, order.term(), order.end() + 1, {}, to, 0};
  if (!mutant(Mutant::two_sequencers)) order.hand_off(to);
  broadcast(std::move(record), false, true);
}

void Engine::Parts::balance() {
  if (!operational() || !in_view->loaded || now - in_view->load_looked < load_interval) return;
  in_view->load_looked = now;
  for (std::size_t i = 0; i < in_view->lanes.size(); ++i) {
    LaneReplica& lane = in_view->lanes[i];
    std::vector<std::uint64_t>& load = in_view->load[i];
    const auto candidate = [&](Rank rank) {
      const Member& member = in_view->view.at(rank);
      const bool lags = lane.stability().held_by(rank) + config.window_messages / 2 < lane.order().end();
      return rank != in_view->self && member.loaded && member.holds_payload() && !suspected(rank) && !lags;
    };
    Rank busiest = in_view->self;
    for (std::uint16_t r = 0; r < load.size(); ++r) {
      if (candidate(Rank{r}) && load[r] > load[busiest.value]) busiest = Rank{r};
    }
    const std::uint64_t own = load[in_view->self.value];
    const bool clearly = busiest != in_view->self && load[busiest.value] >= busier_messages_min && load[busiest.value] > 2 * own;
    in_view->busier[i] = clearly ? in_view->busier[i] + 1 : 0;
    std::fill(load.begin(), load.end(), 0);
    if (lane.order().sequencer() != in_view->self || !has_lease()) continue;
    if (leaving) {
      for (std::uint16_t r = 0; r < in_view->view.size(); ++r) {
        if (!candidate(Rank{r})) continue;
        hand_off(i, Rank{r});
        break;
      }
    } else if (in_view->busier[i] >= busier_times) {
      in_view->busier[i] = 0;
      hand_off(i, busiest);
    }
  }
}

}  // namespace vsync::protocol
