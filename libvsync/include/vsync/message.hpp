#pragma once
// A message as a subscriber gets it, and the headers that may travel with it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "vsync/api.hpp"
#include "vsync/level.hpp"
#include "vsync/member.hpp"
#include "vsync/position.hpp"

namespace vsync {

namespace client {
class EventReader;
}

using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

/// A name and a value, both any bytes; the name isn't empty.
struct Header {
  std::string_view name;
  std::string_view value;
};

/// The headers of one message, read only when asked for. Valid as long as the message.
class Headers {
 public:
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// All of them, in the publisher's order. Allocates.
  [[nodiscard]] VSYNC_API std::vector<Header> list() const;
  /// The value of the first header of that name.
  [[nodiscard]] VSYNC_API std::optional<std::string_view> find(std::string_view name) const;

 private:
  friend class client::EventReader;
  std::span<const std::byte> raw_;
  std::uint8_t count_ = 0;
};

struct Publisher {
  SessionId session;
  std::string_view node;  ///< name of its daemon
};

/// Everything in it points into a received batch and stays valid until the next call of next(), try_next() or close() on its
/// connection. Copy what you keep.
struct Message {
  Position position;
  std::string_view topic;
  std::string_view key;  ///< empty: none
  Headers headers;
  std::span<const std::byte> data;
  Publisher publisher;
  Timestamp published_at;                 ///< clock of the publisher's host
  std::optional<Timestamp> ordered_at;    ///< clock of the sequencer's host; none when no sequencer gave the order
  Level level = Level::agreed;            ///< what its publisher asked for

  /// The data as text; nobody has checked that it is.
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(data.data()), data.size()}; }
};

}  // namespace vsync
