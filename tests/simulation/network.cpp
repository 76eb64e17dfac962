#include "tests/simulation/network.hpp"

#include <utility>

namespace vsync::simulation {

using protocol::Duration;
using protocol::LinkState;

Network::Network(std::size_t hosts, NetworkOptions options, Random random, Schedule& schedule, Hosts& owner)
    : hosts_(hosts),
      options_(options),
      random_(random),
      schedule_(schedule),
      owner_(owner),
      cuts_(hosts * hosts),
      barred_(hosts * hosts),
      full_(hosts * hosts),
      pairs_(hosts * hosts),
      channels_(hosts * hosts * 2),
      processes_(hosts) {}

void Network::send(Host from, Host to, FramePtr frame, bool bulk) {
  if (filter && filter(from, to, frame)) return;
  if (!pair(from, to).connected || random_.chance(options_.loss_permille)) return;
  if (bulk && full_[index(from, to)] > 0) return;
  if (random_.chance(options_.duplicate_permille)) put_under_way(from, to, frame, bulk);
  put_under_way(from, to, std::move(frame), bulk);
}

void Network::put_under_way(Host from, Host to, FramePtr frame, bool bulk) {
  Duration delay = random_.between(options_.delay_min, bulk ? std::max(options_.delay_max, options_.bulk_delay_max) : options_.delay_max);
  if (random_.chance(options_.spike_permille)) delay += random_.between(Duration{}, options_.spike_max);
  Channel& path = channel(from, to, bulk);
  if (bulk && (options_.slow_host == from || options_.slow_host == to)) {
    path.free_at = std::max(path.free_at, schedule_.now()) + time_on_slow_link(*frame);
    delay += path.free_at - schedule_.now();
  }
  path.last_arrival = std::max(path.last_arrival, schedule_.now() + delay);
  const std::uint64_t connection = pair(from, to).connection;
  schedule_.at(path.last_arrival, [this, from, to, bulk, connection, process = processes_[to], frame = std::move(frame)] {
    const Pair& now = pair(from, to);
    if (!now.connected || now.connection != connection) return come_late(to, frame, process);
    Channel& here = channel(from, to, bulk);
    if (!open(from, to) || !owner_.powered(to) || !here.stalled.empty()) {
      here.stalled.push_back(frame);
      break_later(from, to);
    } else if (owner_.running(to)) {
      owner_.receive(to, frame);
    }
  });
}

Duration Network::time_on_slow_link(const protocol::Frame& frame) const {
  std::uint64_t bytes = protocol::Chunk::overhead_bytes;
  if (const auto* data = std::get_if<protocol::Data>(&frame.body)) {
    for (const protocol::Chunk& chunk : data->chunks) bytes += chunk.bytes();
  }
  return Duration(std::chrono::seconds(1)) / static_cast<std::int64_t>(options_.slow_bytes_per_second) * static_cast<std::int64_t>(bytes);
}

// The receiver's library had them already, and gives them when it comes to that connection.
void Network::come_late(Host to, FramePtr frame, std::uint64_t process) {
  if (options_.late_permille == 0 || !random_.chance(options_.late_permille)) return;
  schedule_.after(random_.between(Duration{}, options_.late_max), [this, to, process, frame = std::move(frame)] {
    if (owner_.running(to) && processes_[to] == process) owner_.receive(to, frame);
  });
}

void Network::woke(Host host) {
  for (Host peer = 0; peer < hosts_; ++peer) {
    if (peer != host && open(peer, host)) flush_stalled(peer, host);
  }
}

void Network::mend(Host from, Host to) {
  int& cuts = cuts_[index(from, to)];
  if (cuts > 0 && --cuts == 0 && open(from, to)) flush_stalled(from, to);
}

void Network::mend_all() {
  std::fill(full_.begin(), full_.end(), 0);
  for (Host from = 0; from < hosts_; ++from) {
    for (Host to = 0; to < hosts_; ++to) {
      const bool was_open = open(from, to);
      cuts_[index(from, to)] = 0;
      barred_[index(from, to)] = false;
      if (!was_open) flush_stalled(from, to);
    }
  }
}

// What has stalled arrives before what is still under way behind it.
void Network::flush_stalled(Host from, Host to) {
  for (const bool bulk : {false, true}) {
    for (FramePtr& frame : std::exchange(channel(from, to, bulk).stalled, {})) {
      schedule_.after(Duration{}, [this, from, to, connection = pair(from, to).connection, frame = std::move(frame)] {
        const Pair& now = pair(from, to);
        if (now.connected && now.connection == connection && owner_.running(to)) owner_.receive(to, frame);
      });
    }
  }
}

void Network::started(Host host) {
  ++processes_[host];
  for (Host peer = 0; peer < hosts_; ++peer) {
    if (peer == host) continue;
    if (pair(host, peer).connected) disconnect(host, peer);  // with the process before: nobody had noticed yet
    dial_later(host, peer);
  }
}

void Network::ended(Host host, bool powered) {
  for (Host peer = 0; peer < hosts_; ++peer) {
    if (peer == host || !pair(host, peer).connected) continue;
    if (powered && open(host, peer)) {
      disconnect(host, peer);
    } else {
      break_later(host, peer);
    }
  }
}

void Network::reset(Host a, Host b) {
  if (pair(a, b).connected) disconnect(a, b);
}

void Network::dial_later(Host a, Host b) {
  Pair& both = pair(a, b);
  if (both.connected || both.dialling) return;
  both.dialling = true;
  schedule_.after(random_.between(options_.dial_every_min, options_.dial_every_max), [this, a, b] { dial(a, b); });
}

void Network::dial(Host a, Host b) {
  Pair& both = pair(a, b);
  both.dialling = false;
  if (both.connected || (!owner_.running(a) && !owner_.running(b))) return;
  const bool reachable = open(a, b) && open(b, a) && owner_.powered(a) && owner_.powered(b);
  if (!reachable) return dial_later(a, b);
  if (owner_.running(a) && owner_.running(b)) {
    both.connected = true;
    ++both.connection;
    tell(a, b, LinkState::up, Duration{});
    tell(b, a, LinkState::up, Duration{});
    return;
  }
  const Host alive = owner_.running(a) ? a : b;
  tell(alive, alive == a ? b : a, LinkState::refused, Duration{});
  dial_later(a, b);
}

void Network::break_later(Host a, Host b) {
  Pair& both = pair(a, b);
  if (!both.connected || both.breaking) return;
  both.breaking = true;
  schedule_.after(random_.between(options_.break_after_min, options_.break_after_max), [this, a, b, connection = both.connection] {
    Pair& now = pair(a, b);
    if (now.connection != connection) return;
    now.breaking = false;
    const bool healthy = open(a, b) && open(b, a) && owner_.running(a) && owner_.running(b) && owner_.powered(a) && owner_.powered(b);
    if (now.connected && !healthy) disconnect(a, b);
  });
}

void Network::disconnect(Host a, Host b) {
  Pair& both = pair(a, b);
  both.connected = false;
  both.breaking = false;
  ++both.connection;
  for (const bool bulk : {false, true}) {
    channel(a, b, bulk) = {};
    channel(b, a, bulk) = {};
  }
  tell(a, b, LinkState::down, random_.between(Duration{}, options_.delay_max));
  tell(b, a, LinkState::down, random_.between(Duration{}, options_.delay_max));
  dial_later(a, b);
}

void Network::tell(Host host, Host peer, LinkState state, Duration delay) {
  const std::uint64_t connection = pair(host, peer).connection;
  schedule_.after(delay, [this, host, peer, state, connection] {
    if (owner_.running(host) && pair(host, peer).connection == connection) owner_.link_changed(host, peer, state);
  });
}

}  // namespace vsync::simulation
