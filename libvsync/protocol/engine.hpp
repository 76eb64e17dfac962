#pragma once
// Engine: one node of the protocol. It composes the parts and owns nothing but their order of work. No I/O, time or threads:
// inputs carry the time they happened, outputs wait in the Outbox.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/config.hpp"
#include "protocol/directory_op.hpp"
#include "protocol/events.hpp"
#include "protocol/frames.hpp"
#include "protocol/ids.hpp"
#include "protocol/link_state.hpp"
#include "protocol/persistent.hpp"
#include "vsync/result.hpp"

namespace vsync::protocol {

/// A frame to send. `bulk` frames (payload) may wait behind each other; the others have a link of their own.
struct Outgoing {
  std::string to;  ///< name of the peer
  std::shared_ptr<const Frame> frame;  ///< shared by all its receivers: encode it once
  bool bulk = false;
};

struct Outbox {
  std::vector<Outgoing> frames;
  std::vector<Event> events;
  std::vector<Write> writes;  ///< in order; frames that depend on one are held inside the engine until on_persisted
  void clear() { frames.clear(); events.clear(); writes.clear(); }
};

enum class PublishError : std::uint8_t {
  window_full,  ///< retry after Writable
  not_primary,  ///< joining or blocked
  leaving,
};

enum class BootstrapError : std::uint8_t { has_view, has_peers_in_view };

enum class ForceError : std::uint8_t {
  no_view,           ///< it was never in one: `bootstrap` is for that
  no_place,          ///< it was excluded from the last view that it knows
  goes_on,           ///< its view goes on by itself
  primary_is_heard,  ///< a later view goes on, and this node joins it
  no_state,          ///< nobody who is there holds the stored state
  too_often,         ///< `forced_max` times in one history
};

enum class DiscardError : std::uint8_t { no_peers };

enum class ReconfigureError : std::uint8_t { lasts_for_a_life };

/// Whether a running node may go over from one configuration to the other. Not in what its replica or its log is built by, nor from a
/// witness to a holder of payload or back: such a node begins anew.
[[nodiscard]] bool may_reconfigure(const Config& from, const Config& to);

/// What a ballot waits for at the node that coordinates it.
enum class BallotWait : std::uint8_t {
  answers,        ///< promises of the members, and what they hold
  confirmations,  ///< that the members of the next view hold the whole cut
  acceptances,
};

/// Why this node waits, for people and monitors.
struct Status {
  NodeId self;
  ClusterId cluster;
  NodeState node_state = NodeState::forming;
  ComponentState component = ComponentState::joining;
  bool loaded = false;
  bool doubts = false;                     ///< was paused, and hasn't heard since that its side goes on: nothing may be handed out
  bool disk_hangs = false;                 ///< no write has ended for `lag_exclude_after`: the others go on without this node, if they can
  bool leaving = false;                    ///< was asked to leave
  bool left_out = false;                   ///< (leaving) the next view is decided without this node, and others may still miss it
  bool promised = false;                   ///< has answered a ballot of the view that it is in, or that its disk is bound to
  bool accepted = false;                   ///< likewise: has accepted a value there
  bool fetches_cut = false;                ///< has answered, was told the cut, and lacks some of it
  bool view_is_uniform = false;            ///< a uniform set is known to have installed `view`
  std::optional<BallotWait> coordinates;   ///< a ballot of this node is under way
  std::optional<View> view;
  std::vector<std::string> heard;          ///< names heard now
  std::vector<std::string> suspected;      ///< members not heard
  std::vector<std::string> unconfigured;   ///< members that this node's configuration doesn't name
  std::vector<std::string> parted;         ///< names heard whose history a forced primary has parted from this node's
  std::optional<Rank> sequencer;
  bool lease = false;                      ///< (sequencer) may order now
  std::string waits_for;                   ///< in words; empty when nothing is waited for
  std::optional<std::uint16_t> foreign_version;  ///< of the protocol: the cluster is at it, and this program doesn't speak it
  Seq ordered, delivered, uniform, durable, stable; ///< of lane 0
  std::uint64_t dropped_frames = 0;        ///< stamped with another cluster, view or incarnation
  std::uint64_t view_changes = 0;
  std::uint64_t unstable_bytes = 0;        ///< of this node's own stream
};

class Engine {
 public:
  /// `restored` is what the disk holds (a default value: nothing). `self`'s incarnation counter is above that of `restored`
  /// and already persisted. `seed` is the only randomness.
  Engine(NodeId self, Config config, Restored restored, std::uint64_t seed);
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  /// `wall` is the wall clock minus the boot clock, for the order time of messages.
  void on_wall_clock(Duration wall);
  /// The first input: starts the timers.
  void start(TimePoint now);
  void on_frame(TimePoint now, const Frame& frame);
  void on_link(TimePoint now, const std::string& peer, LinkState state);
  void on_persisted(TimePoint now, WriteToken token);
  void on_tick(TimePoint now);

