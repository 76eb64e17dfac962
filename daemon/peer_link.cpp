#include "daemon/peer_link.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "daemon/refusal_probe.hpp"

namespace vsync::daemon {

namespace {

constexpr int peer_send_hwm = 1000;
// A peer says nothing but ZeroMQ's own commands on a connection of ours.
constexpr std::int64_t command_bytes_max = 4096;
// A dead process is noticed by the first refused attempt, so the first attempts come soon.
constexpr int reconnect_ms = 10;
constexpr int reconnect_ms_max = 200;

zmq::socket_t make_push(zmq::context_t& context, const PeerConfiguration& peer, const std::optional<KeyPair>& keys,
                        const LinkTimes& times, bool bulk) {
  zmq::socket_t socket(context, zmq::socket_type::push);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::immediate, true);
  socket.set(zmq::sockopt::sndhwm, peer_send_hwm);
  socket.set(zmq::sockopt::maxmsgsize, command_bytes_max);
  socket.set(zmq::sockopt::ipv6, true);
  socket.set(zmq::sockopt::reconnect_ivl, reconnect_ms);
  socket.set(zmq::sockopt::reconnect_ivl_max, reconnect_ms_max);
  socket.set(zmq::sockopt::connect_timeout, times.connect_timeout_ms);
  socket.set(zmq::sockopt::handshake_ivl, times.handshake_timeout_ms);
  socket.set(zmq::sockopt::heartbeat_ivl, times.heartbeat_ms);
  socket.set(zmq::sockopt::heartbeat_timeout, bulk ? times.bulk_heartbeat_timeout_ms : times.heartbeat_timeout_ms);
  if (keys) {
    socket.set(zmq::sockopt::curve_publickey, keys->public_key);
    socket.set(zmq::sockopt::curve_secretkey, keys->secret_key);
    socket.set(zmq::sockopt::curve_serverkey, peer.public_key);
  }
  return socket;
}

// Not ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: libzmq (4.3.4) also says that of a message on an established connection that it can't
// decrypt, and saying it overwrites the error by which it would end the connection. The connection then stays, stopped, and when the peer
// ends it before ZeroMQ's heartbeat does, an assertion in out_event() stops the process.
zmq::socket_t make_monitor(zmq::context_t& context, zmq::socket_t& watched) {
  const std::string address = "inproc://monitor-" + std::to_string(reinterpret_cast<std::uintptr_t>(watched.handle()));
  const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
  if (zmq_socket_monitor(watched.handle(), address.c_str(), events) != 0) throw zmq::error_t();
  zmq::socket_t socket(context, zmq::socket_type::pair);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(address);
  return socket;
}

}  // namespace

LinkTimes::LinkTimes(protocol::Duration suspect_after, bool other_way) {
  const int suspect_ms = static_cast<int>(suspect_after / std::chrono::milliseconds(1)) / (other_way ? 3 : 1);
  connect_timeout_ms = std::clamp(suspect_ms / 2, 100, 1000);
  handshake_timeout_ms = std::max(2 * suspect_ms, 1000);
  heartbeat_ms = std::max(suspect_ms / 4, 20);
  heartbeat_timeout_ms = std::max(suspect_ms, 200);
}

// ---------------------------------------------------------------- Outlet

Outlet::Outlet(uv_loop_t* loop, zmq::context_t& context, const PeerConfiguration& peer, const std::string& endpoint,
               const std::optional<KeyPair>& keys, const LinkTimes& times, bool bulk, std::size_t queue_bytes_max,
               std::function<void()> given_up)
    : endpoint_(endpoint),
      queue_bytes_max_(queue_bytes_max),
      socket_(make_push(context, peer, keys, times, bulk)),
      wake_([this] { take_commands(); }),
      monitor_(make_monitor(context, socket_)),
      monitor_poller_(loop, monitor_),
      given_up_(std::move(given_up)),
      patience_([this] { patience_ended_ = true; }) {
  require_of_loop(uv_poll_init(loop, wake_.get(), socket_.get(zmq::sockopt::fd)));
  uv_poll_start(wake_.get(), UV_READABLE, &LoopHandle<uv_poll_t>::call<int, int>);
  uv_timer_init(loop, patience_.get());
}

Outlet::~Outlet() { zmq_socket_monitor(socket_.handle(), nullptr, 0); }

void Outlet::connect() {
  wanted_ = true;
  socket_.connect(endpoint_);
}

