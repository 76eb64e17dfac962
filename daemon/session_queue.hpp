#pragma once
// What waits for one application. Three bounds: the delivery window (bytes handed out that the application hasn't taken yet),
// ZeroMQ's own mark, and the bytes that may wait here, beyond which the application is too slow. A session whose stream waits
// for confirmation keeps the unconfirmed end of it here too, and is charged for it.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "daemon/local_socket.hpp"
#include "daemon/parcel.hpp"
#include "protocol/ids.hpp"

namespace vsync::daemon {

class SessionQueue {
 public:
  SessionQueue(LocalSocket& socket, std::string route, std::uint64_t window_bytes, std::uint64_t queue_bytes_max)
      : socket_(socket), route_(std::move(route)), window_bytes_(window_bytes), queue_bytes_max_(queue_bytes_max) {}

  /// Sends now if nothing waits, else queues. `windowed`: a Deliver, whose body counts for the delivery window.
  void push(Parcel parcel, bool windowed = false);
  /// Queues what may be seen only when everything up to `last` is confirmed.
  void hold(Parcel parcel, bool windowed, protocol::Position last);
  /// Everything up to `up_to` is confirmed: it goes on.
  void release(protocol::Position up_to);
  void release_all();
  /// What lies beyond `last_common` will never be confirmed.
  void drop_held_beyond(protocol::Position last_common);
  [[nodiscard]] bool holding() const { return !held_.empty(); }

  /// Sends what waits, as far as it goes.
  void flush();
  /// The application has taken `bytes` of Deliver bodies in all. False: more than it was given, or less than before.
  [[nodiscard]] bool taken(std::uint64_t bytes);
  /// Drops what waits, but for this last word.
  void finish(Parcel last_word);

  [[nodiscard]] bool empty() const { return queue_.empty(); }
  /// More waits than may.
  [[nodiscard]] bool too_slow() const { return waiting_bytes_ > queue_bytes_max_; }
  /// The connection has ended.
  [[nodiscard]] bool gone() const { return gone_; }
  /// ZeroMQ took nothing more, and nobody will say when it does: flush again later.
  [[nodiscard]] bool stuck() const { return stuck_; }
  [[nodiscard]] std::uint64_t taken_bytes() const { return taken_; }
  [[nodiscard]] std::uint64_t waiting_bytes() const { return waiting_bytes_; }
  [[nodiscard]] const std::string& route() const { return route_; }

 private:
  struct Item {
    Parcel parcel;
    bool windowed = false;
    protocol::Position last{};
    [[nodiscard]] std::uint64_t charge() const { return parcel.bytes() + item_bytes; }
  };
  static constexpr std::uint64_t item_bytes = 128;
  bool try_send(Item& item);
  void enqueue(Item item);

  LocalSocket& socket_;
  std::string route_;
  std::uint64_t window_bytes_;
  std::uint64_t queue_bytes_max_;
  std::deque<Item> queue_;
  std::deque<Item> held_;
  std::uint64_t waiting_bytes_ = 0;  ///< of both
  std::uint64_t handed_out_ = 0;     ///< bytes of Deliver bodies, in all
  std::uint64_t taken_ = 0;
  bool gone_ = false;
  bool stuck_ = false;
};

}  // namespace vsync::daemon
