#pragma once
// The inside of the engine: what a node is made of, shared by the files engine*.cpp and by nobody else.
//
//   engine.cpp             inputs, outputs, timers, status
//   engine_order.cpp       streams, order, delivery, acknowledgements, marks, fetches of the installed view
//   engine_fifo.cpp        what is handed out ahead of the order
//   engine_audit.cpp       comparing this replica with the others
//   engine_view_change.cpp ballots: answering, gathering, accepting, installing
//   engine_durable.cpp     what is logged on disk, and how a log that lacks something is completed
//   engine_formation.cpp   first views, and restarts from disks
//   engine_reconfigure.cpp another configuration while it runs
//   engine_membership.cpp  who should be in the next view: suspicion, joiners, leave, rejoin

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/config.hpp"
#include "protocol/coordinator.hpp"
#include "protocol/directory.hpp"
#include "protocol/durable_log.hpp"
#include "protocol/engine.hpp"
#include "protocol/failure_detector.hpp"
#include "protocol/fifo_numbers.hpp"
#include "protocol/lane.hpp"
#include "protocol/outcomes.hpp"
#include "protocol/parted.hpp"
#include "protocol/rank_set.hpp"

namespace vsync::protocol {

/// xorshift64*: randomness of the engine, all of it from the seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed == 0 ? 0x9e3779b97f4a7c15u : seed) {}
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }
  Duration up_to(Duration bound) { return Duration(static_cast<Duration::rep>(next() % static_cast<std::uint64_t>(bound.count()))); }

 private:
  std::uint64_t state_;
};

/// Exclusions older than this don't delay an admission any more.
inline constexpr Duration exclusions_forgotten_after = 60s;

/// Repeats a request for something missing: first to who should have it, after some tries to others.
struct Fetching {
  bool missing = false;
  std::uint64_t seen = 0;  ///< how far it was at the last look
  TimePoint since;         ///< when it came so far, or this was found missing
  std::uint64_t lost_upto = 0;  ///< came, and could not be kept for what lies before it: so much surely isn't under way
  TimePoint next_try;
  std::uint32_t tries = 0;
};

inline bool in_a_view(NodeState state) { return state == NodeState::operational || state == NodeState::wedged; }

/// Whether the sender of the heartbeat says that it hears `node`.
inline bool lists(const Heartbeat& heartbeat, const NodeId& node) {
  return std::any_of(heartbeat.heard.begin(), heartbeat.heard.end(), [&](const Heard& heard) { return heard.node == node && !heard.refused; });
}

/// Everything that belongs to one installed view, and goes with it.
struct InView {
  InView(View installed, Rank own) : view(std::move(installed)), self(own) {}

  const View view;
  const Rank self;
  bool wedged = false;
  bool loaded = false;
  bool complete = false;                   ///< all configured names are in it
  std::vector<LaneReplica> lanes;
  std::vector<FifoNumbers> fifo;           ///< by lane
  std::vector<LaneAudit> audits;           ///< by lane
  Audit audit;
  std::optional<TimePoint> audit_alarm;    ///< since when a difference is known that wasn't judged
  bool told_undecided = false;             ///< that there is one, and nobody can be named
  RankSet wrong;                           ///< members whose replicas were found to be others
  RankSet unlike;                          ///< of these, those that the view goes on without
  RankSet installed_by;                    ///< members known to have installed this view
  TimePoint confirm_from;                  ///< no uniform mark before: an excluded sequencer's lease may last so long
  Duration leases{0};                      ///< the longest that a member told; this node's heartbeats acknowledge it
  bool member_lost = false;                ///< from a view that something unconfirmed was published in
  std::shared_ptr<const DirectoryState> snapshot;  ///< the directory at installation, while somebody lacks it
  TimePoint installed_at;
  TimePoint snapshot_sent;

