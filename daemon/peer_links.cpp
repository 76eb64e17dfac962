#include "daemon/peer_links.hpp"

#include <algorithm>
#include <cerrno>

#include "daemon/payload_message.hpp"
#include "daemon/start_error.hpp"
#include "wire/limits.hpp"
#include "wire/peer.hpp"

namespace vsync::daemon {

namespace {

constexpr int inbound_receive_hwm = 10'000;
// A connection whose other host says nothing is dropped after idle + count * interval.
constexpr int keepalive_idle_s = 15;
constexpr int keepalive_interval_s = 5;
constexpr int keepalive_count = 3;

}  // namespace

PeerLinks::PeerLinks(uv_loop_t* loop, zmq::context_t& context, const Configuration& configuration, Counters& counters, Log& log)
    : loop_(loop), context_(context), counters_(counters), log_(log) {
  reconfigure(configuration);
}

void PeerLinks::listen(const Configuration& configuration) {
  std::optional<KeyPair> keys;
  std::unique_ptr<ZapHandler> zap;
  if (configuration.effective_security() == Security::curve) {
    keys = read_secret_key(configuration.secret_key_file, "key 'secret_key_file'");
    zap = std::make_unique<ZapHandler>(loop_, context_, counters_, log_);
  }
  keys_ = std::move(keys);
  bind(context_, configuration);
  zap_ = std::move(zap);
  poller_ = std::make_unique<ZmqPoller>(loop_, inbound_);
}

std::unique_ptr<PeerLink> PeerLinks::make_link(const LinkPlan& plan) {
  return std::make_unique<PeerLink>(loop_, context_, plan, keys_, counters_, log_,
                                    [this](const std::string& name, protocol::LinkState state) { on_change(name, state); });
}

void PeerLinks::reconfigure(const Configuration& configuration) {
  if (!listening() && configuration.peers.empty()) return;
  if (!listening()) listen(configuration);
  for (Peer& peer : peers_) peer.configured = false;
  for (const PeerConfiguration& wanted : configuration.peers) {
    const LinkPlan plan{wanted, LinkTimes(configuration.protocol.suspect_after_min, wanted.endpoints.size() > 1),
                        configuration.peer_queue_bytes_max};
    Peer* known = find(wanted.name);
    if (known == nullptr) {
      peers_.push_back({make_link(plan), nullptr, true});
      continue;
    }
    known->configured = true;
    if (known->link->plan() == plan) {
      known->next.reset();
    } else if (!known->next || known->next->plan() != plan) {
      known->next = make_link(plan);
    }
  }
  tell_who_may_connect();
}

void PeerLinks::keep_only(std::span<const std::string> wanted) {
  const auto ended = std::erase_if(peers_, [&](const Peer& peer) {
    const std::string& name = peer.link->plan().peer.name;
    const bool ends = !peer.configured && std::find(wanted.begin(), wanted.end(), name) == wanted.end();
    if (ends) log_.notice("the link to a peer that is not configured any more ends", {{"PEER", name}});
    return ends;
  });
  if (ended > 0) tell_who_may_connect();
}

bool PeerLinks::any_unconfigured() const {
  return std::any_of(peers_.begin(), peers_.end(), [](const Peer& peer) { return !peer.configured; });
}

// A peer comes by its former key until it is reached by the new one: it takes its own with a restart.
void PeerLinks::tell_who_may_connect() {
  if (!zap_) return;
  std::vector<PeerConfiguration> known;
  for (const Peer& peer : peers_) {
    known.push_back(peer.link->plan().peer);
    if (peer.next) known.push_back(peer.next->plan().peer);
  }
  zap_->let_in(known);
}

PeerLinks::Peer* PeerLinks::find(const std::string& name) {
  const auto found = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& peer) { return peer.link->plan().peer.name == name; });
  return found == peers_.end() ? nullptr : &*found;
}

// While one link is to take another's place, the peer may be at the addresses of either.
void PeerLinks::on_change(const std::string& name, protocol::LinkState state) {
  const Peer* peer = find(name);
  if (peer != nullptr && peer->next) {
    if (state == protocol::LinkState::refused && !(peer->link->all_refuse() && peer->next->all_refuse())) return;
    if (state == protocol::LinkState::down && peer->link->up()) return;
  }
  changes_.push_back({name, state});
}

void PeerLinks::put_in_place(Peer& peer) {
  peer.link = std::move(peer.next);
  log_.notice("the link to a peer is made anew", {{"PEER", peer.link->plan().peer.name}, {"ENDPOINT", peer.link->report().endpoint}});
  tell_who_may_connect();
}

