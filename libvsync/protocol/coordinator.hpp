#pragma once
// Coordinator: one attempt to end a view, from the ballot to the decision: its own promise, answers, choice, fetch, acceptance.
// Single-decree Paxos (Lamport 2001) whose acceptors are the members of the view that ends, with a fetch before the acceptance. It
// talks to itself like to any other acceptor: the engine loops messages to the own node back. What isn't answered is asked again, since
// one lost frame must not cost a member its place; every request may come twice. What nobody could go on without is waited for
// beyond the ballot's patience: another ballot would cost a slow disk another write, and get no other answer.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "protocol/config.hpp"
#include "protocol/frames.hpp"
#include "protocol/next_view.hpp"

namespace vsync::protocol {

class Coordinator {
 public:
  enum class Step : std::uint8_t { promise, answers, gathering, accepting, chosen, failed };

  struct Plan {
    View view;
    Ballot ballot;
    bool restart = false;
    std::vector<NodeId> acceptors;  ///< those that are heard, itself included
    std::vector<NodeId> joiners;
    std::vector<Rank> sequencers;
    bool sequencer_stuck = false;
    std::uint64_t random = 0;
    bool raise = false;
    std::optional<Forced> forced{};  ///< an operator wants it: whoever isn't among the acceptors has no vote
    Duration patience{};            ///< per step
    Duration patience_with_needed{};  ///< with what nobody may go on without
    TimePoint until = TimePoint::max();  ///< an operator's wish lasts no longer; a value that was put to the vote may be chosen yet
  };
  struct Send {
    NodeId to;
    Body body;
  };

  Coordinator(const Config& config, Plan plan, TimePoint now);

  /// Its own promise is on its disk. Nothing is asked for before: after a crash its successor must not use the ballot for something else.
  void on_promised(TimePoint now);
  void on_answer(TimePoint now, const NodeId& from, const Answer& answer);
  void on_gathered(TimePoint now, const NodeId& from);
  void on_accepted(const NodeId& from);
  void on_refused() { if (step_ != Step::chosen) step_ = Step::failed; }
  /// Its patience is over, and it goes on asking for votes that are needed.
  [[nodiscard]] bool asks_on() const { return asks_on_; }
  /// Members that are there, those that weren't asked among them: where they could go on without who is waited for, that one isn't waited for
  /// longer than until its disk is taken for hung.
  void on_present(TimePoint now, RankSet members);
  /// `node` is suspected, or `asks_on` and it doesn't hear what it is asked: it is waited for no longer.
  void on_lost(TimePoint now, const NodeId& node);
  void on_tick(TimePoint now);

  [[nodiscard]] Step step() const { return step_; }
  /// It failed because what it had asked for had not come in time, not because somebody refused or is gone.
  [[nodiscard]] bool ran_out_of_patience() const { return ran_out_of_patience_; }
  [[nodiscard]] const Ballot& ballot() const { return plan_.ballot; }
  [[nodiscard]] bool restart() const { return plan_.restart; }
  [[nodiscard]] const View& view() const { return plan_.view; }
  [[nodiscard]] const Value& value() const { return choice_->value; }
  [[nodiscard]] TimePoint deadline() const;
  [[nodiscard]] std::vector<NodeId> everyone() const;
  std::vector<Send> take() { return std::exchange(sends_, {}); }

 private:
  static constexpr Duration ask_again_after = 100ms;

  void enter(Step step, TimePoint now);
  void ask(TimePoint now);
  void choose(TimePoint now);
  [[nodiscard]] RankSet ranks_of(const std::set<NodeId>& nodes) const;
  [[nodiscard]] bool may_go_on_with(const std::set<NodeId>& more) const;
  [[nodiscard]] bool may_go_on_without(const std::set<NodeId>& some) const;
  [[nodiscard]] Duration longest_wait() const;
  bool asks_on(TimePoint now);
  void begin_accept(TimePoint now);

  const Config* config_;
  Plan plan_;
  Step step_ = Step::promise;
  bool ran_out_of_patience_ = false;
  bool asks_on_ = false;
  TimePoint entered_;     ///< this step
  Duration slowest_{0};  ///< its own promise, or an answer
  TimePoint deadline_ = TimePoint::max();
  TimePoint ask_again_ = TimePoint::max();
  std::set<NodeId> waiting_;
  std::map<NodeId, Answer> answers_;
  std::optional<Choice> choice_;
  RankSet accepted_;
  std::vector<Send> sends_;
};

}  // namespace vsync::protocol