  std::vector<std::vector<Chunk>> to_send;      ///< by lane: own chunks not sent yet
  std::vector<std::optional<Order>> to_order;   ///< by lane: order records not sent yet
  struct Unstored {
    WriteToken token;
    Seq first;
  };
  std::vector<std::deque<Unstored>> unstored;   ///< by lane: durable chunks delivered and not on disk yet
  std::optional<Snapshot> state_given;          ///< (not loaded) the state, while the log behind it is copied
  std::vector<std::vector<Fetching>> fetch;     ///< by lane, by publisher; the last one is for the order
  std::vector<TimePoint> order_progress;        ///< by lane: when the order last moved, or had no need to
  std::vector<std::uint64_t> order_seen;        ///< by lane: how far anybody knew it at the last look
  std::vector<std::vector<std::uint64_t>> load; ///< by lane, by publisher: messages ordered since the last look
  std::vector<std::uint32_t> busier;            ///< by lane: how often in a row another publisher was the busier one
  TimePoint load_looked;
  /// What a uniform set held at some moment, and a member doesn't hold yet.
  struct Lag {
    Seq target;
    TimePoint since;
  };
  /// Which members one says that it hears, by its heartbeat with this nonce.
  struct Hears {
    std::int64_t nonce = 0;
    RankSet whom;
  };
  std::vector<std::vector<Lag>> lag;            ///< by lane, by member
  std::vector<Hears> hears;                     ///< by member
  /// What the failure detector knows by the name of a member, looked up anew when it has forgotten somebody.
  struct Known {
    const FailureDetector::Peer* peer = nullptr;
    std::uint64_t forgotten = 0;
  };
  std::vector<Known> known;                     ///< by member
  std::size_t own_records = 0;                  ///< directory records of this node that are not delivered yet
  RankSet congested;                            ///< members that ask publishers to wait
  bool ack_wanted = false;
  bool ack_now = false;
  TimePoint ack_at;

  struct Gathering {
    Ballot ballot;
    NodeId coordinator;
    Value value;
  };
  std::optional<Gathering> gathering;

  [[nodiscard]] const NodeId& self_id() const { return view.at(self).node; }
  [[nodiscard]] bool holds_payload() const { return view.at(self).holds_payload(); }
};

/// The first view while it is handed round, at the daemon with the lowest name.
struct Forming {
  View view;
  std::set<NodeId> waiting;
};

/// A first view that this node has minted, until it is on its disk.
struct FirstView {
  View view;
  WriteToken token = 0;
};

/// A copy of other nodes' logs under way, lane by lane.
struct LogCopy {
  ViewId view;                ///< in whose name it is asked for
  std::vector<NodeId> givers; ///< by lane; without a name: nothing is lacking there
  std::size_t lane = 0;
  TimePoint next_try;
  std::uint32_t tries = 0;
};

/// (restart formation) This disk completes its log before it says so to the coordinator.
struct Recovering {
  ViewId view;
  Ballot ballot;
  NodeId coordinator;
};

struct Engine::Parts {
  Parts(NodeId id, Config configuration, Restored restored, std::uint64_t seed);

  // ---- what it knows
  NodeId self;
  Config config;
  Random random;
  TimePoint now;
  Duration wall{0};
  FailureDetector detector;
  PersistentState disk;            ///< as last written
  DurableLog durable_log;          ///< as last written
  std::optional<LogCopy> log_copy;
  std::optional<Recovering> recovering;
  Directory directory;
  ViewEnds ends;
  std::vector<Outcomes> outcomes;  ///< by lane
  std::unique_ptr<InView> in_view;
  std::optional<Coordinator> coordinator;
  WriteToken own_promise = 0;             ///< of the coordinator's ballot
  std::optional<Forming> forming;
  std::optional<FirstView> first_view;
  bool bootstrap_wanted = false;
  TimePoint complete_at;                 ///< last moment at which this node's view had all configured names
  std::optional<TimePoint> force_until;  ///< an operator wants the view to go on with those that are there
  std::deque<Decision> decisions;
  ComponentState component = ComponentState::joining;
  bool holding_back = false;
  bool leaving = false;
  bool left = false;
  TimePoint leaving_since;
  std::optional<Decision> farewell; ///< (leaving) the change that leaves this node out, while those that stay may lack it
  /// (in no view since) The change that left this node out: all of the next view may have crashed before they knew that it is decided.
  std::optional<Decision> exclusion;
  /// The lease has become longer; what was told before lets it last no longer than it said then.
  struct LongerLease {
    TimePoint at;
    Duration before;
  };
  std::optional<LongerLease> longer_lease;
  bool returning = false;          ///< restarted with an installed view on disk, and not in a view since
  std::vector<std::uint64_t> audited;  ///< by lane: the digest of what was delivered before this view
  std::vector<std::optional<Position>> cut_end;  ///< by lane: end of what was delivered before this view
  std::vector<Confirmed> marked;   ///< by lane: the last marks

