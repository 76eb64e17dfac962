// The engine's inputs, outputs and timers.

#include "protocol/engine.hpp"

#include <algorithm>

#include "protocol/assert.hpp"
#include "protocol/digest.hpp"
#include "protocol/engine_parts.hpp"
#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

namespace {

/// Frames kept for a view that isn't installed yet, and of each sender no more bytes than it may have unstable; more are fetched again
/// later.
constexpr std::size_t early_max = 4096;
constexpr std::size_t frame_bytes = 512;  ///< what a frame costs besides its chunks

/// A ballot may fail, and is tried again; but a command is for the state of things that its giver saw.
constexpr Duration force_within = 10s;

std::size_t bytes_of(const Frame& frame) {
  std::size_t bytes = frame_bytes;
  if (const auto* data = std::get_if<Data>(&frame.body)) {
    for (const Chunk& chunk : data->chunks) bytes += chunk.bytes();
  }
  return bytes;
}

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;  // clang 14 needs to be told

/// The view a frame is stamped with, where it has its meaning in the installed view only.
const ViewId* stamp_of(const Body& body) {
  return std::visit(Overloaded{[](const Data& b) -> const ViewId* { return &b.view; },
                               [](const Order& b) -> const ViewId* { return &b.view; },
                               [](const Ack& b) -> const ViewId* { return &b.view; },
                               [](const FetchData& b) -> const ViewId* { return &b.view; },
                               [](const FetchOrder& b) -> const ViewId* { return &b.view; },
                               [](const Snapshot& b) -> const ViewId* { return &b.view; },
                               [](const auto&) -> const ViewId* { return nullptr; }},
                    body);
}

std::optional<BallotWait> wait_of(Coordinator::Step step) {
  switch (step) {
    case Coordinator::Step::promise:
    case Coordinator::Step::answers: return BallotWait::answers;
    case Coordinator::Step::gathering: return BallotWait::confirmations;
    case Coordinator::Step::accepting: return BallotWait::acceptances;
    case Coordinator::Step::chosen:
    case Coordinator::Step::failed: break;
  }
  return std::nullopt;
}

/// Who has no cluster yet may say only these.
bool may_lack_cluster(const Body& body) {
  return std::holds_alternative<Heartbeat>(body) || std::holds_alternative<Formed>(body) || std::holds_alternative<Answer>(body);
}

}  // namespace

Engine::Parts::Parts(NodeId id, Config configuration, Restored restored, std::uint64_t seed)
    : self(std::move(id)),
      config(std::move(configuration)),
      random(seed),
      detector(config),
      disk(std::move(restored.state)),
      durable_log(config.durable_keep_bytes),
      directory(config),
      outcomes(std::max<std::size_t>(config.lanes, 1)),
      audited(outcomes.size()),
      cut_end(outcomes.size()),
      marked(outcomes.size()) {
  VSYNC_ASSERT(self.incarnation.counter >= disk.incarnation_counter);
  disk.incarnation_counter = self.incarnation.counter;
  returning = disk.installed && may_return_to(*disk.installed);
  for (const LogRecord& record : restored.log) durable_log.apply(record);
}

void Engine::Parts::begin(TimePoint at) {
  // A pause longer than the lease: others may have gone on without this node. Nothing leaves it before it knows.
  if (last_input && at - *last_input > config.lease && !mutant(Mutant::no_self_doubt)) {
    doubt_since = woke_at = at;
    coordinator.reset();  // answers that waited here meanwhile prove nothing any more
    heartbeat_at = at;
  }
  last_input = at;
  now = at;
  detector.advance(at);
}

void Engine::Parts::settle() {
  do {
    while (!loopback.empty()) {
      const Frame frame = std::move(loopback.front());
      loopback.pop_front();
      dispatch(frame);
    }
    drive_coordinator();
  } while (!loopback.empty());
}

void Engine::Parts::receive(const Frame& frame) {
  const bool for_me = frame.to.name.empty() ||
                      (frame.to.name == self.name && (frame.to.incarnation == Incarnation{} || frame.to == self));
  const bool used = disk.installed.has_value();
  const bool same_cluster = !used || frame.cluster == disk.cluster || (frame.cluster.empty() && may_lack_cluster(frame.body));
  if (!for_me || !same_cluster || frame.from.name == self.name || !detector.heard(now, frame.from)) {
    ++dropped_frames;
    return;
  }
  dispatch(frame);
}

