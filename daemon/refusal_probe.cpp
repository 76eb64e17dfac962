#include "daemon/refusal_probe.hpp"

#include <netdb.h>

#include <string>
#include <utility>

namespace vsync::daemon {

namespace {
constexpr std::uint64_t attempt_ms_max = 1000;
}

struct RefusalProbe::Attempt {
  RefusalProbe* owner = nullptr;  ///< null once abandoned
  std::uint64_t started_ms = 0;
  uv_getaddrinfo_t resolve{};
  uv_tcp_t socket{};
  uv_connect_t connect{};

  // Names need a worker thread; addresses are connected to at once.
  void begin(uv_loop_t* loop, const Endpoint& endpoint) {
    sockaddr_storage address{};
    if (uv_ip4_addr(endpoint.host.c_str(), endpoint.port, reinterpret_cast<sockaddr_in*>(&address)) == 0 ||
        uv_ip6_addr(endpoint.host.c_str(), endpoint.port, reinterpret_cast<sockaddr_in6*>(&address)) == 0) {
      connect_to(loop, reinterpret_cast<const sockaddr*>(&address));
      return;
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    resolve.data = this;
    int started = uv_getaddrinfo(
        loop, &resolve,
        [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
          auto* self = static_cast<Attempt*>(request->data);
          if (status == 0 && self->owner != nullptr) {
            self->connect_to(request->loop, found->ai_addr);
          } else {
            self->finish();
          }
          uv_freeaddrinfo(found);
        },
        endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints);
    if (started != 0) finish();
  }

  void connect_to(uv_loop_t* loop, const sockaddr* address) {
    uv_tcp_init(loop, &socket);
    socket.data = this;
    connect.data = this;
    int started = uv_tcp_connect(&connect, &socket, address, [](uv_connect_t* request, int status) {
      auto* self = static_cast<Attempt*>(request->data);
      if (status == UV_ECANCELED) return;  // closed meanwhile
      if (status == UV_ECONNREFUSED && self->owner != nullptr) self->owner->refused_();
      self->close();
    });
    if (started != 0) close();
  }

  void close() {
    auto* handle = reinterpret_cast<uv_handle_t*>(&socket);
    if (!uv_is_closing(handle)) uv_close(handle, [](uv_handle_t* h) { static_cast<Attempt*>(h->data)->finish(); });
  }

  void finish() {
    if (owner != nullptr) owner->attempt_ = nullptr;
    delete this;
  }
};

RefusalProbe::RefusalProbe(uv_loop_t* loop, Endpoint endpoint, std::function<void()> refused)
    : loop_(loop), endpoint_(std::move(endpoint)), refused_(std::move(refused)) {}

RefusalProbe::~RefusalProbe() { abandon(); }

void RefusalProbe::probe() {
  if (attempt_ != nullptr && uv_now(loop_) - attempt_->started_ms < attempt_ms_max) return;
  abandon();
  attempt_ = new Attempt;
  attempt_->owner = this;
  attempt_->started_ms = uv_now(loop_);
  attempt_->begin(loop_, endpoint_);
}

void RefusalProbe::abandon() {
  if (attempt_ == nullptr) return;
  Attempt* attempt = std::exchange(attempt_, nullptr);
  attempt->owner = nullptr;
  if (uv_handle_get_type(reinterpret_cast<uv_handle_t*>(&attempt->socket)) == UV_TCP) attempt->close();
}

}  // namespace vsync::daemon
