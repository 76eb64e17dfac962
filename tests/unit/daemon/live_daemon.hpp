#pragma once
// A whole daemon of one host in a thread of the test, and raw clients that speak (or fail to speak) its protocol.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "daemon/configuration.hpp"
#include "daemon/daemon.hpp"
#include "temporary_directory.hpp"
#include "wire/limits.hpp"
#include "wire/local.hpp"
#include "wire/record.hpp"

namespace vsync::daemon {

using namespace std::chrono_literals;

inline std::vector<std::byte> body_of(const std::string& topic, std::size_t count, const std::string& data = "data") {
  std::vector<std::byte> body;
  for (std::size_t i = 0; i < count; ++i) {
    wire::append_record(body, {.topic = i == 0 ? std::string_view(topic) : "", .data = std::as_bytes(std::span(data.data(), data.size()))});
  }
  return body;
}

class Client {
 public:
  Client(zmq::context_t& context, const std::string& path) : socket_(context, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvhwm, 100'000);
    socket_.connect("ipc://" + path);
  }
  void send(const wire::ToDaemon& message, const std::vector<std::byte>& body = {}) {
    std::vector<std::byte> envelope;
    wire::encode(message, envelope);
    std::vector<zmq::message_t> parts;
    parts.emplace_back(envelope.data(), envelope.size());
    parts.emplace_back(body.data(), body.size());
    send_parts(std::move(parts));
  }
  void send_parts(std::vector<zmq::message_t> parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      socket_.send(parts[i], i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  /// The next message; pings are answered on the way.
  std::optional<wire::ToClient> receive(std::chrono::milliseconds within = 5s) {
    for (const auto until = std::chrono::steady_clock::now() + within;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(std::max(left, 0ms).count()));
      zmq::message_t envelope;
      if (!socket_.recv(envelope)) return std::nullopt;
      if (envelope.more()) (void)socket_.recv(body_);
      auto message = wire::decode_to_client({envelope.data<std::byte>(), envelope.size()});
      EXPECT_TRUE(message.has_value());
      if (const auto* ping = std::get_if<wire::Ping>(&*message); ping != nullptr && answers_pings) {
        send(wire::Pong{ping->nonce});
        continue;
      }
      return std::move(*message);
    }
  }
  /// The next message of a type; others are skipped.
  template <class Message>
  std::optional<Message> expect(std::chrono::milliseconds within = 5s) {
    const auto until = std::chrono::steady_clock::now() + within;
    while (std::chrono::steady_clock::now() < until) {
      auto message = receive(within);
      if (!message) break;
      if (auto* wanted = std::get_if<Message>(&*message)) return *wanted;
    }
    return std::nullopt;
  }
  wire::Open opening(std::uint64_t id) const { return {.version = wire::local_version, .secret = {77, id}, .application = "test"}; }
  std::optional<wire::Welcome> open(std::uint64_t id) {
    send(opening(id));
    return expect<wire::Welcome>();
  }
  std::optional<wire::Joined> join(const std::string& group, wire::DeliverOn on = wire::DeliverOn::order) {
    send(wire::Join{1, group, on});
    return expect<wire::Joined>();
  }
  [[nodiscard]] const zmq::message_t& body() const { return body_; }
  zmq::socket_t& socket() { return socket_; }
  bool answers_pings = true;

 private:
  zmq::socket_t socket_;
  zmq::message_t body_;
};

class LiveDaemon : public ::testing::Test {
 protected:
  void start() {
    configuration_.node = "solo";
    configuration_.socket = directory_ / "s.sock";
    configuration_.state_dir = directory_ / "state";
    configuration_.log_level = Severity::error;
    configuration_.leave_within = 1s;
    thread_ = std::thread([this] { status_ = run_daemon(configuration_); });
    // Connecting before the socket is there is ZeroMQ's business; the first Welcome says that the daemon runs. Its first view may
    // still be on the way to the disk.
    first_ = std::make_unique<Client>(context_, configuration_.socket);
    const auto welcome = first_->open(1'000'000);
    ASSERT_TRUE(welcome);
    for (auto state = welcome->state; state != protocol::ComponentState::primary;) {
      const auto told = first_->expect<wire::State>();
      ASSERT_TRUE(told);
      state = told->state;
    }
  }
  void stop() {
    if (!thread_.joinable()) return;
    kill(getpid(), SIGTERM);
    thread_.join();
    EXPECT_EQ(status_, ExitStatus::success);
  }
  void restart() {
    stop();
    first_.reset();
    start();
  }
  void TearDown() override { stop(); }
  Client connect() { return Client(context_, configuration_.socket); }
  std::string ask(wire::Query::What what = wire::Query::What::status, const std::string& group = "") {
    first_->send(wire::Query{9, what, group});
    auto answer = first_->expect<wire::QueryAnswer>();
    return answer ? answer->json : "";
  }
  std::uint64_t counter(const std::string& name) {
    const std::string status = ask();
    const auto at = status.find("\"" + name + "\":");
    return at == std::string::npos ? 0 : std::stoull(status.substr(at + name.size() + 3));
  }

  TemporaryDirectory directory_;
  Configuration configuration_;
  zmq::context_t context_;
  std::unique_ptr<Client> first_;
  std::thread thread_;
  ExitStatus status_ = ExitStatus::failure;
};

}  // namespace vsync::daemon
