#pragma once
// Outcomes: what this node published of one lane and has not told the end of. `ok` is told only once it is confirmed.

#include <cstdint>
#include <deque>
#include <vector>

#include "protocol/chunk.hpp"
#include "protocol/events.hpp"
#include "protocol/ids.hpp"

namespace vsync::protocol {

/// How far one lane is confirmed, by level.
struct Confirmed {
  Position uniform;
  Position safe;
  Position durable;

  /// Where a publish of `level` must stand to be told `ok`.
  [[nodiscard]] const Position& for_outcome_of(Level level) const {
    return level == Level::safe ? safe : level == Level::durable ? durable : uniform;
  }
};

class Outcomes {
 public:
  void published(const Chunk& chunk);
  /// The oldest publish without a place stands (with its last message) at `stands_at`: publishes of one node are delivered in
  /// order. `reported` is where its first message is found, for a retry that of the first copy; `known` is false when the session
  /// has ended.
  void placed(Position stands_at, Position reported, bool known);
  /// Everything up to these positions is confirmed.
  void confirm(const Confirmed& confirmed, std::vector<Event>& out);
  /// This node is out of its view: what isn't told yet can't be told from here.
  void abandon(std::vector<Event>& out);
  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  struct Publish {
    SessionId session;
    std::uint64_t first_n = 0;
    std::uint32_t count = 0;
    Level level = Level::agreed;
    bool known = true;
    Position stands_at;   ///< what must be confirmed
    Position first;       ///< what is reported
  };
  static void resolve(const Publish& publish, Outcome outcome, std::vector<Event>& out);

  std::deque<Publish> waiting_;
  std::size_t placed_ = 0;  ///< the first `placed_` of them have a place
};

}  // namespace vsync::protocol
