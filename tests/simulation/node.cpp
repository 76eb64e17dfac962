#include "tests/simulation/node.hpp"

#include <algorithm>
#include <utility>

#include "checker/primary_rule.hpp"
#include "protocol/assert.hpp"

namespace vsync::simulation {

using protocol::Duration;
using protocol::TimePoint;

namespace {
constexpr std::uint32_t ticks_at_once_max = 1000;
}

Node::Node(Host host, std::string name, NodeOptions options, protocol::Config config, Random random, Surroundings& around)
    : host_(host), name_(std::move(name)), options_(options), config_(std::move(config)), random_(random), around_(around) {}

TimePoint Node::local(TimePoint world) const {
  const std::int64_t ns = world.time_since_epoch().count();
  return TimePoint(Duration(ns + ns / 1'000'000 * options_.drift_ppm) + ahead_);
}

TimePoint Node::world(TimePoint local) const {
  const std::int64_t ns = (local - ahead_).time_since_epoch().count();
  TimePoint found(Duration(ns - ns / 1'000'000 * options_.drift_ppm));
  for (int i = 0; i < 2; ++i) found += local - this->local(found);
  while (this->local(found) < local) found += std::chrono::microseconds(1);
  return found;
}

void Node::start(bool with_disk) {
  if (!with_disk) {
    disk_.stored.reset();
    disk_.log.clear();
  }
  disk_.under_way.clear();
  protocol::PersistentState found = disk_.stored.value_or(protocol::PersistentState{});
  protocol::PersistentState counted = found;
  ++counted.incarnation_counter;
  disk_.stored = counted;
  const protocol::NodeId self{name_, {counted.incarnation_counter, random_.next()}};
  engine_.emplace(self, config_, protocol::Restored{std::move(found), disk_.log}, random_.next());
  tap_.emplace(self);
  around_.trace.add(around_.schedule.now(), self, checker::NodeStarted{.with_disk = with_disk});
  ++process_;
  view_.reset();
  longest_lease_ = config_.lease;
  paused_ = false;
  leaving_ = false;
  writing_ = false;
  hung_ = 0;
  waiting_.clear();
  powered = true;
  feed([this](TimePoint now) {
    engine_->on_wall_clock(std::chrono::hours(24 * 365 * 50));
    engine_->start(now);
  });
}

void Node::kill() {
  if (!running()) return;
  around_.trace.add(around_.schedule.now(), tap_->self(), checker::Crashed{});
  // Of the writes under way, some beginning may have reached the disk.
  const std::uint64_t done = random_.between(0, disk_.under_way.size());
  for (std::uint64_t i = 0; i < done; ++i) put(disk_.under_way[i]);
  if (done < disk_.under_way.size()) {  // of the one in the middle perhaps its first records
    auto torn = std::move(disk_.under_way[done]);
    torn.state.reset();
    torn.log.resize(random_.between(0, torn.log.size()));
    put(torn);
  }
  disk_.under_way.clear();
  engine_.reset();
  tap_.reset();
  waiting_.clear();
  armed_for_.reset();
  ++timer_;
  ++process_;
  ++pauses_;
}

void Node::pause() {
  if (!running()) return;
  ++pauses_;
  if (paused_) return;
  paused_ = true;
  paused_at_ = around_.schedule.now();
}

void Node::resume(Duration ahead) {
  if (!running() || !paused_) return;
  paused_ = false;
  ahead_ += ahead;
  tap_->resumed(around_.trace, around_.schedule.now(), around_.schedule.now() - paused_at_);
  // A woken process looks at its timers or at its sockets first.
  if (random_.chance(500)) run([this](TimePoint now) { engine_->on_tick(now); });
  while (running() && !waiting_.empty()) {
    const Input input = std::move(waiting_.front());
    waiting_.pop_front();
    run(input);
  }
  if (running()) run([this](TimePoint now) { engine_->on_tick(now); });
}

void Node::receive(FramePtr frame) {
  feed([this, frame = std::move(frame)](TimePoint now) {
    last_received_ = now;
    engine_->on_frame(now, *frame);
  });
}

void Node::link_changed(const std::string& peer, protocol::LinkState state) {
  feed([this, peer, state](TimePoint now) { engine_->on_link(now, peer, state); });
}

void Node::reconfigure(protocol::Config config) {
  config_ = std::move(config);
  longest_lease_ = std::max(longest_lease_, config_.lease);
  if (running()) feed([this, config = config_](TimePoint now) { VSYNC_ASSERT(engine_->reconfigure(now, config)); });
}

void Node::leave() {
  leaving_ = true;
  feed([this](TimePoint now) { engine_->leave(now); });
}

void Node::bootstrap() {
  feed([this](TimePoint now) { (void)engine_->bootstrap(now); });
}

void Node::set_wall_clock(Duration wall) {
  if (running()) engine_->on_wall_clock(wall);
}

void Node::hold_back(bool on) {
  feed([this, on](TimePoint now) { engine_->hold_back(now, on); });
}

bool Node::force_primary() {
  bool taken = false;
  if (responsive()) run([&](TimePoint now) { taken = engine_->force_primary(now).has_value(); });
  return taken;
}

void Node::discard() {
  feed([this](TimePoint now) { (void)engine_->discard(now); });
}

bool Node::publish(const checker::Published& publish, protocol::Payload payload, protocol::PublishError& error) {
  bool accepted = false;
  // Only where it can be full in such a run: the status costs more than a publish.
  const bool full = config_.window_bytes < protocol::Config{}.window_bytes && engine_->status().unstable_bytes >= config_.window_bytes;
  run([&](TimePoint now) {
    const auto result =
        engine_->publish(now, publish.session, publish.first_n, publish.count, publish.lane, publish.level, std::move(payload));
    accepted = result.has_value();
    if (!accepted) error = result.error();
    around_.window_exceeded = around_.window_exceeded || (accepted && full);
    checker::Published told = publish;
    told.accepted = accepted;
    tap_->published(told);
  });
  return accepted;
}

bool Node::submit(protocol::DirectoryOps ops) {
  bool accepted = false;
  run([&](TimePoint now) { accepted = engine_->submit(now, std::move(ops)).has_value(); });
  return accepted;
}

void Node::feed(Input input) {
  if (!running()) return;
  if (paused_) {
    waiting_.push_back(std::move(input));
  } else {
    run(input);
  }
}

void Node::run(const Input& input) {
  ++around_.inputs;
  input(local(around_.schedule.now()));
  drain();
  if (around_.looks) around_.looks(host_);
}

void Node::drain() {
  engine_->drain(outbox_);
  tap_->record(around_.trace, around_.schedule.now(), engine_->self(), outbox_);
  const bool epoch_begins = std::any_of(outbox_.events.begin(), outbox_.events.end(), [](const protocol::Event& event) {
    const auto* installed = std::get_if<protocol::ViewInstalled>(&event);
    return installed != nullptr && installed->restart;
  });
  if (epoch_begins) note_log();
  judge_lease();
  judge_promise();
  for (protocol::Write& write : outbox_.writes) disk_.under_way.push_back(std::move(write));
  if (!writing_) write_next();
  for (const protocol::Outgoing& outgoing : outbox_.frames) around_.send(host_, outgoing);
  // What the sessions do with an event comes later: nothing re-enters the engine while its outbox is read.
  for (const protocol::Event& event : outbox_.events) around_.event(host_, event);
  arm();
}

// Who orders has heard somebody within its lease, and everybody else hears the order from it. So nobody who has heard nothing for longer hands
// anything out, but the cut with the next view; unless it may go on alone.
void Node::judge_lease() {
  bool delivers = false;
  for (const protocol::Event& event : outbox_.events) {
    if (const auto* delivered = std::get_if<protocol::Delivered>(&event)) delivers = delivers || !delivered->ahead();
    const auto* installed = std::get_if<protocol::ViewInstalled>(&event);
    if (installed == nullptr) continue;
    view_ = installed->view;
    delivers = false;
  }
  const auto rank = view_ ? view_->rank_of(engine_->self()) : std::nullopt;
  if (!delivers || !rank || local(around_.schedule.now()) - last_received_ <= longest_lease_) return;
  around_.ordered_alone = around_.ordered_alone || !checker::may_go_on(*view_, {*rank});
}

// After a crash a coordinator must not use a ballot for another value that somebody has answered.
void Node::judge_promise() {
  for (const protocol::Outgoing& outgoing : outbox_.frames) {
    const auto* prepare = std::get_if<protocol::Prepare>(&outgoing.frame->body);
    if (prepare == nullptr) continue;
    const auto& stored = disk_.stored;
    const bool promised = stored && stored->installed && stored->installed->id == prepare->view.id && stored->promised >= prepare->ballot;
    around_.asked_unpromised = around_.asked_unpromised || !promised;
  }
}

void Node::note_log() {
  if (!running() || !engine_->status().loaded || config_.witness) return;
  tap_->logged(around_.trace, around_.schedule.now(), engine_->durable_log(), std::max<std::uint16_t>(config_.lanes, 1));
}

void Node::put(const protocol::Write& write) {
  disk_.log.insert(disk_.log.end(), write.log.begin(), write.log.end());
  if (write.state) disk_.stored = write.state;
}

// What waits goes to the disk together, as far as log records come before states: the daemon's store does the same.
std::size_t Node::group() const {
  std::size_t size = 0;
  bool state = false;
  for (const protocol::Write& write : disk_.under_way) {
    if (state && !write.log.empty()) break;
    state = state || write.state;
    ++size;
  }
  return size;
}

void Node::write_next() {
  if (disk_.under_way.empty()) return;
  writing_ = true;
  const auto delay = random_.between(disk_.write_min, std::max(disk_.write_min, disk_.write_max));
  around_.schedule.after(delay, [this, process = process_, writes = group()] {
    if (process != process_) return;
    if (disk_.hangs > 0) {
      hung_ = writes;
    } else if (disk_.fails > 0) {
      around_.disk_failed(host_);  // and that may leave any beginning of what is under way, like every crash
    } else {
      end_writes(writes);
    }
  });
}

void Node::disk_works_again() {
  if (!running() || hung_ == 0 || !disk_.works()) return;
  end_writes(std::exchange(hung_, 0));
}

void Node::end_writes(std::size_t writes) {
  writing_ = false;
  protocol::WriteToken token = 0;
  for (std::size_t i = 0; i < writes; ++i) {
    token = disk_.under_way.front().token;
    put(disk_.under_way.front());
    disk_.under_way.pop_front();
  }
  write_next();
  feed([this, token](TimePoint now) { engine_->on_persisted(now, token); });
}

void Node::arm() {
  const auto deadline = engine_->next_deadline();
  if (!deadline) return;
  const TimePoint at = std::max(world(*deadline), around_.schedule.now());
  if (armed_for_ && *armed_for_ == at) return;
  armed_for_ = at;
  around_.schedule.at(at, [this, timer = ++timer_, process = process_] {
    if (process != process_ || timer != timer_) return;
    armed_for_.reset();
    const TimePoint now = around_.schedule.now();
    ticks_at_once_ = now == last_tick_ ? ticks_at_once_ + 1 : 0;
    last_tick_ = now;
    if (ticks_at_once_ > ticks_at_once_max) {
      around_.drain_stuck = true;
      return;
    }
    if (!paused_) run([this](TimePoint at_once) { engine_->on_tick(at_once); });
  });
}

}  // namespace vsync::simulation
