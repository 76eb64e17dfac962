#pragma once
// Which of their fifo messages sessions have had handed out at this member ahead of the order, in one lane and view. A session that
// moves to another daemon sends again what it knows no outcome of; both copies may be under way, and each message is handed out once.
// The session table of the directory tells retries apart by the order; this tells them apart before the order does.
//
// Whether a message is handed out must not depend on when its chunk came: members may have handed it out before its session's end
// stands in the order, so the others do so at its place. Behind the end a message of the session can come from an earlier home only
// (its last one ended it behind all its messages). So a session that has moved in this view is remembered beyond its end.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "protocol/chunk.hpp"
#include "protocol/ids.hpp"

namespace vsync::protocol {

class FifoNumbers {
 public:
  /// Sessions that moved and ended in this view, and are remembered: the latest ones. They are the same at all members.
  static constexpr std::size_t ended_max = 1024;

  /// How many of `chunk`'s first messages were handed out before, if the order has delivered the session's messages up to `ordered`.
  [[nodiscard]] std::uint32_t handed_out(const Chunk& chunk, std::uint64_t ordered = 0) const;
  /// Nothing of the session is missing before `chunk`, by its numbers; likewise.
  [[nodiscard]] bool follows(const Chunk& chunk, std::uint64_t ordered) const;
  /// All of `chunk` is handed out.
  void hand_out(const Chunk& chunk);
  /// The order has delivered the session's messages up to `last_n`, which its table remembers.
  void delivered(SessionId session, std::uint64_t last_n);

  /// The session has another home from here on, and had one in this view.
  void moved(SessionId session);
  /// It ended, when the order had delivered its messages up to `last_n`.
  void ended(SessionId session, std::uint64_t last_n);
  /// A session of that id begins.
  void begun(SessionId session) { sessions_.erase(session); }
  [[nodiscard]] bool ended_after_a_move(SessionId session) const;

 private:
  struct Numbers {
    std::uint64_t last_n = 0;  ///< highest n handed out
    bool moved = false;
    bool ended = false;
  };
  /// The highest that was handed out or delivered.
  [[nodiscard]] std::uint64_t last_n(SessionId session, std::uint64_t ordered) const;

  std::map<SessionId, Numbers> sessions_;  ///< with something handed out ahead of its place, or moved
  std::deque<SessionId> ended_;            ///< oldest first
};

}  // namespace vsync::protocol