void Outlet::disconnect() {
  wanted_ = false;
  be_patient_no_more();
  // An error says that there is nothing to leave.
  (void)zmq_disconnect(socket_.handle(), endpoint_.c_str());
}

// That ZeroMQ tries again it says in the same breath as that a connection is lost.
std::optional<Outlet::Event> Outlet::next_event() {
  if (!monitor_poller_.readable()) return std::nullopt;
  zmq::message_t text;
  zmq::message_t address;
  if (!monitor_.recv(text, zmq::recv_flags::dontwait)) {
    monitor_poller_.drained();
    return std::nullopt;
  }
  (void)monitor_.recv(address, zmq::recv_flags::dontwait);
  Event event;
  std::memcpy(&event.kind, text.data<std::byte>(), sizeof event.kind);
  std::memcpy(&event.value, text.data<std::byte>() + sizeof event.kind, sizeof event.value);
  if (event.kind == ZMQ_EVENT_DISCONNECTED && wanted_) {
    uv_timer_start(patience_.get(), &LoopHandle<uv_timer_t>::call<>, reconnect_ms_max, 0);
  } else if (event.kind == ZMQ_EVENT_CONNECT_RETRIED || event.kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
    be_patient_no_more();
  }
  return event;
}

void Outlet::take_commands() {
  int events = 0;  // to ask for them is what takes commands; an interrupted question is asked again
  std::size_t size = sizeof events;
  (void)zmq_getsockopt(socket_.handle(), ZMQ_EVENTS, &events, &size);
}

void Outlet::be_patient_no_more() {
  uv_timer_stop(patience_.get());
  patience_ended_ = false;
}

void Outlet::begin_anew_if_given_up() {
  if (!patience_ended_) return;
  given_up_();
  disconnect();
  connect();
}

