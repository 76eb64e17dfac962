#pragma once
// Where each view ended, as far as this daemon was in it: what tells an application that comes back with a last position
// whether that position is in the primary's order.

#include <deque>
#include <optional>

#include "protocol/ids.hpp"

namespace vsync::daemon {

class CutList {
 public:
  /// Something was delivered up to `position`.
  void delivered(protocol::Position position);
  /// A new view begins.
  void installed(protocol::ViewId view);
  /// Nothing beyond `last_common` of its view is in the primary's order.
  void cut_back(protocol::Position last_common);

  /// Where the stream stands now; nothing before the first view.
  [[nodiscard]] const std::optional<protocol::Position>& now() const { return now_; }
  /// The last position at or before `position` that is in the order, as far as is known here.
  [[nodiscard]] protocol::Position common_part(protocol::Position position) const;

 private:
  struct End {
    protocol::Epoch epoch;
    std::uint64_t view = 0;
    protocol::Lane lane;
    protocol::Seq ordinary;  ///< last ordinary number
    protocol::Seq tail;      ///< last number of the tail, 0 if it has none
  };
  static constexpr std::size_t kept = 64;
  std::deque<End> ends_;  ///< the last one is the view that is installed now
  std::optional<protocol::Position> now_;
};

}  // namespace vsync::daemon
