#pragma once
// OrderLog: the order of one lane in one view as this node knows it: resolved runs, without a hole, from the forgotten prefix to
// the end. It also knows who may append: the sequencer of the current term.

#include <deque>
#include <optional>
#include <vector>

#include "protocol/frames.hpp"
#include "protocol/ids.hpp"

namespace vsync::protocol {

class OrderLog {
 public:
  struct Entry {
    OrderedRun run;
    Term term;
    std::int64_t ordered_at = 0;
  };
  struct HandOff {
    Term ended;
    Seq at;  ///< last position of the ended term
    Rank to;
  };
  enum class Append : std::uint8_t { appended, duplicate, gap, void_term };

  OrderLog(std::size_t members, Rank sequencer) : next_(members, Seqno{1}), sequencer_(sequencer) {}

  /// Applies an order record. A record of a term not opened yet, or beyond the end, is a gap: what lies before it must be
  /// fetched. One of an ended term that adds anything is void.
  Append append(const Order& order);
  /// (sequencer) The next `count` messages of `publisher`.
  void order_next(Rank publisher, std::uint32_t count, std::int64_t ordered_at);
  /// (sequencer) Ends the term.
  void hand_off(Rank to);

  [[nodiscard]] Seq end() const { return end_; }
  [[nodiscard]] Seq base() const { return base_; }
  [[nodiscard]] Term term() const { return term_; }
  [[nodiscard]] Rank sequencer() const { return sequencer_; }
  /// The first message of `publisher` that isn't ordered yet.
  [[nodiscard]] Seqno next_of(Rank publisher) const { return next_[publisher.value]; }
  [[nodiscard]] const std::deque<Entry>& entries() const { return entries_; }
  /// The entry that holds `position`, which lies in (base, end].
  [[nodiscard]] const Entry& at(Seq position) const;
  /// Order frames that tell everything from `first` on; empty if that is forgotten or not known.
  [[nodiscard]] std::vector<Order> from(Seq first, ViewId view, Lane lane) const;
  /// Runs beyond the base, as an answer to a ballot tells them.
  [[nodiscard]] std::vector<OrderedRun> runs() const;
  /// Forgets whole entries that end at or before `upto`.
  void forget(Seq upto);

 private:
  void push(Rank publisher, std::uint32_t count, Term term, std::int64_t ordered_at);

  std::deque<Entry> entries_;
  std::vector<HandOff> hand_offs_;
  std::vector<Seqno> next_;
  Seq base_;
  Seq end_;
  Term term_{1};
  Rank sequencer_;
};

}  // namespace vsync::protocol