void PeerLinks::bind(zmq::context_t& context, const Configuration& configuration) {
  inbound_ = zmq::socket_t(context, zmq::socket_type::pull);
  inbound_.set(zmq::sockopt::linger, 0);
  inbound_.set(zmq::sockopt::rcvhwm, inbound_receive_hwm);
  inbound_.set(zmq::sockopt::ipv6, true);
  inbound_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(wire::peer_frame_bytes_max));
  const LinkTimes times(configuration.protocol.suspect_after_min, false);
  inbound_.set(zmq::sockopt::handshake_ivl, times.handshake_timeout_ms);
  // The connecting side watches its connections; here only what is long gone must not be kept. Not by ZeroMQ's heartbeats: a connection
  // whose input waits (the queue is full, or the socket is being closed) and whose other end goes away stays with libzmq (4.3.4) until
  // the input goes on, and a heartbeat of its timer in that time is an assertion in out_event(), which stops the process.
  inbound_.set(zmq::sockopt::tcp_keepalive, 1);
  inbound_.set(zmq::sockopt::tcp_keepalive_idle, keepalive_idle_s);
  inbound_.set(zmq::sockopt::tcp_keepalive_intvl, keepalive_interval_s);
  inbound_.set(zmq::sockopt::tcp_keepalive_cnt, keepalive_count);
  if (keys_) {
    inbound_.set(zmq::sockopt::curve_server, true);
    inbound_.set(zmq::sockopt::curve_secretkey, keys_->secret_key);
    inbound_.set(zmq::sockopt::zap_domain, ZapHandler::domain());
    // Without it a socket whose handler is missing lets everybody in. libzmq hides the name among its drafts, not the option.
    constexpr int zap_enforce_domain = 93;
    const int on = 1;
    if (zmq_setsockopt(inbound_.handle(), zap_enforce_domain, &on, sizeof on) != 0) {
      throw StartError(ExitStatus::network, "this libzmq can't enforce authentication");
    }
  }
  try {
    inbound_.bind(configuration.listen);
  } catch (const zmq::error_t& error) {
    throw StartError(error.num() == EADDRINUSE ? ExitStatus::in_use : ExitStatus::network,
                     "key 'listen' = '" + configuration.listen + "': " + error.what());
  }
}

bool PeerLinks::pending() {
  if (!listening()) return false;
  bool any = poller_->pending();
  if (zap_ && zap_->pending()) any = true;
  for (Peer& peer : peers_) {
    any = peer.link->pending() || any;
    any = (peer.next && peer.next->pending()) || any;
  }
  return any;
}

void PeerLinks::observe(std::vector<LinkChange>& changes) {
  if (zap_) zap_->serve();
  for (Peer& peer : peers_) {
    peer.link->observe();
    if (!peer.next) continue;
    peer.next->observe();
    if (peer.next->up()) put_in_place(peer);
  }
  changes.insert(changes.end(), changes_.begin(), changes_.end());
  changes_.clear();
}

// One message of exactly two parts; the rest of a longer one is thrown away.
bool PeerLinks::take_parts(zmq::message_t& envelope, zmq::message_t& body) {
  if (!inbound_.recv(envelope, zmq::recv_flags::dontwait)) {
    poller_->drained();
    return false;
  }
  std::size_t parts = 1;
  bool more = envelope.more();
  while (more) {
    zmq::message_t rest;
    zmq::message_t& part = parts == 1 ? body : rest;
    if (!inbound_.recv(part, zmq::recv_flags::dontwait)) break;
    more = part.more();
    ++parts;
  }
  if (parts == 2) return true;
  ++counters_.frames_malformed;
  log_.limited(malformed_, Severity::warning, "dropping a peer's message with a wrong number of parts");
  return false;
}

std::optional<protocol::Frame> PeerLinks::receive_one() {
  zmq::message_t envelope;
  zmq::message_t body;
  if (!take_parts(envelope, body)) return std::nullopt;
  auto frame = wire::decode_frame({envelope.data<std::byte>(), envelope.size()}, payload_of(std::move(body)));
  if (!frame) {
    ++counters_.frames_malformed;
    log_.limited(malformed_, Severity::warning, "dropping a peer's malformed frame", {{"WHY", frame.error().what}});
    return std::nullopt;
  }
  if (keys_) {
    const char* user = zmq_msg_gets(envelope.handle(), "User-Id");
    if (user == nullptr || frame->from.name != user) {
      ++counters_.frames_impersonated;
      log_.limited(malformed_, Severity::warning, "dropping a frame that names another sender than its key",
                   {{"PEER", user == nullptr ? "?" : user}, {"NAMED", frame->from.name}});
      return std::nullopt;
    }
  }
  // Its connection may outlive its place in the configuration, and without keys anybody's reaches us.
  if (find(frame->from.name) == nullptr) {
    ++counters_.frames_of_strangers;
    return std::nullopt;
  }
  ++counters_.frames_received;
  return std::move(*frame);
}

Parcel PeerLinks::seal(const protocol::Frame& frame) {
  wire::encode(frame, scratch_);
  return {zmq::message_t(scratch_.data(), scratch_.size()), message_of(wire::body_of(frame))};
}

void PeerLinks::send(std::span<const protocol::Outgoing> frames) {
  // Receivers of one frame follow each other, so remembering the last one encodes each once.
  const protocol::Frame* sealed = nullptr;
  Parcel parcel;
  for (const protocol::Outgoing& outgoing : frames) {
    Peer* peer = find(outgoing.to);
    if (peer == nullptr) continue;  // not configured here: it can't be reached
    if (outgoing.frame.get() != sealed) {
      parcel = seal(*outgoing.frame);
      sealed = outgoing.frame.get();
    }
    peer->link->send(parcel.share(), outgoing.bulk, std::holds_alternative<protocol::Heartbeat>(outgoing.frame->body));
  }
}

void PeerLinks::flush() {
  for (Peer& peer : peers_) peer.link->flush();
}

std::vector<LinkReport> PeerLinks::report() const {
  std::vector<LinkReport> reports;
  for (const Peer& peer : peers_) {
    reports.push_back(peer.link->report());
    if (peer.next) reports.back().next = peer.next->report().endpoint;
  }
  return reports;
}

}  // namespace vsync::daemon
