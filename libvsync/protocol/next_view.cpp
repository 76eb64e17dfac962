#include "protocol/next_view.hpp"

#include <algorithm>

#include "protocol/cut.hpp"
#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

Rank tie_breaker_of(const Config& config, const View& view) { return view.rank_of_name(config.tie_breaker).value_or(Rank{0}); }

// More than it has would block it for ever: it couldn't even admit anybody.
std::uint32_t min_weight_of(const Config& config, const View& view) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(config.min_weight, view.total_weight()));
}

std::optional<Rank> acceptor_rank(const View& view, const NodeId& node, bool restart) {
  const auto of_name = view.rank_of_name(node.name);
  return restart || !of_name || view.at(*of_name).node == node || mutant(Mutant::successor_votes) ? of_name : std::nullopt;
}

std::optional<Rank> speaks_for(const View& view, const NodeId& node, const Answer& answer, bool restart) {
  return acceptor_rank(view, node, restart && answer.from_disk);
}

RankSet answered(const View& view, const std::map<NodeId, Answer>& answers, bool restart) {
  RankSet set;
  for (const auto& [node, answer] : answers) {
    if (const auto rank = speaks_for(view, node, answer, restart)) set.insert(*rank);
  }
  return set;
}

namespace {

struct Acceptor {
  NodeId node;
  const Answer* answer = nullptr;
};

/// Answers by the rank they speak for. Where both a survivor and its successor answer for a name, the successor does: the
/// survivor is gone.
std::vector<Acceptor> by_rank(const ChoiceInput& input) {
  std::vector<Acceptor> acceptors(input.view->size());
  for (const auto& [node, answer] : *input.answers) {
    if (const auto rank = speaks_for(*input.view, node, answer, input.restart)) acceptors[rank->value] = {node, &answer};
  }
  return acceptors;
}

bool hears(const Answer& answer, const NodeId& node) {
  return std::find(answer.hears.begin(), answer.hears.end(), node) != answer.hears.end();
}

/// A value that a set which may go on may already have accepted must survive a change of coordinator, or two views could follow
/// the same one. It can have been chosen if those that report an acceptance and those that are silent together could have.
std::optional<Value> possibly_chosen(const View& view, const std::vector<Acceptor>& acceptors) {
  const Accepted* highest = nullptr;
  RankSet possible;
  for (std::uint16_t r = 0; r < acceptors.size(); ++r) {
    const Answer* answer = acceptors[r].answer;
    if (answer == nullptr || answer->accepted) possible.insert(Rank{r});
    if (answer == nullptr || !answer->accepted) continue;
    if (highest == nullptr || answer->accepted->ballot > highest->ballot) highest = &*answer->accepted;
  }
  if (highest == nullptr || mutant(Mutant::ignore_accepted_value)) return std::nullopt;
  if (!may_go_on(view, possible)) return std::nullopt;
  return highest->value;
}

std::optional<RankSet> connected(const View& view, const std::vector<Acceptor>& acceptors) {
  std::vector<RankSet> edges(acceptors.size());
  RankSet candidates;
  for (std::uint16_t i = 0; i < acceptors.size(); ++i) {
    if (acceptors[i].answer == nullptr) continue;
    candidates.insert(Rank{i});
    for (std::uint16_t j = 0; j < acceptors.size(); ++j) {
      if (acceptors[j].answer == nullptr) continue;
      if (i == j || hears(*acceptors[i].answer, acceptors[j].node) || mutant(Mutant::members_need_not_hear)) edges[i].insert(Rank{j});
    }
  }
  return largest_connected(view, edges, candidates);
}

/// Leavers are left out, but for one that holds the state if nobody else does: a disk holds none. A view has members.
RankSet without_leavers(const std::vector<Acceptor>& acceptors, RankSet clique) {
  RankSet staying;
  bool holder = false;
  const auto holds_state = [&](Rank rank) { return acceptors[rank.value].answer->loaded && !acceptors[rank.value].answer->witness; };
  for (const Rank rank : clique) {
    if (acceptors[rank.value].answer->leaving) continue;
    staying.insert(rank);
    holder = holder || holds_state(rank);
  }
  for (const Rank rank : clique) {
    if (holder) break;
    if (!holds_state(rank)) continue;
    staying.insert(rank);
    holder = true;
  }
  return staying.empty() ? clique : staying;
}

Member continuing(const Member& before, const Acceptor& acceptor, bool loaded) {
  const Answer& answer = *acceptor.answer;
  Member member{acceptor.node, 0, answer.full_weight, answer.witness, loaded || answer.witness, answer.speaks};
  if (before.weight > 0 || member.loaded || mutant(Mutant::weight_before_state)) member.weight = answer.full_weight;
  return member;
}

// ---------------------------------------------------------------- a restart formation: memories and disks

bool lives_loaded(const Answer& answer) { return answer.loaded && !answer.witness; }

/// Of the members that answer from their disks, those whose logs are a history to go on from. If none is, all are equally good.
RankSet sound_disks(const std::vector<Acceptor>& acceptors, RankSet clique) {
  RankSet disks;
  RankSet sound;
  for (const Rank rank : clique) {
    const Answer& answer = *acceptors[rank.value].answer;
    if (!answer.from_disk || answer.witness) continue;
    disks.insert(rank);
    if (!answer.logged.empty()) sound.insert(rank);
  }
  return sound.empty() ? disks : sound;
}

Seq logged_by(const Acceptor& acceptor, std::size_t lane) {
  return lane < acceptor.answer->logged.size() ? acceptor.answer->logged[lane] : Seq{};
}

/// By lane, whose log of the ending view goes the furthest. Logs of one view are prefixes of one order: the longest has what the others
/// have.
std::vector<StoredEnd> longest_logs(const std::vector<Acceptor>& acceptors, RankSet disks, std::size_t lanes) {
  std::vector<StoredEnd> ends;
  if (disks.empty()) return ends;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    StoredEnd longest{disks.front(), logged_by(acceptors[disks.front().value], lane)};
    for (const Rank rank : disks) {
      const Seq end = logged_by(acceptors[rank.value], lane);
      if (end > longest.end && !mutant(Mutant::disks_not_compared)) longest = {rank, end};
    }
    ends.push_back(longest);
  }
  return ends;
}

