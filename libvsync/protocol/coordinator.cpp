#include "protocol/coordinator.hpp"

#include <utility>

#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

Coordinator::Coordinator(const Config& config, Plan plan, TimePoint now) : config_(&config), plan_(std::move(plan)), entered_(now) {
  if (plan_.forced) {
    RankSet present;
    for (const NodeId& node : plan_.acceptors) present.insert(*acceptor_rank(plan_.view, node, plan_.restart));
    plan_.view = with_votes_of(std::move(plan_.view), present);
  }
  for (const NodeId& node : everyone()) waiting_.insert(node);
}

void Coordinator::on_promised(TimePoint now) {
  if (step_ != Step::promise) return;
  slowest_ = now - entered_;
  enter(Step::answers, now);
}

TimePoint Coordinator::deadline() const {
  const TimePoint next = std::min(deadline_, ask_again_);
  return step_ < Step::accepting ? std::min(next, plan_.until) : next;
}

std::vector<NodeId> Coordinator::everyone() const {
  std::vector<NodeId> nodes = plan_.acceptors;
  nodes.insert(nodes.end(), plan_.joiners.begin(), plan_.joiners.end());
  return nodes;
}

void Coordinator::enter(Step step, TimePoint now) {
  step_ = step;
  asks_on_ = false;
  entered_ = now;
  deadline_ = now + plan_.patience;
  ask(now);
}

void Coordinator::ask(TimePoint now) {
  ask_again_ = now + ask_again_after;
  for (const NodeId& node : waiting_) {
    switch (step_) {
      case Step::answers: sends_.push_back({node, Prepare{plan_.view, plan_.ballot, plan_.restart}}); break;
      case Step::gathering: sends_.push_back({node, Gather{plan_.view.id, plan_.ballot, choice_->value}}); break;
      case Step::accepting: sends_.push_back({node, Accept{plan_.view.id, plan_.ballot, choice_->value}}); break;
      case Step::promise:
      case Step::chosen:
      case Step::failed: break;
    }
  }
}

void Coordinator::on_answer(TimePoint now, const NodeId& from, const Answer& answer) {
  if (step_ != Step::answers || answer.ballot != plan_.ballot) return;
  const bool first = answers_.insert_or_assign(from, answer).second;
  if (first && acceptor_rank(plan_.view, from, plan_.restart)) slowest_ = std::max(slowest_, now - entered_);
  waiting_.erase(from);
  const bool enough = may_go_on_with({});
  if (waiting_.empty() || (mutant(Mutant::hasty_choice) && enough)) return choose(now);
  if (!asks_on_ || !enough) return;
  // What was late for one may have been late for all: the others have as long again.
  asks_on_ = false;
  deadline_ = now + plan_.patience;
}

void Coordinator::on_lost(TimePoint now, const NodeId& node) {
  if (step_ == Step::answers && waiting_.erase(node) > 0 && waiting_.empty()) choose(now);
  // Who must hold the cut and can't say so any more would be in the next view without it.
  if (step_ == Step::gathering && waiting_.contains(node) && !mutant(Mutant::gathers_for_ever)) step_ = Step::failed;
  if (asks_on_ && (step_ == Step::answers || step_ == Step::accepting)) {
    waiting_.erase(node);
    if (!may_go_on_with(waiting_)) step_ = Step::failed;
  }
}

void Coordinator::on_present(TimePoint now, RankSet members) {
  if (!asks_on_ || now - entered_ < config_->lag_exclude_after) return;
  if (may_go_on(plan_.view, members.minus(ranks_of(waiting_)))) step_ = Step::failed;
}

RankSet Coordinator::ranks_of(const std::set<NodeId>& nodes) const {
  RankSet ranks;
  for (const NodeId& node : nodes) {
    if (const auto rank = acceptor_rank(plan_.view, node, plan_.restart)) ranks.insert(*rank);
  }
  return ranks;
}

