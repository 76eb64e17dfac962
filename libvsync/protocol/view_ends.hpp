#pragma once
// Where the views ended: how much of what somebody delivered is in the order. An application outlives its daemon, and what the former
// daemon delivered in vain only the members that went on can tell; so a snapshot carries this to whoever comes.

#include <cstddef>
#include <deque>
#include <vector>

#include "protocol/ids.hpp"

namespace vsync::protocol {

/// The end of one lane of a view: the last number of the kept order, and of the tail behind it (0: none).
struct ViewEnd {
  ViewId view;
  Lane lane;
  Seq ordinary;
  Seq tail;
  bool operator==(const ViewEnd&) const = default;
};

class ViewEnds {
 public:
  void add(const ViewEnd& end);
  /// Takes over what a member knows whose history this node goes on with.
  void learn(const std::vector<ViewEnd>& ends);
  [[nodiscard]] std::vector<ViewEnd> all() const { return {ends_.begin(), ends_.end()}; }
  [[nodiscard]] bool knows(const Position& position) const;
  /// The last position at or before `position` that is in the order. Nothing is known against a view whose end isn't here.
  [[nodiscard]] Position common_part(Position position) const;

 private:
  [[nodiscard]] const ViewEnd* find(const Position& position) const;
  static constexpr std::size_t kept = 256;
  std::deque<ViewEnd> ends_;
};

}  // namespace vsync::protocol
