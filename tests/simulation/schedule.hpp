#pragma once
// Schedule: simulated time. What is to happen waits in the order of its time, and of its entry where times are equal.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "protocol/ids.hpp"

namespace vsync::simulation {

class Schedule {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] protocol::TimePoint now() const { return now_; }

  void at(protocol::TimePoint time, Action action) {
    waiting_.push_back({std::max(time, now_), entered_++, std::move(action)});
    std::push_heap(waiting_.begin(), waiting_.end(), later);
  }
  void after(protocol::Duration delay, Action action) { at(now_ + delay, std::move(action)); }

  /// Runs the next action if it is due by `until`; else moves time there and says false.
  bool step(protocol::TimePoint until) {
    if (waiting_.empty() || waiting_.front().time > until) {
      now_ = until;
      return false;
    }
    std::pop_heap(waiting_.begin(), waiting_.end(), later);
    Entry next = std::move(waiting_.back());
    waiting_.pop_back();
    now_ = next.time;
    next.action();
    return true;
  }

 private:
  struct Entry {
    protocol::TimePoint time;
    std::uint64_t entered;
    Action action;
  };
  static bool later(const Entry& a, const Entry& b) { return std::pair(a.time, a.entered) > std::pair(b.time, b.entered); }

  protocol::TimePoint now_{std::chrono::seconds(1000)};  // a boot clock that has run for a while
  std::uint64_t entered_ = 0;
  std::vector<Entry> waiting_;
};

}  // namespace vsync::simulation
