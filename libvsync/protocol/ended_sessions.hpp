#pragma once
// EndedSessions: the sessions that published something and ended last. A record that would open one of them anew was sent before it
// first published, by a daemon that it left before the answer, and must not revive it. Such a record is seconds old, so a number of
// them is enough; it is the same at every daemon, since they all decide by it.

#include <cstddef>
#include <deque>
#include <set>
#include <vector>

#include "protocol/digest.hpp"
#include "protocol/ids.hpp"

namespace vsync::protocol {

class EndedSessions {
 public:
  static constexpr std::size_t kept = 1024;

  void add(SessionId session) {
    if (!ids_.insert(session).second) return;
    by_age_.push_back(session);
    if (by_age_.size() <= kept) return;
    ids_.erase(by_age_.front());
    by_age_.pop_front();
  }
  [[nodiscard]] bool contains(SessionId session) const { return ids_.contains(session); }

  /// Oldest first.
  [[nodiscard]] std::vector<SessionId> snapshot() const { return {by_age_.begin(), by_age_.end()}; }
  void add_to(Digest& digest) const {
    for (const SessionId& session : by_age_) digest.add(session);
  }

 private:
  std::deque<SessionId> by_age_;
  std::set<SessionId> ids_;
};

}  // namespace vsync::protocol
