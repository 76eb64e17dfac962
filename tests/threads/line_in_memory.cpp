// Lines without ZeroMQ: the members of the library's Line, in place of client/line.cpp, and of the fake daemon's Router. So the
// library's thread runs as it is, and every byte that goes from one thread to another goes through what ThreadSanitizer sees.
//
// As with ZeroMQ, a body that is sent is neither copied nor given back on the thread that sent it.

#include <poll.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "client/line.hpp"
#include "client/unique_fd.hpp"
#include "router.hpp"

namespace vsync {
namespace {

struct Sent {
  std::vector<std::byte> envelope;
  std::shared_ptr<const client::Body> body;
};

/// The first context of a process and the end of its last one set up and take down libpgm without a lock (pgm_init,
/// pgm_shutdown), so those of several threads do it at once. It is in use with the pgm transport only, which we don't have; with
/// a context that stays it happens once.
const zmq::context_t stays;

constexpr std::size_t sends_under_way = 2;  // as line.cpp has it

/// Both directions of a line, under the lock of the hub it leads to.
struct Pipe {
  std::deque<Sent> to_daemon;
  std::deque<std::vector<std::string>> to_client;
  client::Flag look;  ///< raised when the line's end has something to look at
  bool line_gone = false;
};

/// All lines to one endpoint.
struct Hub {
  std::mutex mutex;
  std::condition_variable sent;
  std::map<std::string, std::shared_ptr<Pipe>> pipes;  ///< by route
  std::uint64_t last_route = 0;
  bool router_gone = false;
};

/// Where a Line leads; nowhere if nobody listened when it was made.
struct End {
  std::shared_ptr<Hub> hub;
  std::shared_ptr<Pipe> pipe;
};

std::mutex network;  // the two below
std::map<std::string, std::shared_ptr<Hub>> hubs;
std::map<const client::Line*, End> ends;

End end_of(const client::Line* line) {
  const std::lock_guard lock(network);
  return ends.at(line);
}

}  // namespace

namespace client {

Line::Line(zmq::context_t&, const std::string& endpoint) {
  const std::lock_guard lock(network);
  End& end = ends[this];
  const auto found = hubs.find(endpoint);
  if (found == hubs.end()) return;
  end = {found->second, std::make_shared<Pipe>()};
  const std::lock_guard hub_lock(end.hub->mutex);
  end.hub->pipes.emplace(std::to_string(++end.hub->last_route), end.pipe);
}

Line::~Line() {
  const std::lock_guard lock(network);
  const End end = ends.extract(this).mapped();
  if (end.hub == nullptr) return;
  const std::lock_guard hub_lock(end.hub->mutex);
  end.pipe->line_gone = true;
}

bool Line::wait(int wake_fd, bool read, bool write, std::chrono::milliseconds timeout) {
  const End end = end_of(this);
  bool ready = true;
  if (end.hub != nullptr) {
    const std::lock_guard lock(end.hub->mutex);
    const bool room = end.pipe->to_daemon.size() < sends_under_way;
    ready = end.hub->router_gone || (read && !end.pipe->to_client.empty()) || (write && room);
    if (!ready) end.pipe->look.lower();
  }
  pollfd items[] = {{wake_fd, POLLIN, 0}, {ready ? -1 : end.pipe->look.fd(), POLLIN, 0}};
  ::poll(items, 2, ready ? 0 : static_cast<int>(timeout.count()));
  return items[0].revents != 0;
}

Line::Health Line::health() {
  const End end = end_of(this);
  if (end.hub == nullptr) return Health::refused;
  const std::lock_guard lock(end.hub->mutex);
  return end.hub->router_gone ? Health::lost : Health::connected;
}

Line::Received Line::receive(zmq::message_t& envelope, zmq::message_t& body) {
  const End end = end_of(this);
  if (end.hub == nullptr) return Received::nothing;
  std::vector<std::string> parts;
  {
    const std::lock_guard lock(end.hub->mutex);
    if (end.pipe->to_client.empty()) return Received::nothing;
    parts = std::move(end.pipe->to_client.front());
    end.pipe->to_client.pop_front();
  }
  if (parts.size() != 2) return Received::malformed;
  envelope = zmq::message_t(parts[0].data(), parts[0].size());
  body = zmq::message_t(parts[1].data(), parts[1].size());
  return Received::message;
}

bool Line::writable() {
  const End end = end_of(this);
  if (end.hub == nullptr) return false;
  const std::lock_guard lock(end.hub->mutex);
  return end.pipe->to_daemon.size() < sends_under_way;
}

bool Line::send(std::span<const std::byte> envelope, const std::shared_ptr<const Body>& body) {
  const End end = end_of(this);
  if (end.hub == nullptr) return false;
  {
    const std::lock_guard lock(end.hub->mutex);
    if (end.hub->router_gone) return false;
    end.pipe->to_daemon.push_back({{envelope.begin(), envelope.end()}, body});
  }
  end.hub->sent.notify_one();
  return true;
}

}  // namespace client

namespace testing {

struct Router::Socket {
  std::string endpoint;
  std::shared_ptr<Hub> hub = std::make_shared<Hub>();
};

Router::Router(const std::string& endpoint) : socket_(std::make_unique<Socket>(Socket{.endpoint = endpoint})) {
  const std::lock_guard lock(network);
  hubs.emplace(endpoint, socket_->hub);
}

Router::~Router() {
  const std::lock_guard lock(network);
  hubs.erase(socket_->endpoint);
  const std::lock_guard hub_lock(socket_->hub->mutex);
  socket_->hub->router_gone = true;
  for (const auto& [route, pipe] : socket_->hub->pipes) pipe->look.raise();
}

void Router::wait() {
  Hub& hub = *socket_->hub;
  std::unique_lock lock(hub.mutex);
  hub.sent.wait_for(lock, std::chrono::milliseconds(1), [&] {
    return std::any_of(hub.pipes.begin(), hub.pipes.end(), [](const auto& entry) { return !entry.second->to_daemon.empty(); });
  });
}

bool Router::receive(Request& request) {
  Hub& hub = *socket_->hub;
  Sent sent;
  {
    const std::lock_guard lock(hub.mutex);
    std::erase_if(hub.pipes, [](const auto& entry) { return entry.second->line_gone && entry.second->to_daemon.empty(); });
    const auto found =
        std::find_if(hub.pipes.begin(), hub.pipes.end(), [](const auto& entry) { return !entry.second->to_daemon.empty(); });
    if (found == hub.pipes.end()) return false;
    request.route = found->first;
    sent = std::move(found->second->to_daemon.front());
    found->second->to_daemon.pop_front();
    found->second->look.raise();
  }
  request.envelope = std::move(sent.envelope);
  request.body = sent.body != nullptr ? *sent.body : client::Body();
  return true;
}

void Router::send(const std::string& route, const std::vector<std::string>& parts) {
  Hub& hub = *socket_->hub;
  const std::lock_guard lock(hub.mutex);
  const auto found = hub.pipes.find(route);
  if (found == hub.pipes.end()) return;
  found->second->to_client.push_back(parts);
  found->second->look.raise();
}

}  // namespace testing
}  // namespace vsync