  // ---- outputs
  Outbox out;
  WriteToken next_token = 1;
  TimePoint disk_answered_at{};          ///< or was first asked for something since
  struct Held {
    WriteToken token;
    NodeId to;
    Body body;
  };
  std::deque<Held> held;                 ///< leaves when its write is on disk
  std::deque<Frame> loopback;            ///< to this node itself
  std::deque<Frame> early;               ///< of a view not installed yet
  std::map<NodeId, std::uint64_t> early_bytes;  ///< of these, by sender
  std::vector<DirectoryOps> waiting_ops; ///< submitted while wedged
  bool writable_wanted = false;
  struct LogWrite {
    WriteToken token;
    std::uint64_t bytes;
  };
  std::deque<LogWrite> log_under_way;
  std::uint64_t log_backlog = 0;         ///< bytes of these

  // ---- time
  bool started = false;
  TimePoint started_at;
  TimePoint heartbeat_at;
  TimePoint retry_at;                    ///< no own ballot before
  Duration backoff{0};
  std::uint32_t late_ballots = 0;         ///< of this view, that ran out of patience
  std::optional<TimePoint> last_input;
  std::optional<TimePoint> woke_at;      ///< from the last pause
  std::optional<TimePoint> doubt_since;  ///< this node was paused and hasn't heard from a set that may go on since
  bool was_blocked = false;
  TimePoint reunion_until;               ///< after a block: those still unheard may be about to come back
  TimePoint alone_since;                 ///< since when a restart formation could be tried
  std::uint64_t seen_round = 0;          ///< highest round met in the instance of the bound view
  WriteToken silent_until = 0;           ///< a new incarnation says nothing before it is on disk
  std::map<std::string, TimePoint> mutual_since;   ///< joiners: since when they and all members hear each other
  std::map<std::string, TimePoint> decided_sent;   ///< to whom a decision was shown, and when
  struct Exclusions {
    std::uint32_t count = 0;
    TimePoint last;
  };
  std::map<std::string, Exclusions> exclusions;
  std::map<SessionId, TimePoint> homeless_since;
  bool flipped = false;                  ///< (Mutant::flips_a_payload)

  // ---- counters
  std::uint64_t dropped_frames = 0;
  std::uint64_t view_changes = 0;
  WriteToken persisted = 0;

  // ---- engine.cpp
  void begin(TimePoint at);
  void settle();
  void flush();
  void receive(const Frame& frame);
  void dispatch(const Frame& frame);
  void emit(Event event) { out.events.push_back(std::move(event)); }
  void send(const NodeId& to, Body body, bool bulk = false);
  [[nodiscard]] bool is_written(WriteToken token) const;
  void send_after(WriteToken token, const NodeId& to, Body body);
  /// To every other member of the view; without witnesses when it is about payload.
  void broadcast(Body body, bool bulk, bool payload_holders_only);
  WriteToken persist();
  void heartbeat();
  [[nodiscard]] NodeState node_state() const;
  [[nodiscard]] std::uint64_t peers_digest() const;
  [[nodiscard]] bool operational() const { return in_view && !in_view->wedged && !doubt_since; }
  [[nodiscard]] bool stores() const { return in_view && in_view->holds_payload(); }
  [[nodiscard]] std::int64_t nonce() const { return now.time_since_epoch().count(); }
  [[nodiscard]] bool stored_view_is(const ViewId& id) const { return in_view && in_view->view.id == id; }

