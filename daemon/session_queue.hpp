#pragma once
// What waits for one application. Three bounds: the delivery window (bytes handed out that the application hasn't taken yet),
// ZeroMQ's own mark, and the bytes that may wait here, beyond which the application is too slow. A session whose stream waits
// for confirmation keeps the unconfirmed end of it here too, and is charged for it.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "daemon/local_socket.hpp"
#include "daemon/parcel.hpp"
#include "daemon/replay.hpp"
#include "protocol/ids.hpp"

namespace vsync::daemon {

class SessionQueue {
 public:
  enum class Replayed : std::uint8_t {
    parcel,
    waits,  ///< for a confirmation: flush again then
    later,  ///< flush again in the next turn
    end,
  };
  /// Turns replays into what is sent.
  class ReplaySource {
   public:
    /// The next parcel of the session whose queue this is. `windowed` is set for a Deliver.
    virtual Replayed next(SessionQueue& queue, Replay& replay, Parcel& parcel, bool& windowed) = 0;

   protected:
    ~ReplaySource() = default;
  };

  SessionQueue(LocalSocket& socket, std::string route, std::uint64_t window_bytes, std::uint64_t queue_bytes_max)
      : socket_(socket), route_(std::move(route)), window_bytes_(window_bytes), queue_bytes_max_(queue_bytes_max) {}

  /// Sends now if nothing waits, else queues. `windowed`: a Deliver, whose body counts for the delivery window.
  void push(Parcel parcel, bool windowed = false);
  /// Queues what may be seen only when everything up to `last` is confirmed.
  void hold(Parcel parcel, bool windowed, protocol::Position last);
  /// Queues a Deliver of messages that nothing confirms, behind what is held.
  void push_behind(Parcel parcel);
  /// Everything up to `up_to` is confirmed: it goes on.
  void release(protocol::Position up_to);
  void release_all();
  /// What lies beyond `last_common` will never be confirmed. What nothing confirms crosses no such point either: its publisher sends it
  /// again if it has no place in the common order.
  void drop_held_beyond(protocol::Position last_common);
  [[nodiscard]] bool holding() const { return !held_.empty(); }

  /// Behind what is held. What is pushed or held from now on comes behind what `replay` gives. `source` outlives the queue.
  void push_replay(Replay replay, ReplaySource& source);
  [[nodiscard]] bool replaying() const { return replays_ > 0; }
  /// The log that replays read from may change behind `last_common`.
  void cut_replays_back(protocol::Position last_common);

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
    bool confirmed_by_nothing = false;
    std::unique_ptr<Replay> replay{};  ///< instead of a parcel
    ReplaySource* source = nullptr;
    [[nodiscard]] std::uint64_t charge() const { return parcel.bytes() + item_bytes; }
  };
  static constexpr std::uint64_t item_bytes = 128;
  bool try_send(Item& item);
  void enqueue(Item item);
  void begin_replay(Item item);
  bool advance_replay();

  LocalSocket& socket_;
  std::string route_;
  std::uint64_t window_bytes_;
  std::uint64_t queue_bytes_max_;
  std::deque<Item> queue_;
  std::deque<Item> held_;
  std::size_t replays_ = 0;          ///< in `queue_`
  std::uint64_t waiting_bytes_ = 0;  ///< of both
  std::uint64_t handed_out_ = 0;     ///< bytes of Deliver bodies, in all
  std::uint64_t taken_ = 0;
  bool gone_ = false;
  bool stuck_ = false;
};

}  // namespace vsync::daemon