void Engine::Parts::dispatch(const Frame& frame) {
  if (const ViewId* stamp = stamp_of(frame.body)) {
    const bool current = stored_view_is(*stamp);
    if (!current && (!in_view || *stamp > in_view->view.id)) {
      std::uint64_t& bytes = early_bytes[frame.from];
      if (early.size() >= early_max || bytes + bytes_of(frame) > config.window_bytes) {
        ++dropped_frames;
        return;
      }
      bytes += bytes_of(frame);
      early.push_back(frame);
      return;
    }
    const bool taken = current || mutant(Mutant::stale_view_accepted) ||
                       (mutant(Mutant::ack_of_other_view) && std::holds_alternative<Ack>(frame.body));
    if (!taken || !in_view->view.rank_of(frame.from)) {
      ++dropped_frames;
      return;
    }
  }
  std::visit([&](const auto& body) { on_frame(frame, body); }, frame.body);
}

void Engine::Parts::send(const NodeId& to, Body body, bool bulk) {
  const bool used = disk.installed.has_value() || forming;
  Frame frame{used ? disk.cluster : ClusterId{}, self, to, std::move(body), config.speaks};
  if (to.name == self.name) {
    loopback.push_back(std::move(frame));
  } else {
    out.frames.push_back({to.name, std::make_shared<const Frame>(std::move(frame)), bulk});
  }
}

bool Engine::Parts::is_written(WriteToken token) const { return token <= persisted || mutant(Mutant::promise_not_persisted); }

void Engine::Parts::send_after(WriteToken token, const NodeId& to, Body body) {
  if (is_written(token)) return send(to, std::move(body));
  held.push_back({token, to, std::move(body)});
}

void Engine::Parts::broadcast(Body body, bool bulk, bool payload_holders_only) {
  const auto frame = std::make_shared<const Frame>(Frame{disk.cluster, self, NodeId{}, std::move(body), config.speaks});
  for (const Member& member : in_view->view.members) {
    if (member.node == self || (payload_holders_only && !member.holds_payload())) continue;
    out.frames.push_back({member.node.name, frame, bulk});
  }
}

WriteToken Engine::Parts::persist() {
  const WriteToken token = next_write();
  out.writes.push_back({token, disk, {}});
  return token;
}

WriteToken Engine::Parts::next_write() {
  if (persisted + 1 == next_token) disk_answered_at = now;
  return next_token++;
}

/// A disk that answers late holds publishers back; one that doesn't answer would hold back what others could do without it.
bool Engine::Parts::disk_hangs() const { return persisted + 1 < next_token && now - disk_answered_at >= config.lag_exclude_after; }

NodeState Engine::Parts::node_state() const {
  if (in_view) return in_view->wedged ? NodeState::wedged : NodeState::operational;
  if (bound_view() != nullptr) return NodeState::returning;
  if (disk.installed) return NodeState::joining;
  for (const auto& [name, peer] : detector.peers()) {
    const NodeState state = peer.heartbeat.state;
    if (detector.hears(now, peer) && (state == NodeState::operational || state == NodeState::wedged)) return NodeState::joining;
  }
  return NodeState::forming;
}

std::uint64_t Engine::Parts::peers_digest() const {
  std::vector<std::string> names = config.peers;
  names.push_back(self.name);
  std::sort(names.begin(), names.end());
  Digest digest;
  for (const std::string& name : names) digest.add(name);
  return digest.value();
}

void Engine::Parts::heartbeat() {
  heartbeat_at = now + heartbeat_interval();
  if (silent_until > persisted) return;
  Heartbeat beat;
  beat.nonce = nonce();
  beat.state = node_state();
  if (const View* view = bound_view()) {
    beat.view = view->id;
    beat.forced = view->forced;
  }
  if (in_view) beat.version = in_view->view.version;
  beat.promised = disk.promised;
  beat.loaded = in_view && in_view->loaded;
  beat.view_is_uniform = in_view && is_uniform_set(in_view->view, in_view->installed_by);
  beat.leaving = asks_to_leave();
  beat.congested = asks_to_wait();
  beat.disk_hangs = disk_hangs();
  beat.witness = config.witness;
  beat.weight = config.weight;
  beat.lease = config.lease;
  beat.former = disk.installed ? ClusterId{} : disk.cluster;
  beat.peers_digest = peers_digest();
  beat.heard = heard();
  if (operational()) beat.lanes = progress();
  if (stores()) beat.relay = relay();
  if (in_view && config.self_audit) beat.audit = audit_told();
  const bool used = disk.installed.has_value();
  const auto frame = std::make_shared<const Frame>(Frame{used ? disk.cluster : ClusterId{}, self, NodeId{}, std::move(beat), config.speaks});
  for (const std::string& peer : correspondents()) out.frames.push_back({peer, frame, false});
}

void Engine::Parts::flush() {
  if (!started || !in_view) return;
  if (operational() && stores()) {
    order_available();
    deliver_available();
    fetch_missing();
    acknowledge();
    mark();
    send_pending();
  }
}

// ---------------------------------------------------------------- the public face