  // ---- engine_order.cpp
  Result<void, PublishError> publish(Chunk chunk);
  void on_frame(const Frame& frame, const Data& data);
  void on_frame(const Frame& frame, const Order& order);
  void on_frame(const Frame& frame, const Ack& ack);
  void on_frame(const Frame& frame, const FetchData& fetch);
  void on_frame(const Frame& frame, const FetchOrder& fetch);
  void on_progress(const NodeId& from, const std::vector<LaneProgress>& lanes, bool is_congested);
  void on_relay(const NodeId& from, const std::vector<LaneRelay>& lanes);
  [[nodiscard]] std::vector<LaneProgress> progress() const;
  [[nodiscard]] std::vector<LaneRelay> relay() const;
  [[nodiscard]] bool congested() const;
  [[nodiscard]] bool asks_to_wait() const;
  [[nodiscard]] bool disk_hangs() const;
  WriteToken next_write();
  void order_available();
  void deliver_available();
  void hand_out(Position first, const NodeId& publisher, const Chunk& chunk, std::int64_t ordered_at);
  void acknowledge();
  void mark();
  [[nodiscard]] bool unconfirmed_cut() const;
  void send_pending();
  void fetch_missing();
  [[nodiscard]] bool fetches() const;
  void balance();
  void hand_off(std::size_t lane, Rank to);
  [[nodiscard]] bool has_lease() const;
  [[nodiscard]] bool fetch_due(Fetching& fetching, std::uint64_t have, std::uint64_t known, bool certain, bool one_frame);
  [[nodiscard]] std::optional<TimePoint> fetch_deadline() const;
  /// What `rank` told last of this view, if anything.
  [[nodiscard]] const Heartbeat* told_by(Rank rank) const;
  [[nodiscard]] Duration silence(Rank rank) const;
  template <class Has>
  [[nodiscard]] Rank whom_to_ask(Rank first, const Fetching& fetching, Has has) const;

  // ---- engine_fifo.cpp
  /// Hands out what may go ahead of the order.
  void hand_out_ahead(Lane lane);
  /// The place of a fifo chunk: hands out what of it didn't go ahead.
  void hand_out_at_its_place(Position first, const NodeId& publisher, const Chunk& chunk, const Admission& admission);
  void hand_out_fifo(Position behind, const NodeId& publisher, const Chunk& chunk, std::uint32_t skip);
  void apply_record(const DirectoryOp& op, const NodeId& publisher, Position at);

  // ---- engine_audit.cpp
  void flip_once(Seq first, Chunk& chunk);
  [[nodiscard]] std::vector<std::vector<AuditPlace>> audit_told() const;
  void compare(const NodeId& from, const Heartbeat& heartbeat);
  void judge();
  [[nodiscard]] std::optional<Divergence> difference() const;
  void tell(const Divergence& found);
  void tell_of_the_gone(const View& next);
  void distrust_log(const Divergence& found);

  // ---- engine_view_change.cpp
  void on_frame(const Frame& frame, const Prepare& prepare);
  void on_frame(const Frame& frame, const Answer& answer);
  void on_frame(const Frame& frame, const Refused& refused);
  void on_frame(const Frame& frame, const Gather& gather);
  void on_frame(const Frame& frame, const Gathered& gathered);
  void on_frame(const Frame& frame, const Accept& accept);
  void on_frame(const Frame& frame, const AcceptedBallot& accepted);
  void on_frame(const Frame& frame, const Decided& decided);
  void on_frame(const Frame& frame, const Snapshot& snapshot);
  void start_ballot(std::vector<NodeId> acceptors, bool restart, bool stuck, std::optional<Forced> forced = std::nullopt);
  void drive_coordinator();
  void wedge();
  void try_gathered();
  void apply(const Decision& decision);
  void remember(const Decision& decision);
  void install(const View& view, bool restart, bool state_kept);
  void take_early();
  void give_snapshot();
  /// The snapshot and the log are complete.
  void load();
  void loaded_now();
  /// Publishes the directory records that were submitted while this node was wedged or doubted itself.
  void release_held_back();
  /// A node without a view takes a later one for the last its name was in.
  void withdraw_answers();
  void bind(const View& later);
  [[nodiscard]] Answer answer_to(const Prepare& prepare, bool acceptor) const;
  /// The view whose instance this node's disk is bound to: installed, or (returning) found on disk.
  [[nodiscard]] const View* bound_view() const;
  [[nodiscard]] bool may_return_to(const View& view) const;

  // ---- engine_durable.cpp
  void on_frame(const Frame& frame, const FetchLog& fetch);
  void on_frame(const Frame& frame, const LogPart& part);
  WriteToken log(LogRecord record);
  void store(Position first, const NodeId& publisher, const Chunk& chunk, std::int64_t ordered_at);
  void stored_upto(WriteToken token);
  [[nodiscard]] Seq stored(std::size_t lane) const;
  template <class Use>
  bool walk_cut(LaneReplica& lane, std::size_t index, const LaneCut& cut, Use use) const;
  [[nodiscard]] bool finish_view(const Cut& cut);
  WriteToken store_cut(const InView::Gathering& gathering);
  void settle_log(const ViewId& from, std::optional<Ballot> adopted);
  [[nodiscard]] bool log_has_cut_before(const View& later) const;
  [[nodiscard]] std::vector<Seq> logged() const;
  void copy_log(ViewId view, std::vector<NodeId> givers);
  bool drive_log_copy();
  void log_copied();
  void recover(const Frame& frame, const Gather& gather);

