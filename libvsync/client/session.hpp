#pragma once
// A connection behind its public face: the application's calls on one side, the thread that talks to the daemon on the other.

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "client/event_queue.hpp"
#include "client/event_reader.hpp"
#include "client/io_loop.hpp"
#include "client/shared_state.hpp"
#include "vsync/connection.hpp"
#include "wire/local.hpp"

namespace vsync::client {

class Session final : private StreamOwner {
 public:
  /// `options` are complete: endpoint and application are set.
  explicit Session(Options options);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] Result<void, ConnectError> start();
  [[nodiscard]] Result<void, CloseError> close(std::chrono::milliseconds timeout);

  /// Waits for the answer unless `in_stream`; the position is where the group begins.
  [[nodiscard]] Result<Position, RequestError> join(std::string_view group, const JoinOptions& options, bool in_stream);
  [[nodiscard]] Result<void, RequestError> leave(std::string_view group);
  [[nodiscard]] Result<std::string, RequestError> ask(wire::Query query);

  [[nodiscard]] Result<PublishId, PublishError> publish(std::string_view topic, std::span<const std::byte> data, const PublishOptions& options);
  [[nodiscard]] Result<PublishId, PublishError> publish_wait(std::string_view topic, std::span<const std::byte> data,
                                                             const PublishOptions& options, std::chrono::milliseconds timeout);
  [[nodiscard]] bool wait_for_outcomes(std::chrono::milliseconds timeout);
  [[nodiscard]] OutcomeCounts outcomes();

  const Event* next(std::chrono::milliseconds timeout) { return reader_.next(timeout); }
  const Event* try_next() { return reader_.try_next(); }
  [[nodiscard]] int descriptor() const { return events_.descriptor(); }

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] SessionId id() const { return shared_.session; }
  [[nodiscard]] std::string node();
  [[nodiscard]] ComponentState state();
  [[nodiscard]] std::size_t max_message_bytes();

 private:
  void consumed(std::uint64_t line, std::size_t bytes) override;
  [[nodiscard]] bool still_member(const JoinedGroup& joined) override;
  [[nodiscard]] std::set<std::string> left_groups() override;

  /// Under the lock.
  [[nodiscard]] Result<PublishId, PublishError> append(const wire::RecordInput& input, const PublishOptions& options, bool& wake);
  void request_control(wire::ToDaemon message);
  void end_thread();

  const Options options_;
  SharedState shared_;
  EventQueue events_;
  EventReader reader_;
  IoLoop loop_;
  std::thread thread_;
};

}  // namespace vsync::client
