#pragma once
// Replay: the durable messages between the point that an application's stream had reached and the point from which it goes on. It
// stands in the session's queue at its place and is turned into messages one by one as the application takes them, so that a long
// absence costs no more memory than a short one.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "protocol/durable_log.hpp"
#include "protocol/ids.hpp"

namespace vsync::daemon {

class Replay {
 public:
  /// Behind `from`, up to and with `to`.
  Replay(protocol::Position from, protocol::Position to) : from_(from), to_(to) {}

  struct Next {
    const protocol::LogEntry* entry = nullptr;  ///< valid until the log changes
    std::uint32_t skip = 0;                     ///< its first messages stand in the log before: a retry
  };
  enum class Found : std::uint8_t {
    entry,
    gap,    ///< the log has forgotten something that is wanted: take_gap
    later,  ///< `steps` were used up: ask again
    end,
  };
  /// The next entry that is wanted; the same one until `pass`. Looks at about `steps` entries at most and takes them off.
  [[nodiscard]] Found next(const protocol::DurableLog& log, std::size_t& steps, Next& found);
  void pass(const protocol::LogEntry& entry);
  /// First and last position of what is not coming, where everything up to `forgotten` is gone.
  [[nodiscard]] std::pair<protocol::Position, protocol::Position> take_gap(const protocol::Position& forgotten);

  /// The log may look different behind `last_common` from now on: nothing of that is to come.
  void cut_back(const protocol::Position& last_common);

  [[nodiscard]] const protocol::Position& to() const { return to_; }

 private:
  void remember(const protocol::LogEntry& entry);

  protocol::Position from_;  ///< up to here it has everything
  protocol::Position to_;
  std::optional<protocol::Position> seen_;  ///< what was looked at of the log
  /// By session, the highest number seen. The log has a retry twice when both copies were on their way at once.
  std::map<protocol::SessionId, std::uint64_t> last_n_;
};

}  // namespace vsync::daemon