  // ---- engine_formation.cpp
  void on_frame(const Frame& frame, const Form& form);
  void on_frame(const Frame& frame, const Formed& formed);
  [[nodiscard]] bool hears_a_view() const;
  [[nodiscard]] const View* agreed_first_view() const;
  void try_bootstrap();
  void form_alone();
  void write_first_view(View view);
  void enter_first_view();
  void try_formation();
  struct Present {
    RankSet ranks;
    RankSet living;
    std::vector<NodeId> acceptors;
  };
  [[nodiscard]] std::optional<Present> present() const;
  void try_restart();

  // ---- engine_forced.cpp
  [[nodiscard]] std::optional<ForceError> not_to_be_forced() const;
  void try_force();
  [[nodiscard]] std::optional<ViewId> parted_from(const Lineage& other) const;
  [[nodiscard]] std::optional<ViewId> parted_from(const FailureDetector::Peer& peer) const;
  [[nodiscard]] std::optional<Position> common_with_others() const;
  [[nodiscard]] std::optional<Position> end_of_common(const Position& position) const;
  void discard();

  // ---- engine_reconfigure.cpp
  void reconfigure(Config wanted);
  [[nodiscard]] TimePoint lease_proven_since() const;
  [[nodiscard]] std::vector<std::string> unconfigured_members() const;
  [[nodiscard]] std::vector<std::string> correspondents() const;
  void forget_strangers();
  [[nodiscard]] bool has_other_votes() const;

  // ---- engine_membership.cpp
  void on_frame(const Frame& frame, const Heartbeat& heartbeat);
  void evaluate();
  void evaluate_in_view();
  void evaluate_outside();
  void tell_coordinator_who_is_lost();
  void show_decisions(const Frame& frame, const Heartbeat& heartbeat);
  [[nodiscard]] Seq kept_in(const View& newest, const Decision* end = nullptr) const;
  void rejoin(Seq common, std::optional<Position> parted = std::nullopt);
  void become_a_new_node();
  void expire_sessions();
  void part();
  [[nodiscard]] bool change_needed(RankSet connected) const;
  [[nodiscard]] bool asks_to_leave() const;
  void become(ComponentState state);
  [[nodiscard]] RankSet unsuspected() const;
  void watch_lag();
  [[nodiscard]] bool tells_wedged(Rank rank) const;
  [[nodiscard]] RankSet laggards() const;
  [[nodiscard]] std::vector<Heard> heard() const;
  void heed_lease(const NodeId& from, const Heartbeat& heartbeat);
  [[nodiscard]] Duration heartbeat_interval() const;
  [[nodiscard]] std::optional<RankSet> clique(RankSet candidates) const;
  [[nodiscard]] RankSet told_to_hear(Rank rank, const FailureDetector::Peer& peer) const;
  [[nodiscard]] bool is_heard(RankSet by) const;
  [[nodiscard]] std::optional<RankSet> connected_of(const View& view, const std::vector<NodeId>& nodes) const;
  [[nodiscard]] const FailureDetector::Peer* named_like(Rank rank) const;
  [[nodiscard]] const FailureDetector::Peer* heard_of(Rank rank) const;
  [[nodiscard]] bool suspected(Rank rank) const;
  void note_exclusion(const std::string& name);
  [[nodiscard]] std::uint32_t recent_exclusions(const std::string& name) const;
  [[nodiscard]] std::vector<NodeId> eligible_joiners(RankSet members);
  [[nodiscard]] bool sequencer_stuck() const;
  [[nodiscard]] bool heard_from_primary(TimePoint since) const;
  void doubt_what_was_told_before_waking();
  [[nodiscard]] bool may_raise_without_the_missing(const View& view) const;
  [[nodiscard]] std::optional<std::uint16_t> foreign_version() const;
  [[nodiscard]] std::vector<std::string> too_old_for(const View& view) const;
  [[nodiscard]] std::string waits_for() const;
};

}  // namespace vsync::protocol
