#pragma once
// A daemon for tests of the client library: a router on an ipc socket of its own, on a thread, that answers as it is told.

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "router.hpp"
#include "wire/local.hpp"

namespace vsync::testing {

/// A socket path of the test's own, gone with it.
class SocketDirectory {
 public:
  SocketDirectory();
  ~SocketDirectory();
  SocketDirectory(const SocketDirectory&) = delete;
  SocketDirectory& operator=(const SocketDirectory&) = delete;
  [[nodiscard]] std::string endpoint() const { return "ipc://" + (path_ / "daemon.sock").string(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What one connection has sent, with the bodies.
struct Received {
  std::string route;
  wire::ToDaemon message;
  std::vector<std::byte> body;
};

class FakeDaemon {
 public:
  struct Behaviour {
    std::string node = "alpha";
    wire::Credit credit{64u << 20, 1u << 20};
    bool welcome = true;            ///< answers Open
    bool grant_joins = true;        ///< answers Join with Joined
    bool deliver = true;            ///< gives every Publish back to its publisher, in order
    bool resolve = true;            ///< answers Publish with ok
    bool acknowledge_goodbye = true;
    std::uint32_t max_message_bytes = 1u << 20;
    std::uint64_t first_seq = 1;
    bool answer_queries = true;
    std::string query_answer = R"({"state":"primary"})";
  };

  FakeDaemon(std::string endpoint, Behaviour behaviour);
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  /// To the latest connection. Any thread.
  void send(const wire::ToClient& message, std::vector<std::byte> body = {});
  void send_raw(std::vector<std::string> parts);
  void change(const std::function<void(Behaviour&)>& how);

  /// Waits until `enough` says so of everything received so far; false after five seconds.
  bool wait_until(const std::function<bool(const std::vector<Received>&)>& enough);
  [[nodiscard]] std::vector<Received> received();
  template <class Wanted>
  [[nodiscard]] std::vector<Wanted> received_of() {
    std::vector<Wanted> found;
    for (const Received& each : received()) {
      if (const auto* wanted = std::get_if<Wanted>(&each.message)) found.push_back(*wanted);
    }
    return found;
  }
  /// Waits for `count` messages of one kind.
  template <class Wanted>
  bool wait_for(std::size_t count = 1) {
    return wait_until([count](const std::vector<Received>& all) {
      std::size_t found = 0;
      for (const Received& each : all) found += std::holds_alternative<Wanted>(each.message);
      return found >= count;
    });
  }
  /// Texts of all messages published, in the order of arrival.
  [[nodiscard]] std::vector<std::string> published();

 private:
  void run();
  void on(const Received& request);
  void transmit(const std::string& route, const wire::ToClient& message, const std::vector<std::byte>& body = {});

  std::string endpoint_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Behaviour behaviour_;
  std::vector<Received> received_;
  std::vector<std::vector<std::string>> outgoing_;
  std::string latest_route_;
  std::uint64_t next_seq_;
  std::atomic<bool> stop_ = false;
  Router* router_ = nullptr;
  std::thread thread_;
};

/// Records with these texts under one topic, as a body.
[[nodiscard]] std::vector<std::byte> body_of(const std::string& topic, const std::vector<std::string>& texts);
[[nodiscard]] std::vector<std::string> texts_of(std::span<const std::byte> body);
[[nodiscard]] wire::Position at(std::uint64_t seq);

}  // namespace vsync::testing