bool beyond(const std::vector<StoredEnd>& stored, const Cut& cut) {
  for (std::size_t lane = 0; lane < stored.size(); ++lane) {
    if (stored[lane].end > (lane < cut.lanes.size() ? cut.lanes[lane].end() : Seq{})) return true;
  }
  return false;
}

/// What was left of a view's instance, and whose it is.
struct Continuation {
  RankSet members;               ///< that go on
  RankSet loaded;                ///< of these, who has the state
  std::vector<StoredEnd> stored; ///< set: the disks give the history
};

/// The longest history there is goes on: that of the living, unless a disk has something durable that they don't have. Then the living
/// begin anew like everybody else, and come back as joiners.
std::optional<Continuation> continuation(const Config& config, const ChoiceInput& input, const std::vector<Acceptor>& acceptors,
                                         RankSet clique, RankSet staying, const Cut& cut) {
  Continuation going;
  const auto lives = [&](Rank rank) { return lives_loaded(*acceptors[rank.value].answer); };
  const bool living = std::any_of(clique.begin(), clique.end(), lives);
  if (!living && !input.restart) return std::nullopt;
  const RankSet disks = input.restart ? sound_disks(acceptors, staying) : RankSet{};
  const std::vector<StoredEnd> stored = longest_logs(acceptors, disks, std::max<std::size_t>(config.lanes, 1));
  const bool from_disks = !living || (beyond(stored, cut) && !mutant(Mutant::living_before_disks));
  for (const Rank rank : staying) {
    const Answer& answer = *acceptors[rank.value].answer;
    if (from_disks && living && !answer.from_disk && !answer.witness) continue;
    going.members.insert(rank);
    if (from_disks ? disks.contains(rank) : lives(rank)) going.loaded.insert(rank);
  }
  if (from_disks) going.stored = stored;
  return going;
}

/// (of those that are loaded, and so no witnesses) Of the living everybody fetches what it lacks, and says so; of the disks only those
/// whose logs are shorter.
bool lacks_history(const Acceptor& acceptor, const Continuation& going) {
  if (going.stored.empty()) return true;
  for (std::size_t lane = 0; lane < going.stored.size(); ++lane) {
    if (logged_by(acceptor, lane) < going.stored[lane].end) return true;
  }
  return false;
}

void add_joiners(const ChoiceInput& input, View& next) {
  const std::size_t settled = next.members.size();
  for (const auto& [node, answer] : *input.answers) {
    if (acceptor_rank(*input.view, node, input.restart) || next.rank_of_name(node.name) || next.size() >= members_max) continue;
    const bool meets_all = std::all_of(next.members.begin(), next.members.begin() + static_cast<std::ptrdiff_t>(settled),
                                       [&, &node = node, &answer = answer](const Member& member) {
                                         return hears(answer, member.node) && hears(input.answers->at(member.node), node);
                                       });
    const bool speaks_it = answer.speaks.include(input.view->version) || mutant(Mutant::any_version_joins);
    if (!speaks_it || !(meets_all || mutant(Mutant::joiner_need_not_hear))) continue;
    const std::uint32_t weight = mutant(Mutant::learner_votes_at_once) ? answer.full_weight : 0;
    next.members.push_back({node, weight, answer.full_weight, answer.witness, answer.witness, answer.speaks});
  }
}

