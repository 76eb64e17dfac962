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

  /// `member` holds every payload and record up to `held`, and has on its disk what is durable up to `stored`. Older news than known
  /// changes nothing.
  void acknowledge(Rank member, Seq held, Seq stored);

  /// Held by all members that get payload, learners included: may be forgotten.
  [[nodiscard]] Seq stable() const { return stable_; }
  /// Held by a set that every possible next primary meets.
  [[nodiscard]] Seq uniform() const { return uniform_; }
  /// What is durable up to here is on the disks of such a set.
  [[nodiscard]] Seq durable() const { return durable_; }
  /// Held by every loaded payload holder.
  [[nodiscard]] Seq safe() const { return safe_; }
  [[nodiscard]] Seq held_by(Rank member) const { return held_[member.value]; }
  [[nodiscard]] Seq stored_by(Rank member) const { return stored_[member.value]; }

 private:
  void recompute();
  [[nodiscard]] Seq reached_by_uniform_set(const std::vector<Seq>& reached) const;

  const View* view_;  // outlives this: both belong to the installed view
  std::vector<Seq> held_;
  std::vector<Seq> stored_;
  Seq stable_;
  Seq uniform_;
  Seq durable_;
  Seq safe_;
};

}  // namespace vsync::protocol
