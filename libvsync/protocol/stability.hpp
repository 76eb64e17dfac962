#pragma once
// Stability: what the members' cumulative acknowledgements of one lane and view add up to.
// Birman, Schiper, Stephenson, "Lightweight causal and atomic group multicast" (1991), section on stability; the uniform rule is
// that of DESIGN: held by a set that every set which may go on must meet.

#include <vector>

#include "protocol/ids.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol {

class Stability {
 public:
  explicit Stability(const View& view);

  /// `member` holds every payload and record up to `held`. Older news than known changes nothing.
  void acknowledge(Rank member, Seq held);

  /// Held by all members that get payload, learners included: may be forgotten.
  [[nodiscard]] Seq stable() const { return stable_; }
  /// Held by a set that every possible next primary meets.
  [[nodiscard]] Seq uniform() const { return uniform_; }
  /// Held by every loaded payload holder.
  [[nodiscard]] Seq safe() const { return safe_; }
  [[nodiscard]] Seq held_by(Rank member) const { return held_[member.value]; }

 private:
  void recompute();

  const View* view_;  // outlives this: both belong to the installed view
  std::vector<Seq> held_;
  Seq stable_;
  Seq uniform_;
  Seq safe_;
};

}  // namespace vsync::protocol
