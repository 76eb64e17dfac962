#pragma once
// One connection of an application: what it asked for, what it was given, what waits.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/grades.hpp"
#include "daemon/local_socket.hpp"
#include "daemon/process_watch.hpp"
#include "daemon/session_queue.hpp"
#include "protocol/ids.hpp"
#include "protocol/payload.hpp"
#include "wire/local.hpp"

namespace vsync::daemon {

/// A group or pattern that the application asked for.
struct Subscription {
  std::uint32_t request = 0;
  wire::DeliverOn deliver_on = wire::DeliverOn::order;
  bool submitted = false;  ///< the ordered record is under way or has been
  bool answered = false;   ///< (of a session that returns) granted, and to be told with the others
  bool active = false;     ///< Joined was told: messages come
  bool leaving = false;
  bool rejoin = false;     ///< joined again while the leave was under way
  std::uint64_t viewed = 0;  ///< number of the last view given since it is active: of the next, what changes is enough
};

/// A publish that the protocol doesn't take yet.
struct HeldPublish {
  wire::Publish head;
  protocol::Payload body;
};

struct Session {
  enum class Stage : std::uint8_t {
    opening,  ///< not welcomed yet
    open,
    ended,    ///< its last word waits to be sent
  };

  Session(LocalSocket& socket, std::string route, std::uint64_t window_bytes, std::uint64_t queue_bytes_max)
      : queue(socket, std::move(route), window_bytes, queue_bytes_max) {}

  Stage stage = Stage::opening;
  protocol::SessionId id;
  std::string application;
  PeerCredentials credentials;
  SessionQueue queue;
  protocol::TimePoint opened_at;
  protocol::TimePoint ended_at;

  // ---- in the directory
  bool submitted = false;   ///< OpenSession is under way or has been
  bool registered = false;  ///< the directory knows that it lives here
  bool spoke = false;       ///< it has published, here or in an earlier connection
  bool takes_changes = false;  ///< of group views
  bool resumes = false;     ///< OpenSession said so: what isn't known any more is not begun anew
  bool away = false;        ///< this daemon was excluded since it is open, and that isn't told yet
  std::optional<protocol::Position> last_position;  ///< where an earlier connection of it ended, until answered
  /// It goes on with an earlier connection's stream, once all its groups can go on with it.
  struct Return {
    bool asked_all = false;         ///< those groups are all known
    std::vector<wire::Join> later;  ///< groups that it wasn't in before
  };
  std::optional<Return> returning;
  std::map<std::string, Subscription, std::less<>> subscriptions;
  Grades waits_for;  ///< what any of its subscriptions wants confirmed: it holds the whole stream

  // ---- publishing
  wire::Credit published;   ///< in all
  wire::Credit accepted;    ///< of these, taken by the protocol or rejected
  wire::Credit granted;     ///< as last told
  std::uint64_t last_n = 0;
  std::uint64_t unresolved = 0;
  std::deque<HeldPublish> held;
  std::optional<std::uint64_t> resend_from;  ///< it was told to send everything from here on again; never grows
  bool rewinds = false;                      ///< and hasn't begun to: what comes was sent before it knew
  std::optional<wire::OutcomeRun> outcome;  ///< grows until told
  bool goodbye = false;

  // ---- alive?
  std::shared_ptr<ProcessWatch> process;
  bool process_trusted = false;  ///< it answered a ping sent after its process was opened
  std::uint64_t nonce = 0;       ///< of the last ping
  protocol::TimePoint heard_at;
  protocol::TimePoint next_ping;
  std::optional<protocol::TimePoint> gone_since;

  // ---- how fast it reads
  std::uint64_t taken_before = 0;  ///< at the last look
  std::uint64_t bytes_per_s = 0;
  protocol::TimePoint speed_at;
  protocol::TimePoint taken_at;    ///< it took something, or there was nothing to take
  bool lagging = false;            ///< publishers wait for it

  // ---- marks
  struct Marking {
    protocol::Position handed;  ///< last position handed to it that this grade is about
    protocol::Position marked;  ///< up to here it has nothing unmarked
    bool unmarked = false;      ///< it has beyond
  };
  ByGrade<Marking> marking;
  bool awaits_marks = false;  ///< in the list of those that have something unmarked, or held

  bool touched = false;  ///< in the list of those to look at when the turn ends
  bool waiting = false;  ///< in the list of those whose queue isn't empty
};

}  // namespace vsync::daemon
