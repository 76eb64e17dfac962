#pragma once
// LaneReplica: one total order of one view at one node: what it holds of each publisher's stream, the order it knows, how far it
// holds both (acknowledges) and how far it has delivered.
// A fixed sequencer in the sense of Défago, Schiper, Urbán, "Total order broadcast and multicast algorithms" (ACM Computing Surveys
// 2004, section 4.1), with run-length records and a role that moves.

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/cut.hpp"
#include "protocol/frames.hpp"
#include "protocol/order_log.hpp"
#include "protocol/stability.hpp"
#include "protocol/stream.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol {

class LaneReplica {
 public:
  /// A chunk whose turn it is.
  struct Next {
    Seq first;
    Rank publisher;
    const Chunk* chunk;
    std::int64_t ordered_at;
  };

  LaneReplica(const View& view, Rank sequencer);

  Stream& stream(Rank publisher) { return streams_[publisher.value]; }
  [[nodiscard]] const Stream& stream(Rank publisher) const { return streams_[publisher.value]; }
  [[nodiscard]] OrderLog& order() { return order_; }
  [[nodiscard]] const OrderLog& order() const { return order_; }
  [[nodiscard]] Stability& stability() { return stability_; }
  [[nodiscard]] const Stability& stability() const { return stability_; }

  /// Moves the held prefix as far as payloads and order reach. True when it moved.
  bool advance_held();
  [[nodiscard]] Seq held() const { return held_; }

  /// The next chunk in the order, if it is held. `delivered()` moves behind it by `pop`.
  [[nodiscard]] std::optional<Next> next() const;
  void pop(const Next& next);
  [[nodiscard]] Seq delivered() const { return delivered_; }
  [[nodiscard]] Seqno delivered_of(Rank publisher) const { return delivered_seqno_[publisher.value]; }

  /// Fifo messages are handed out ahead of the order. The next chunk of `publisher` that is neither delivered nor handed out ahead;
  /// null if it isn't held.
  [[nodiscard]] const Chunk* next_of(Rank publisher) const;
  void hand_out_ahead(Rank publisher, const Chunk& chunk) { ahead_[publisher.value] = chunk.last(); }
  [[nodiscard]] bool handed_out_ahead(Rank publisher, const Chunk& chunk) const { return chunk.last() <= ahead_[publisher.value]; }

  /// (sequencer) Runs that can be ordered now: everything received and not ordered.
  [[nodiscard]] std::vector<Run> unordered() const;

  [[nodiscard]] LaneHoldings holdings() const;
  /// Every stream reaches what the cut needs.
  [[nodiscard]] bool holds(const LaneCut& cut) const;
  /// Replaces what is known of the order by the kept prefix of the cut. False when that is impossible: this replica is not one
  /// that may install.
  [[nodiscard]] bool adopt(const LaneCut& cut);
  /// Something of this level is held and not delivered yet.
  [[nodiscard]] bool has_undelivered(Level level) const;
  /// After `adopt` and delivery of the kept prefix: the tail.
  [[nodiscard]] std::vector<TailChunk> tail(const LaneCut& cut) const { return compute_tail(cut, streams_, delivered_seqno_); }

  /// Forgets what is stable.
  void forget_stable();

  /// How far publishers say their streams reach, and the sequencer its order.
  void heard_of(Rank publisher, Seqno sent);
  void heard_order(Seq end, Term term);
  [[nodiscard]] Seqno known_sent(Rank publisher) const { return known_sent_[publisher.value]; }
  [[nodiscard]] Seq known_ordered() const { return known_ordered_; }
  /// How far the order has come, hand-offs included: here, and as far as is known anywhere.
  [[nodiscard]] std::uint64_t order_reached() const { return order_.end().value + order_.term().value; }
  [[nodiscard]] std::uint64_t order_known() const { return known_ordered_.value + known_term_.value; }
  /// Something was sent and has no place in the order, as far as is known anywhere.
  [[nodiscard]] bool order_owed() const;

 private:
  std::vector<Stream> streams_;
  OrderLog order_;
  Stability stability_;
  Seq held_;
  std::vector<Seqno> held_seqno_;
  Seq delivered_;
  std::vector<Seqno> delivered_seqno_;
  std::vector<Seqno> ahead_;  ///< by publisher: the last message handed out ahead
  std::vector<Seqno> known_sent_;
  Seq known_ordered_;
  Term known_term_{1};
};

}  // namespace vsync::protocol
