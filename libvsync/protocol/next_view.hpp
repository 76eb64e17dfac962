#pragma once
// Choice of value: what a coordinator proposes when it has the answers to its ballot. Pure: answers in, value out.
// Lamport, "Paxos Made Simple" (2001), phase 2a; what is proposed when nothing can have been chosen is the next view and the cut.

#include <map>
#include <optional>

#include "protocol/config.hpp"
#include "protocol/frames.hpp"
#include "protocol/rank_set.hpp"
#include "protocol/view.hpp"

namespace vsync::protocol {

struct Choice {
  Value value;
  bool adopted = false;  ///< an earlier ballot's value, which may have been chosen
  /// Members of the next view that must have its whole history (the cut; or what the disks hold) before it may be accepted.
  std::vector<NodeId> gather;
};

struct ChoiceInput {
  const View* view;                           ///< the view that ends
  const std::map<NodeId, Answer>* answers;    ///< of acceptors and joiners
  bool restart = false;
  std::vector<Rank> sequencers;               ///< by lane: who orders now
  bool sequencer_stuck = false;               ///< it doesn't order: the next view has another
  std::uint64_t random = 0;                   ///< for a new epoch
  Ballot ballot{};
  bool raise = false;  ///< who is missing isn't waited for any longer, and may need a newer program when it comes back
  /// Set: an operator forces it. What others may have chosen is not adopted, the next view is another history's.
  std::optional<Forced> forced{};
};

/// What a coordinator with this configuration appoints in a view.
[[nodiscard]] Rank tie_breaker_of(const Config& config, const View& view);
[[nodiscard]] std::uint32_t min_weight_of(const Config& config, const View& view);

/// The rank `node` answers for: its own, or (restart) that of its predecessor of the same name.
[[nodiscard]] std::optional<Rank> acceptor_rank(const View& view, const NodeId& node, bool restart);
/// The rank whose promise this answer is. A restarted name that has learnt meanwhile how the view ended is bound to a later
/// one and answers as a joiner does: it promises nothing, and that it reports no acceptance means nothing.
[[nodiscard]] std::optional<Rank> speaks_for(const View& view, const NodeId& node, const Answer& answer, bool restart);
/// Ranks that have promised.
[[nodiscard]] RankSet answered(const View& view, const std::map<NodeId, Answer>& answers, bool restart);
/// Nothing if the answers come from no mutually connected set that may go on.
[[nodiscard]] std::optional<Choice> choose_value(const Config& config, const ChoiceInput& input);

}  // namespace vsync::protocol
