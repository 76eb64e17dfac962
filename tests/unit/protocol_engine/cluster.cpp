#include "cluster.hpp"

#include <algorithm>
#include <utility>

namespace vsync::protocol::test {

Cluster::Cluster(const std::vector<std::string>& names, const Config& base) : base_(base), names_(names) {}

Cluster::~Cluster() = default;

void Cluster::start(const std::string& name) {
  Node& node = nodes_[name];
  Config config = base_;
  for (const std::string& other : names_) {
    if (other != name) config.peers.push_back(other);
  }
  if (configure) configure(name, config);
  ++node.disk.incarnation_counter;
  ++node.life;
  const NodeId self{name, {node.disk.incarnation_counter, seed_}};
  node.engine = std::make_unique<Engine>(self, config, Restored{node.disk, node.log}, ++seed_);
  node.running = true;
  node.engine->start(now_);
  drain(name);
}

void Cluster::start_all() {
  for (const std::string& name : names_) start(name);
}

void Cluster::crash(const std::string& name, bool tell) {
  nodes_[name].running = false;
  for (const std::string& other : names_) {
    if (!tell || other == name || !nodes_[other].running || cut_.contains({other, name})) continue;
    nodes_[other].engine->on_link(now_, name, LinkState::refused);
    drain(other);
  }
}

void Cluster::cut(const std::string& a, const std::string& b) { cut_.insert({a, b}); cut_.insert({b, a}); }

void Cluster::pause(const std::string& name) { nodes_[name].paused = true; }

void Cluster::resume(const std::string& name) { nodes_[name].paused = false; }

void Cluster::wipe(const std::string& name) {
  nodes_[name].disk = {};
  nodes_[name].log.clear();
}

const PersistentState& Cluster::disk(const std::string& name) { return nodes_[name].disk; }

void Cluster::inject(const std::string& to, const Frame& frame) {
  nodes_[to].engine->on_frame(now_, frame);
  drain(to);
}

void Cluster::leave(const std::string& name) {
  at(name).leave(now_);
  drain(name);
}

void Cluster::submit(const std::string& name, DirectoryOps ops) {
  (void)at(name).submit(now_, std::move(ops));
  drain(name);
}

Engine& Cluster::at(const std::string& name) { return *nodes_[name].engine; }

std::vector<Event>& Cluster::events(const std::string& name) { return nodes_[name].events; }

std::vector<std::string> Cluster::view(const std::string& name) {
  std::vector<std::string> members;
  if (const auto view = at(name).status().view) {
    for (const Member& member : view->members) members.push_back(member.node.name);
  }
  return members;
}

std::vector<std::string> Cluster::delivered(const std::string& name) {
  std::vector<std::string> out;
  for (const Event& event : events(name)) {
    const auto* delivered = std::get_if<Delivered>(&event);
    if (delivered == nullptr) continue;
    for (std::uint32_t i = delivered->skip; i < delivered->chunk.count; ++i) {
      out.push_back(std::to_string(delivered->chunk.session.low) + ":" + std::to_string(delivered->chunk.first_n + i));
    }
  }
  return out;
}

void Cluster::open_session(const std::string& name, std::uint64_t session) {
  (void)at(name).submit(now_, {OpenSession{{0, session}, at(name).self(), "app"}});
  drain(name);
}

Result<void, PublishError> Cluster::publish(const std::string& name, std::uint64_t session, std::uint64_t first_n, std::uint32_t count,
                                   Level level) {
  auto result = at(name).publish(now_, {0, session}, first_n, count, Lane{}, level, Payload(std::vector<std::byte>(count)));
  drain(name);
  return result;
}

bool Cluster::run_until(const std::function<bool()>& done, Duration limit) {
  const TimePoint end = now_ + limit;
  while (now_ < end) {
    if (done && done()) return true;
    step();
  }
  return done && done();
}

bool Cluster::settled(const std::vector<std::string>& members) {
  for (const std::string& name : members) {
    const Status status = at(name).status();
    if (status.component != ComponentState::primary || view(name) != view(members.front()) || view(name).size() != members.size()) return false;
    for (const Member& member : status.view->members) {
      if (!member.loaded || member.weight == 0) return false;
    }
  }
  return true;
}

void Cluster::drain(const std::string& name) {
  Node& node = nodes_[name];
  node.engine->drain(outbox_);
  for (Event& event : outbox_.events) node.events.push_back(std::move(event));
  for (Write& write : outbox_.writes) arrivals_.push_back({now_ + write_delay, name, node.life, nullptr, name, write});
  for (Outgoing& frame : outbox_.frames) {
    if (cut_.contains({name, frame.to}) || (drop && drop(name, frame.to, *frame.frame))) continue;
    std::shared_ptr<const Frame> sent = frame.frame;
    if (alter) {
      Frame altered = *sent;
      alter(frame.to, altered);
      sent = std::make_shared<const Frame>(std::move(altered));
    }
    arrivals_.push_back({now_ + frame_delay, frame.to, 0, std::move(sent), name, {}});
  }
}

void Cluster::step() {
  TimePoint next = now_ + std::chrono::milliseconds(10);
  for (const Arrival& arrival : arrivals_) {
    if (!nodes_[arrival.to].paused) next = std::min(next, arrival.at);
  }
  for (const auto& [name, node] : nodes_) {
    if (!node.running || node.paused) continue;
    if (const auto deadline = node.engine->next_deadline()) next = std::min(next, *deadline);
  }
  now_ = std::max(now_ + std::chrono::microseconds(1), next);
  for (auto arrival = arrivals_.begin(); arrival != arrivals_.end();) {
    if (arrival->at > now_ || nodes_[arrival->to].paused) {
      ++arrival;
      continue;
    }
    const Arrival due = *arrival;
    arrival = arrivals_.erase(arrival);
    deliver(due);
    arrival = arrivals_.begin();
  }
  for (auto& [name, node] : nodes_) {
    if (!node.running || node.paused) continue;
    node.engine->on_tick(now_);
    drain(name);
  }
}

void Cluster::deliver(const Arrival& due) {
  Node& node = nodes_[due.to];
  if (!node.running) return;
  if (due.frame == nullptr) {
    if (due.life != node.life) return;
    node.log.insert(node.log.end(), due.write.log.begin(), due.write.log.end());
    if (due.write.state) node.disk = *due.write.state;
    if (written) written(due.to, due.write);
    node.engine->on_persisted(now_, due.write.token);
  } else if (!cut_.contains({due.from, due.to})) {
    node.engine->on_frame(now_, *due.frame);
  }
  drain(due.to);
}

}  // namespace vsync::protocol::test
