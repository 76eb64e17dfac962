#pragma once
// From the thread that talks to the daemon to the thread that reads the stream: whole batches, one lock per hand-over.

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>
#include <zmq.hpp>

#include "client/unique_fd.hpp"
#include "vsync/events.hpp"
#include "wire/local.hpp"

namespace vsync::client {

/// A batch of messages as it came; the reader takes the records out one by one.
struct DeliveredBatch {
  wire::Deliver head;
  zmq::message_t body;
  std::uint64_t line = 0;  ///< number of the connection it came on: only the present one's bytes open its window
};

/// The join that `event` confirms, so that a leave in between is noticed.
struct JoinedGroup {
  Joined event;
  std::uint64_t membership = 0;
};

/// A group view, or what it changes of the one before: the reader, who has that one, puts them together.
struct ReceivedView {
  GroupView view;
  bool change = false;
};

using Incoming = std::variant<DeliveredBatch, JoinedGroup, ReceivedView, Event>;

/// Bounded by what fills it: batches by the daemon's delivery window; marks and outcomes, which no window bounds, are put
/// together while nobody reads them; and above `bytes_max` the filler stops reading its socket (`full()`).
class EventQueue {
 public:
  static constexpr std::size_t bytes_max = 64u << 20;
  static constexpr std::size_t outcomes_apart_max = 4096;

  /// Empties `items`. Any thread.
  void push(std::vector<Incoming>& items);
  void push(Event event);
  /// Moves everything to `out`, which is empty. When there was nothing, the descriptor is not readable any more.
  bool take(std::vector<Incoming>& out);

  [[nodiscard]] bool full() const;
  /// Readable from a push until a take() that found nothing.
  [[nodiscard]] int descriptor() const { return flag_.fd(); }

 private:
  [[nodiscard]] bool merged(const Incoming& item);

  mutable std::mutex mutex_;
  std::vector<Incoming> items_;
  std::size_t bytes_ = 0;
  std::size_t outcomes_ = 0;
  std::optional<std::size_t> last_outcome_;  ///< index in items_
  bool raised_ = false;
  Flag flag_;
};

}  // namespace vsync::client