// The envelope's acceptance decides: a pipe that took the first part has room for the second.
bool Outlet::try_send(Parcel& parcel) {
  if (!socket_.send(parcel.envelope, zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return false;
  (void)socket_.send(parcel.body, zmq::send_flags::dontwait);
  return true;
}

std::size_t Outlet::send(Parcel parcel, bool heartbeat, bool link_up) {
  if (queue_.empty() && try_send(parcel)) return 0;
  if (!link_up) return 1;
  std::size_t dropped = 0;
  while (!queue_.empty() && queue_bytes_ + parcel.bytes() > queue_bytes_max_) {
    auto oldest = std::find_if(queue_.begin(), queue_.end(), [](const Waiting& w) { return w.heartbeat; });
    if (oldest == queue_.end()) return dropped + 1;
    queue_bytes_ -= oldest->parcel.bytes();
    queue_.erase(oldest);
    ++dropped;
  }
  queue_bytes_ += parcel.bytes();
  queue_.push_back({std::move(parcel), heartbeat});
  return dropped;
}

void Outlet::flush() {
  while (!queue_.empty()) {
    const std::size_t bytes = queue_.front().parcel.bytes();
    if (!try_send(queue_.front().parcel)) return;
    queue_bytes_ -= bytes;
    queue_.pop_front();
  }
}

std::size_t Outlet::clear() {
  queue_bytes_ = 0;
  std::size_t dropped = queue_.size();
  queue_.clear();
  return dropped;
}

// ---------------------------------------------------------------- PeerLink

// What leads to one address. Sockets and monitors for each, so that what is still to be said of an address that was left is not taken for
// news of the other one.
struct PeerLink::Way {
  std::string endpoint;
  Outlet control;
  Outlet bulk;
  RefusalProbe probe;

  Way(uv_loop_t* loop, zmq::context_t& context, const PeerConfiguration& peer, std::size_t address, const std::optional<KeyPair>& keys,
      const LinkTimes& times, std::size_t queue_bytes_max, const std::function<void()>& given_up, std::function<void()> refused)
      : endpoint(peer.endpoints[address]),
        control(loop, context, peer, endpoint, keys, times, false, queue_bytes_max, given_up),
        bulk(loop, context, peer, endpoint, keys, times, true, queue_bytes_max, given_up),
        probe(loop, *parse_endpoint(endpoint), std::move(refused)) {}

  void connect() {
    while (control.next_event() || bulk.next_event()) {  // of a former connection
    }
    control.connect();
    bulk.connect();
  }

  void disconnect() {
    control.disconnect();
    bulk.disconnect();
  }

  [[nodiscard]] bool pending() {
    const bool any = control.pending();
    return bulk.pending() || any;
  }
};

PeerLink::PeerLink(uv_loop_t* loop, zmq::context_t& context, const LinkPlan& plan, const std::optional<KeyPair>& keys, Counters& counters,
                   Log& log, Changed changed)
    : plan_(plan),
      name_(plan.peer.name),
      counters_(counters),
      log_(log),
      changed_(std::move(changed)),
      choice_(plan.peer.endpoints.size()) {
  for (std::size_t address = 0; address < plan.peer.endpoints.size(); ++address) {
    ways_.push_back(std::make_unique<Way>(loop, context, plan.peer, address, keys, plan.times, plan.queue_bytes_max,
                                          [this, address] { on_given_up(ways_[address]->endpoint); },
                                          [this, address] { on_refused(address); }));
  }
  way().connect();
}

PeerLink::~PeerLink() = default;

LinkReport PeerLink::report() const { return {name_, way().endpoint, up_, {}}; }

void PeerLink::send(Parcel parcel, bool bulk, bool heartbeat) {
  const std::size_t dropped = (bulk ? way().bulk : way().control).send(std::move(parcel), heartbeat, up_);
  counters_.frames_dropped += dropped;
  counters_.frames_sent += dropped == 0 ? 1 : 0;
}

void PeerLink::flush() {
  way().control.flush();
  way().bulk.flush();
}

bool PeerLink::pending() {
  bool any = false;
  for (auto& way : ways_) any = way->pending() || any;
  return any;
}

void PeerLink::observe() {
  for (auto& observed : ways_) {
    while (observed->bulk.next_event()) {  // its own affair
    }
    while (const std::optional<Outlet::Event> event = observed->control.next_event()) {
      if (observed.get() == &way()) on_event(*event);
    }
    observed->bulk.begin_anew_if_given_up();
    observed->control.begin_anew_if_given_up();
  }
}

void PeerLink::on_event(const Outlet::Event& event) {
  switch (event.kind) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return on_up();
    case ZMQ_EVENT_DISCONNECTED:
      return on_down();
    case ZMQ_EVENT_CONNECT_RETRIED:
      return on_retried();
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:  // the connection ended meanwhile
      return log_.debug("a handshake with a peer was cut short; retrying", {{"PEER", name_}, {"ENDPOINT", way().endpoint}});
    default:
      log_.limited(handshakes_, Severity::warning, "the handshake with a peer failed: compare its keys and ours; retrying",
                   {{"PEER", name_}, {"ENDPOINT", way().endpoint}, {"CODE", std::to_string(event.value)}});
  }
}

void PeerLink::on_given_up(const std::string& endpoint) {
  log_.limited(handshakes_, Severity::warning,
               "what a peer's connection brought can't be decrypted (if it never comes up, compare its keys and ours); retrying",
               {{"PEER", name_}, {"ENDPOINT", endpoint}});
}

void PeerLink::on_up() {
  if (std::exchange(up_, true)) return;
  choice_.connected();
  ++counters_.links_up;
  log_.info("link up", {{"PEER", name_}, {"ENDPOINT", way().endpoint}});
  changed_(name_, protocol::LinkState::up);
}

void PeerLink::on_down() {
  if (std::exchange(up_, false)) {
    Way& left = way();
    ++counters_.links_down;
    counters_.frames_dropped += left.control.clear() + left.bulk.clear();
    log_.info("link down", {{"PEER", name_}, {"ENDPOINT", left.endpoint}});
    changed_(name_, protocol::LinkState::down);
    if (choice_.lost()) {
      go_over(left);
    } else {
      left.bulk.disconnect();  // on the same path; it would notice much later
      left.bulk.connect();
    }
  }
  probe();
}

void PeerLink::on_retried() {
  if (up_) return;
  Way& left = way();
  if (choice_.failed()) go_over(left);
  probe();
}

void PeerLink::on_refused(std::size_t address) {
  if (up_ || !choice_.refused(address)) return;
  log_.info("no process listens at the peer's address", {{"PEER", name_}, {"ENDPOINT", ways_[address]->endpoint}});
  if (choice_.all_refuse()) changed_(name_, protocol::LinkState::refused);
}

void PeerLink::go_over(Way& left) {
  left.disconnect();
  way().connect();
}

void PeerLink::probe() {
  for (auto& way : ways_) way->probe.probe();
}

}  // namespace vsync::daemon
