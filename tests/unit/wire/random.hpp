#pragma once
// Random sound values of everything that crosses a wire, extremes included. Same seed, same values.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "protocol/frames.hpp"
#include "protocol/persistent.hpp"
#include "wire/local.hpp"

namespace vsync::wire::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// Between both, ends included and more often than others.
  std::uint64_t number(std::uint64_t least, std::uint64_t most);
  std::uint64_t bits() { return engine_(); }
  bool coin() { return (engine_() & 1) != 0; }
  std::size_t size(std::size_t most) { return static_cast<std::size_t>(number(0, most)); }

  std::string node_name();
  std::string topic();
  std::string pattern();
  std::string group() { return coin() ? topic() : pattern(); }
  std::string text(std::size_t most);
  std::string application() { return text(64); }
  std::vector<std::byte> bytes(std::size_t size);

  protocol::SessionId session() { return {.high = bits(), .low = number(1, ~0ull)}; }
  protocol::Position position();
  protocol::Level level(protocol::Level last = protocol::Level::fifo) {
    return static_cast<protocol::Level>(number(0, static_cast<std::uint64_t>(last)));
  }
  protocol::LeaveReason leave_reason() { return static_cast<protocol::LeaveReason>(number(0, 4)); }
  protocol::NodeId node() { return {.name = node_name(), .incarnation = {.counter = bits(), .random = bits()}}; }

  template <class Make>
  auto list(std::size_t most, const Make& make) {
    std::vector<decltype(make())> values(size(most));
    for (auto& value : values) value = make();
    return values;
  }

 private:
  std::mt19937_64 engine_;
};

inline constexpr std::size_t to_daemon_kinds = std::variant_size_v<ToDaemon>;
inline constexpr std::size_t to_client_kinds = std::variant_size_v<ToClient>;
inline constexpr std::size_t frame_kinds = std::variant_size_v<protocol::Body>;

/// The alternative of the variant at index `kind`.
ToDaemon random_to_daemon(Random& random, std::size_t kind);
ToClient random_to_client(Random& random, std::size_t kind);
protocol::Frame random_frame(Random& random, std::size_t kind);
protocol::PersistentState random_persistent(Random& random);
protocol::LogEntry random_log_entry(Random& random, protocol::Position first);
protocol::LogRecord random_log_record(Random& random);
protocol::View random_view(Random& random);

/// A body of records, and what check_body wants to know of it.
struct RandomBody {
  std::vector<std::byte> bytes;
  std::uint32_t count = 0;
  std::uint32_t topic_runs = 0;
};
RandomBody random_records(Random& random, std::size_t most);

}  // namespace vsync::wire::test