  /// Publishes `count` messages of `session`, numbered from `first_n`. The outcome follows as Resolved.
  Result<void, PublishError> publish(TimePoint now, SessionId session, std::uint64_t first_n, std::uint32_t count, Lane lane,
                                     Level level, Payload payload);
  /// Publishes directory records. Not bound by the window: what a session may ask is bounded by the daemon.
  Result<void, PublishError> submit(TimePoint now, DirectoryOps ops);
  /// Of those records, how many this node has not delivered yet. All that become deliverable at once are handed out in one turn.
  [[nodiscard]] std::size_t records_under_way() const;
  /// While set, no daemon of the view takes new publishes (window_full): applications here read more slowly than others publish.
  /// What is published already goes on and is confirmed. The daemon bounds how long.
  void hold_back(TimePoint now, bool on);
  /// Orderly leave: hands the sequencer role off, waits until what it published is stable, asks to be left out of the next view.
  void leave(TimePoint now);
  /// True when a leave is complete: nobody waits for this node any more.
  [[nodiscard]] bool left() const;
  /// An operator's one-shot command: the first view is this node alone. A node that has just started listens first, and drops it if a
  /// peer is in a view after all.
  Result<void, BootstrapError> bootstrap(TimePoint now);
  /// An operator's one-shot command, where no set that may go on is left: the view ends with those that are there, in a ballot of its own,
  /// and a new epoch begins, in which that is recorded. If others have gone on from this view, both histories are parted: they never merge.
  Result<void, ForceError> force_primary(TimePoint now);
  /// An operator's one-shot command: this node gives up its view, what is on its disk, and its cluster, and joins whom it hears.
  Result<void, DiscardError> discard(TimePoint now);
  /// The operator's choice has changed. Nodes may do so in any order: what the members of a view must have alike stands in the view or is
  /// told, and what the view itself is made of (weights, tie-breaker, min_weight) goes into the next one, which follows by itself. A node
  /// that isn't named any more keeps its place in the view until it leaves or is lost, and gets no new one.
  Result<void, ReconfigureError> reconfigure(TimePoint now, Config config);

  /// Moves everything that waits into `out`, whose vectors are cleared first; capacities are reused.
  void drain(Outbox& out);
  /// When on_tick wants to be called. May change after every input.
  [[nodiscard]] std::optional<TimePoint> next_deadline() const;
  [[nodiscard]] Status status() const;
  /// Names of those that this node talks to: the configured ones, and who is in its view all the same or leaves it.
  [[nodiscard]] std::vector<std::string> correspondents() const;
  [[nodiscard]] NodeId self() const;  ///< a rejoin takes a new incarnation
  /// The group directory of this node's replica, read-only.
  [[nodiscard]] const class Directory& directory() const;
  /// Of what an application delivered up to `position`, here or at another node: the last position that is in the order.
  [[nodiscard]] Position common_part(Position position) const;
  /// The durable messages that this node keeps, read-only.
  [[nodiscard]] const class DurableLog& durable_log() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace vsync::protocol
