#include "daemon/peer_links.hpp"

#include <algorithm>
#include <cerrno>

#include "daemon/payload_message.hpp"
#include "daemon/start_error.hpp"
#include "wire/limits.hpp"
#include "wire/peer.hpp"

namespace vsync::daemon {

namespace {

constexpr int receive_hwm = 10'000;
// A connection whose other host says nothing is dropped after idle + count * interval.
constexpr int keepalive_idle_s = 15;
constexpr int keepalive_interval_s = 5;
constexpr int keepalive_count = 3;

}  // namespace

PeerLinks::PeerLinks(uv_loop_t* loop, zmq::context_t& context, const Configuration& configuration, Counters& counters, Log& log)
    : counters_(counters), log_(log) {
  if (configuration.peers.empty()) return;
  if (configuration.effective_security() == Security::curve) {
    keys_ = read_secret_key(configuration.secret_key_file, "key 'secret_key_file'");
    zap_ = std::make_unique<ZapHandler>(loop, context, configuration.peers, counters, log);
  }
  bind(context, configuration);
  poller_ = std::make_unique<ZmqPoller>(loop, inbound_);
  for (const PeerConfiguration& peer : configuration.peers) {
    const LinkTimes times(configuration.protocol.suspect_after_min, peer.endpoints.size() > 1);
    links_.push_back(std::make_unique<PeerLink>(
        loop, context, peer, keys_, times, configuration.peer_queue_bytes_max, counters, log,
        [this](const std::string& name, protocol::LinkState state) { changes_.push_back({name, state}); }));
  }
}

void PeerLinks::bind(zmq::context_t& context, const Configuration& configuration) {
  inbound_ = zmq::socket_t(context, zmq::socket_type::pull);
  inbound_.set(zmq::sockopt::linger, 0);
  inbound_.set(zmq::sockopt::rcvhwm, receive_hwm);
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
  if (links_.empty()) return false;
  bool any = poller_->pending();
  if (zap_ && zap_->pending()) any = true;
  for (auto& link : links_) any = link->pending() || any;
  return any;
}

void PeerLinks::observe(std::vector<LinkChange>& changes) {
  if (zap_) zap_->serve();
  for (auto& link : links_) link->observe();
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
    auto link = std::find_if(links_.begin(), links_.end(), [&](const auto& l) { return l->name() == outgoing.to; });
    if (link == links_.end()) continue;  // not configured here: it can't be reached
    if (outgoing.frame.get() != sealed) {
      parcel = seal(*outgoing.frame);
      sealed = outgoing.frame.get();
    }
    (*link)->send(parcel.share(), outgoing.bulk, std::holds_alternative<protocol::Heartbeat>(outgoing.frame->body));
  }
}

void PeerLinks::flush() {
  for (auto& link : links_) link->flush();
}

std::vector<LinkReport> PeerLinks::report() const {
  std::vector<LinkReport> reports;
  for (const auto& link : links_) reports.push_back(link->report());
  return reports;
}

}  // namespace vsync::daemon