Engine::Engine(NodeId self, Config config, Restored restored, std::uint64_t seed)
    : parts_(std::make_unique<Parts>(std::move(self), std::move(config), std::move(restored), seed)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::on_wall_clock(Duration wall) { parts_->wall = wall; }

void Engine::start(TimePoint now) {
  Parts& p = *parts_;
  p.begin(now);
  p.started = true;
  p.alone_since = p.started_at = now;
  p.emit(StateChanged{ComponentState::joining});
  p.evaluate();
  p.heartbeat();
  p.settle();
}

void Engine::on_frame(TimePoint now, const Frame& frame) {
  parts_->begin(now);
  parts_->receive(frame);
  parts_->settle();
}

void Engine::on_link(TimePoint now, const std::string& peer, LinkState state) {
  Parts& p = *parts_;
  p.begin(now);
  if (!p.detector.on_link(now, peer, state)) return;
  // Evidence that others wait for: shared at once.
  p.heartbeat();
  p.evaluate();
  p.settle();
}

void Engine::on_persisted(TimePoint now, WriteToken token) {
  Parts& p = *parts_;
  p.begin(now);
  p.persisted = std::max(p.persisted, token);
  p.disk_answered_at = now;
  p.stored_upto(p.persisted);
  while (!p.held.empty() && p.held.front().token <= p.persisted) {
    Parts::Held next = std::move(p.held.front());
    p.held.pop_front();
    p.send(next.to, std::move(next.body));
  }
  if (p.coordinator && p.is_written(p.own_promise)) p.coordinator->on_promised(now);
  if (p.silent_until != 0 && p.silent_until <= p.persisted) {
    p.silent_until = 0;
    p.heartbeat();
  }
  p.evaluate();
  p.settle();
}

void Engine::on_tick(TimePoint now) {
  Parts& p = *parts_;
  p.begin(now);
  if (now >= p.heartbeat_at) {
    if (p.in_view) p.watch_lag();
    if (p.in_view) p.judge();
    p.heartbeat();
    p.evaluate();
    p.expire_sessions();
    p.balance();
  }
  if (p.coordinator) p.coordinator->on_tick(now);
  (void)p.drive_log_copy();
  p.fetch_missing();
  p.settle();
}

Result<void, PublishError> Engine::publish(TimePoint now, SessionId session, std::uint64_t first_n, std::uint32_t count, Lane lane,
                                           Level level, Payload payload) {
  VSYNC_ASSERT(count > 0 && lane.value < parts_->outcomes.size());
  Chunk chunk;
  chunk.count = count;
  chunk.lane = lane;
  chunk.level = level;
  chunk.session = session;
  chunk.first_n = first_n;
  chunk.payload = std::move(payload);
  parts_->begin(now);
  return parts_->publish(std::move(chunk));
}

Result<void, PublishError> Engine::submit(TimePoint now, DirectoryOps ops) {
  Parts& p = *parts_;
  p.begin(now);
  if (p.leaving) return Unexpected{PublishError::leaving};
  if (!p.in_view || !p.in_view->loaded || p.component != ComponentState::primary) return Unexpected{PublishError::not_primary};
  if (ops.empty()) return {};
  if (!p.operational()) {
    p.waiting_ops.push_back(std::move(ops));
    return {};
  }
  Chunk chunk;
  chunk.count = static_cast<std::uint32_t>(ops.size());
  chunk.ops = std::make_shared<const DirectoryOps>(std::move(ops));
  return p.publish(std::move(chunk));
}

std::size_t Engine::records_under_way() const {
  const Parts& p = *parts_;
  std::size_t records = p.in_view ? p.in_view->own_records : 0;
  for (const DirectoryOps& waiting : p.waiting_ops) records += waiting.size();
  return records;
}

void Engine::hold_back(TimePoint now, bool on) {
  Parts& p = *parts_;
  p.begin(now);
  if (p.holding_back == on) return;
  p.holding_back = on;
  if (p.in_view && p.stores()) p.in_view->ack_wanted = p.in_view->ack_now = true;
}

void Engine::leave(TimePoint now) {
  Parts& p = *parts_;
  p.begin(now);
  if (p.leaving) return;
  p.leaving = true;
  p.leaving_since = now;
  if (!p.in_view || p.in_view->view.size() == 1) {
    p.coordinator.reset();
    p.left = true;
    return;
  }
  p.heartbeat();
  p.evaluate();
  p.settle();
}

bool Engine::left() const { return parts_->left; }

Result<void, BootstrapError> Engine::bootstrap(TimePoint now) {
  Parts& p = *parts_;
  p.begin(now);
  if (p.disk.installed && !mutant(Mutant::bootstraps_again)) return Unexpected{BootstrapError::has_view};
  if (p.hears_a_view()) return Unexpected{BootstrapError::has_peers_in_view};
  p.bootstrap_wanted = true;
  p.evaluate();
  p.settle();
  return {};
}

Result<void, ForceError> Engine::force_primary(TimePoint now) {
  Parts& p = *parts_;
  p.begin(now);
  if (const auto error = p.not_to_be_forced()) return Unexpected{*error};
  p.force_until = now + force_within;
  p.retry_at = now;
  p.coordinator.reset();
  p.evaluate();
  p.settle();
  return {};
}

Result<void, DiscardError> Engine::discard(TimePoint now) {
  Parts& p = *parts_;
  p.begin(now);
  if (p.config.peers.empty()) return Unexpected{DiscardError::no_peers};
  p.discard();
  p.evaluate();
  p.settle();
  return {};
}

Result<void, ReconfigureError> Engine::reconfigure(TimePoint now, Config config) {
  Parts& p = *parts_;
  p.begin(now);
  if (!may_reconfigure(p.config, config)) return Unexpected{ReconfigureError::lasts_for_a_life};
  p.reconfigure(std::move(config));
  if (!p.started) return {};
  p.heartbeat();
  p.evaluate();
  p.settle();
  return {};
}

void Engine::drain(Outbox& out) {
  parts_->flush();
  out.clear();
  std::swap(out.frames, parts_->out.frames);
  std::swap(out.events, parts_->out.events);
  std::swap(out.writes, parts_->out.writes);
}

std::optional<TimePoint> Engine::next_deadline() const {
  const Parts& p = *parts_;
  if (!p.started) return std::nullopt;
  TimePoint next = p.heartbeat_at;
  if (p.coordinator) next = std::min(next, p.coordinator->deadline());
  if (p.operational() && p.in_view->ack_wanted) next = std::min(next, p.in_view->ack_at);
  if (p.in_view) {
    if (const auto fetch = p.fetch_deadline()) next = std::min(next, *fetch);
  }
  if (p.log_copy) next = std::min(next, p.log_copy->next_try);
  return next;
}

std::vector<std::string> Engine::correspondents() const { return parts_->correspondents(); }
NodeId Engine::self() const { return parts_->self; }
const Directory& Engine::directory() const { return parts_->directory; }
Position Engine::common_part(Position position) const {
  const Parts& p = *parts_;
  if (p.in_view) {
    if (const auto end = p.end_of_common(position)) return *end;
  }
  // Of an epoch whose views nobody remembers the disks have what is left.
  const bool forgotten = p.in_view && position.epoch < p.in_view->view.id.epoch && !p.ends.knows(position);
  return forgotten ? p.durable_log.common_part(position) : p.ends.common_part(position);
}

const DurableLog& Engine::durable_log() const { return parts_->durable_log; }

Status Engine::status() const {
  const Parts& p = *parts_;
  Status status;
  status.self = p.self;
  status.cluster = p.disk.cluster;
  status.node_state = p.node_state();
  status.component = p.component;
  status.doubts = p.doubt_since.has_value();
  status.disk_hangs = p.disk_hangs();
  status.leaving = p.leaving;
  status.left_out = p.farewell.has_value();
  status.promised = p.disk.promised != Ballot{};
  status.accepted = p.disk.accepted.has_value();
  if (p.coordinator) status.coordinates = wait_of(p.coordinator->step());
  for (const auto& [name, peer] : p.detector.peers()) {
    if (p.detector.hears(p.now, peer.node)) status.heard.push_back(name);
  }
  status.waits_for = p.waits_for();
  status.foreign_version = p.foreign_version();
  for (const auto& [name, peer] : p.detector.peers()) {
    if (p.detector.hears(p.now, peer.node) && p.parted_from(peer)) status.parted.push_back(name);
  }
  status.unconfigured = p.unconfigured_members();
  status.dropped_frames = p.dropped_frames;
  status.view_changes = p.view_changes;
  if (!p.in_view) return status;
  const InView& v = *p.in_view;
  status.view = v.view;
  status.loaded = v.loaded;
  status.fetches_cut = v.gathering.has_value();
  status.view_is_uniform = is_uniform_set(v.view, v.installed_by);
  for (std::uint16_t r = 0; r < v.view.size(); ++r) {
    if (p.suspected(Rank{r})) status.suspected.push_back(v.view.members[r].node.name);
  }
  const LaneReplica& lane = v.lanes.front();
  status.sequencer = lane.order().sequencer();
  status.lease = status.sequencer == v.self && p.has_lease();
  status.ordered = lane.order().end();
  status.delivered = lane.delivered();
  status.uniform = lane.stability().uniform();
  status.durable = lane.stability().durable();
  status.stable = lane.stability().stable();
  status.unstable_bytes = lane.stream(v.self).bytes();
  return status;
}

}  // namespace vsync::protocol