/// Those that have given their vote in this step and `more` together.
bool Coordinator::may_go_on_with(const std::set<NodeId>& more) const {
  const RankSet votes = step_ == Step::accepting ? accepted_ : answered(plan_.view, answers_, plan_.restart);
  return may_go_on(plan_.view, votes | ranks_of(more));
}

/// Those that have answered, but for `some`.
bool Coordinator::may_go_on_without(const std::set<NodeId>& some) const {
  return may_go_on(plan_.view, answered(plan_.view, answers_, plan_.restart).minus(ranks_of(some)));
}

/// For a write that nobody may go on without. A disk that took longer for its promise than one that is taken for hung takes as long again. A
/// cut that isn't there by then has lost a holder: it takes another round.
Duration Coordinator::longest_wait() const {
  return step_ == Step::gathering ? slowest_ * 2 : std::max<Duration>(plan_.patience_with_needed, slowest_ * 2);
}

/// The patience is over: is there anything to wait for that nobody can do without?
bool Coordinator::asks_on(TimePoint now) {
  const TimePoint last = entered_ + longest_wait();
  if (now >= last) return false;
  const bool needed = step_ == Step::gathering ? !may_go_on_without(waiting_) : !may_go_on_with({}) && may_go_on_with(waiting_);
  if (!needed) return false;
  deadline_ = last;
  ask(now);
  return asks_on_ = true;
}

void Coordinator::choose(TimePoint now) {
  choice_ = choose_value(*config_, {&plan_.view, &answers_, plan_.restart, plan_.sequencers, plan_.sequencer_stuck, plan_.random, plan_.ballot, plan_.raise, plan_.forced});
  if (!choice_) {
    step_ = Step::failed;
    return;
  }
  // An adopted value was gathered before it was first accepted.
  if (choice_->adopted || mutant(Mutant::no_fetch_before_accept)) return begin_accept(now);
  if (choice_->gather.empty()) return begin_accept(now);
  waiting_ = {choice_->gather.begin(), choice_->gather.end()};
  enter(Step::gathering, now);
  // The cut is one more write for disks that have shown how slow they are.
  deadline_ = std::max(deadline_, now + std::min<Duration>(slowest_ * 2, config_->lag_exclude_after));
}

void Coordinator::on_gathered(TimePoint now, const NodeId& from) {
  if (step_ != Step::gathering) return;
  waiting_.erase(from);
  if (waiting_.empty()) begin_accept(now);
}

void Coordinator::begin_accept(TimePoint now) {
  waiting_ = {plan_.acceptors.begin(), plan_.acceptors.end()};
  enter(Step::accepting, now);
}

void Coordinator::on_accepted(const NodeId& from) {
  if (step_ != Step::accepting) return;
  const auto rank = acceptor_rank(plan_.view, from, plan_.restart);
  if (!rank) return;
  waiting_.erase(from);
  accepted_.insert(*rank);
  RankSet counted = accepted_;
  if (mutant(Mutant::majority_of_members_only)) {
    for (std::uint16_t r = 0; r < plan_.view.size(); ++r) {
      if (!choice_->value.next.rank_of(plan_.view.members[r].node)) counted.insert(Rank{r});
    }
  }
  if (may_go_on(plan_.view, counted)) step_ = Step::chosen;
}

void Coordinator::on_tick(TimePoint now) {
  if (now >= plan_.until && step_ < Step::accepting) step_ = Step::failed;
  if (step_ == Step::promise || step_ == Step::failed) return;
  if (now < deadline_) {
    if (now >= ask_again_) ask(now);
    return;
  }
  if (asks_on(now)) return;
  if (step_ == Step::answers) {
    choose(now);
  } else if (step_ == Step::gathering && mutant(Mutant::gathers_for_ever)) {
    enter(Step::gathering, now);
  } else if (step_ == Step::gathering || step_ == Step::accepting) {
    step_ = Step::failed;
  }
  ran_out_of_patience_ = step_ == Step::failed;
}

}  // namespace vsync::protocol