/// The newest version that all speak; but while a configured name is missing its host may come back with the program that it had.
std::uint16_t version_of(const Config& config, const ChoiceInput& input, const View& next) {
  const std::uint16_t before = input.view->version;
  if (mutant(Mutant::raised_too_early)) return std::max(before, config.speaks.newest);
  if (next.has_names(config.peers) || input.raise) return std::max(before, next.newest_common_version());
  return mutant(Mutant::version_lowered) ? config.speaks.oldest : before;
}

void appoint(const Config& config, const ChoiceInput& input, View& next) {
  next.min_weight = min_weight_of(config, next);
  next.tie_breaker = tie_breaker_of(config, next);
  for (std::uint16_t lane = 0; lane < std::max<std::uint16_t>(config.lanes, 1); ++lane) {
    std::optional<Rank> chosen;
    std::optional<Rank> former;
    if (lane < input.sequencers.size()) former = next.rank_of(input.view->at(input.sequencers[lane]).node);
    const auto able = [&](Rank rank) { return next.at(rank).loaded && next.at(rank).holds_payload(); };
    if (former && able(*former) && !input.sequencer_stuck) chosen = former;
    for (std::uint16_t r = 0; r < next.size() && !chosen; ++r) {
      if (able(Rank{r}) && !(input.sequencer_stuck && former == Rank{r})) chosen = Rank{r};
    }
    next.sequencers.push_back(chosen.value_or(former.value_or(Rank{0})));
  }
}

/// (Mutant::failure_blended_in)
void blend(const ChoiceInput& input, View& adopted) {
  std::erase_if(adopted.members, [&](const Member& member) { return !input.answers->contains(member.node); });
  adopted.tie_breaker = Rank{0};
  std::fill(adopted.sequencers.begin(), adopted.sequencers.end(), Rank{0});
}

Cut cut_of(const ChoiceInput& input, const std::vector<Acceptor>& acceptors, RankSet clique) {
  Cut cut;
  for (std::size_t lane = 0;; ++lane) {
    std::vector<Holdings> holdings;
    for (const Rank rank : clique) {
      const Answer& answer = *acceptors[rank.value].answer;
      if (answer.leaving && mutant(Mutant::leave_without_cut)) continue;
      if (lane < answer.lanes.size()) holdings.push_back({rank, &answer.lanes[lane]});
    }
    if (holdings.empty()) return cut;
    cut.lanes.push_back(compute_cut(input.view->size(), holdings));
  }
}

}  // namespace

std::optional<Choice> choose_value(const Config& config, const ChoiceInput& input) {
  const View& view = *input.view;
  const std::vector<Acceptor> acceptors = by_rank(input);
  if (!may_go_on(view, answered(view, *input.answers, input.restart))) return std::nullopt;
  auto value = input.forced ? std::nullopt : possibly_chosen(view, acceptors);
  if (value && mutant(Mutant::failure_blended_in)) blend(input, value->next);
  if (value) return Choice{std::move(*value), true};

  const auto clique = connected(view, acceptors);
  if (!clique) return std::nullopt;
  Choice choice;
  choice.value.cut = cut_of(input, acceptors, *clique);
  const auto going = continuation(config, input, acceptors, *clique, without_leavers(acceptors, *clique), choice.value.cut);
  if (!going) return std::nullopt;
  choice.value.stored = going->stored;

  View& next = choice.value.next;
  next.id = {view.id.epoch, view.id.number + 1};
  next.formed_in = input.ballot;
  if (input.restart && !mutant(Mutant::restart_keeps_the_epoch)) next.id.epoch = {view.id.epoch.number + 1, input.random};
  choice.value.restart = input.restart;
  next.forced = view.forced;
  if (input.forced && !mutant(Mutant::force_not_recorded)) {
    next.forced.push_back(*input.forced);
    next.forced.back().epoch = next.id.epoch;
  }
  for (const Rank rank : going->members) {
    const Acceptor& acceptor = acceptors[rank.value];
    next.members.push_back(continuing(view.at(rank), acceptor, going->loaded.contains(rank)));
    if (acceptor.answer->loaded) choice.value.loaded.push_back(rank);
    if (going->loaded.contains(rank) && lacks_history(acceptor, *going)) choice.gather.push_back(acceptor.node);
  }
  add_joiners(input, next);
  // Who holds a lease has it from a set that may go on, and so from one that is among these.
  for (const auto& [node, answer] : *input.answers) next.leases_end_after = std::max(next.leases_end_after, answer.leases);
  next.version = version_of(config, input, next);
  appoint(config, input, next);
  return choice;
}

}  // namespace vsync::protocol
