#pragma once
// What each session has had delivered, by lane: the part of the directory that tells a retry from a new message.
// Every daemon asks it at delivery, in the order of delivery, and so all daemons turn the same messages into markers.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/digest.hpp"
#include "protocol/directory_state.hpp"
#include "protocol/ids.hpp"

namespace vsync::protocol {

/// The latest runs of one session in one lane, oldest first, in a ring: at the bound the oldest is overwritten.
class RunWindow {
 public:
  explicit RunWindow(std::size_t runs_max) : runs_max_(runs_max) {}
  RunWindow(std::size_t runs_max, const SessionLane& state);

  /// Highest n delivered, 0 if none.
  [[nodiscard]] std::uint64_t last_n() const { return last_n_; }
  /// Messages `run.first_n` onwards, all above last_n(), were delivered at consecutive positions from `run.first` on.
  void record(const SessionRun& run);
  /// The run that holds n, from n on; nothing when n is older than the window or was left out.
  [[nodiscard]] std::optional<SessionRun> run_of(std::uint64_t n) const;
  [[nodiscard]] std::vector<SessionRun> recent() const;

 private:
  [[nodiscard]] const SessionRun& at(std::size_t age_order) const;
  [[nodiscard]] SessionRun& newest();

  std::size_t runs_max_;
  std::size_t oldest_ = 0;  ///< moves only once the ring is full
  std::vector<SessionRun> ring_;
  std::uint64_t last_n_ = 0;
};

/// How a chunk is to be delivered.
struct Admission {
  std::uint32_t skip = 0;  ///< the first `skip` messages were delivered before, or come too late: markers
  std::optional<Position> first_position_of_duplicate;  ///< where the first of them stands, if the window still has it
  bool known = false;      ///< the session is open; else all messages are markers
};

class SessionTable {
 public:
  /// At most `runs_max` runs are kept per session and lane.
  explicit SessionTable(std::size_t runs_max);

  void open(SessionId session);
  void close(SessionId session);
  [[nodiscard]] bool knows(SessionId session) const { return sessions_.contains(session); }
  /// Something of it was delivered.
  [[nodiscard]] bool has_spoken(SessionId session) const;

  /// Messages `first_n` .. `first_n + count - 1` come to their turn at `first` onwards. Records where the new ones stand.
  /// Numbers may be left out: a rejected publish never comes.
  Admission admit(SessionId session, Lane lane, std::uint64_t first_n, std::uint32_t count, Position first);

  /// Where n stands, while the window has it.
  [[nodiscard]] std::optional<Position> position_of(SessionId session, Lane lane, std::uint64_t n) const;
  /// The run of messages with consecutive n and positions that starts with n, while the window has it.
  [[nodiscard]] std::optional<SessionRun> run_of(SessionId session, Lane lane, std::uint64_t n) const;
  /// Highest n delivered, 0 if none.
  [[nodiscard]] std::uint64_t last_n(SessionId session, Lane lane) const;

  /// By lane; equal tables give equal snapshots.
  [[nodiscard]] std::vector<SessionLane> snapshot(SessionId session) const;
  /// Adds what decides about later admissions: the highest n by lane.
  void add_to(Digest& digest, SessionId session) const;
  /// Opens `session` with what it had delivered.
  void restore(SessionId session, const std::vector<SessionLane>& lanes);

 private:
  struct LaneWindow {
    Lane lane;
    RunWindow window;
  };
  using LaneWindows = std::vector<LaneWindow>;  ///< by lane; few
  /// Ids are chosen by applications: both halves are mixed, whatever they are.
  struct Hash {
    std::size_t operator()(const SessionId& session) const;
  };

  [[nodiscard]] RunWindow& window(LaneWindows& lanes, Lane lane);
  [[nodiscard]] const RunWindow* find(SessionId session, Lane lane) const;

  std::size_t runs_max_;
  std::unordered_map<SessionId, LaneWindows, Hash> sessions_;
};

}  // namespace vsync::protocol
