#include "daemon/zap_handler.hpp"

#include <cstring>

namespace vsync::daemon {

namespace {

constexpr std::size_t request_parts = 7;  // version, id, domain, address, identity, mechanism, key
constexpr std::size_t parts_max = 16;

zmq::socket_t bind_handler(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::rep);
  socket.set(zmq::sockopt::linger, 0);
  socket.bind("inproc://zeromq.zap.01");
  return socket;
}

}  // namespace

ZapHandler::ZapHandler(uv_loop_t* loop, zmq::context_t& context, Counters& counters, Log& log)
    : counters_(counters), log_(log), socket_(bind_handler(context)), poller_(loop, socket_) {}

void ZapHandler::let_in(const std::vector<PeerConfiguration>& peers) {
  names_.clear();
  for (const PeerConfiguration& peer : peers) {
    Key key;
    if (zmq_z85_decode(reinterpret_cast<std::uint8_t*>(key.data()), peer.public_key.c_str()) != nullptr) names_[key] = peer.name;
  }
}

void ZapHandler::serve() {
  if (!poller_.readable()) return;
  for (;;) {
    std::vector<zmq::message_t> request;
    do {
      zmq::message_t part;
      if (!socket_.recv(part, zmq::recv_flags::dontwait)) {
        poller_.drained();
        return;
      }
      if (request.size() < parts_max) request.push_back(std::move(part));
    } while (socket_.get(zmq::sockopt::rcvmore));
    answer(request);
    poller_.touched();
  }
}

void ZapHandler::answer(const std::vector<zmq::message_t>& request) {
  const std::string* name = nullptr;
  if (request.size() == request_parts && request[0].to_string_view() == "1.0" && request[2].to_string_view() == domain() &&
      request[5].to_string_view() == "CURVE" && request[6].size() == sizeof(Key)) {
    Key key;
    std::memcpy(key.data(), request[6].data(), key.size());
    if (auto known = names_.find(key); known != names_.end()) name = &known->second;
  }
  if (name == nullptr) {
    ++counters_.peers_refused;
    log_.limited(refusals_, Severity::warning, "a peer with an unknown key was refused",
                 {{"ADDRESS", request.size() > 3 ? request[3].to_string() : "?"}});
  }
  const auto send = [&](std::string_view text, bool more) {
    socket_.send(zmq::buffer(text), (more ? zmq::send_flags::sndmore : zmq::send_flags::none) | zmq::send_flags::dontwait);
  };
  send("1.0", true);
  send(request.size() > 1 ? request[1].to_string_view() : "", true);
  send(name != nullptr ? "200" : "400", true);
  send(name != nullptr ? "OK" : "unknown key", true);
  send(name != nullptr ? std::string_view(*name) : "", true);
  send("", false);
}

}  // namespace vsync::daemon
