#include "checker/history.hpp"

#include <algorithm>
#include <utility>

#include "checker/digest.hpp"
#include "checker/primary_rule.hpp"

namespace vsync::checker {

using protocol::Lane;
using protocol::NodeId;
using protocol::Position;
using protocol::ViewId;

namespace {

/// Takes over what `piece` has and `known` hasn't.
void join(std::vector<const Delivered*>& known, const std::vector<const Delivered*>& piece) {
  std::map<protocol::Seq, const Delivered*> by_place;
  for (const std::vector<const Delivered*>* part : {&std::as_const(known), &piece}) {
    for (const Delivered* delivered : *part) by_place.emplace(delivered->first.seq, delivered);
  }
  known.clear();
  for (const auto& [seq, delivered] : by_place) known.push_back(delivered);
}

}  // namespace

History::History(const Trace& trace, const Options& options)
    : trace_(trace), partial_(options.partial), one_clock_(options.one_clock), logs_are_bounded_(options.logs_are_bounded) {
  for (EventIndex at = 0; at < trace.events.size(); ++at) add(at);
  find_longest();
}

std::size_t History::life_for(const TraceEvent& event) {
  const bool continued = std::holds_alternative<Continued>(event.body);
  const auto [found, is_new] = life_index_.try_emplace(event.node, lives_.size());
  if (!is_new && !continued) return found->second;
  found->second = lives_.size();
  lives_.push_back({.node = event.node, .whole = !continued});
  return found->second;
}

void History::add(EventIndex at) {
  const TraceEvent& event = trace_.events[at];
  const std::size_t life = life_for(event);
  lives_[life].events.push_back(at);
  const auto ballot = [&](const ViewId& view, protocol::Ballot number) -> BallotRecord& { return instances_[view][number]; };

  if (const auto* started = std::get_if<NodeStarted>(&event.body)) {
    lives_[life].with_disk = started->with_disk;
  } else if (std::holds_alternative<Crashed>(event.body) || std::holds_alternative<Resynced>(event.body)) {
    lives_[life].ended = true;
  } else if (const auto* delivered = std::get_if<Delivered>(&event.body)) {
    deliver(life, *delivered);
  } else if (const auto* installed = std::get_if<ViewInstalled>(&event.body)) {
    install(at, life, *installed);
  } else if (const auto* continued = std::get_if<Continued>(&event.body)) {
    if (continued->view) begin_stay(at, life, record_of(*continued->view), false);
  } else if (const auto* group = std::get_if<GroupView>(&event.body)) {
    if (!lives_[life].stays.empty()) stays_[lives_[life].stays.back()].group_views.push_back(group);
  } else if (const auto* state = std::get_if<StateChanged>(&event.body)) {
    lives_[life].state = state->state;
  } else if (const auto* answer = std::get_if<AnsweredBallot>(&event.body)) {
    ballot(answer->view, answer->ballot).answers.push_back({at, event.node, answer->from_disk, answer->own});
  } else if (const auto* accepted = std::get_if<AcceptedBallot>(&event.body)) {
    ballot(accepted->view, accepted->ballot).acceptances.push_back({at, event.node, false, accepted->own});
  } else if (const auto* value = std::get_if<BallotValue>(&event.body)) {
    ballot(value->view, value->ballot).values.emplace_back(at, value);
    const auto key = std::pair(value->next.id, digest_of(value->next));
    known_contents_.try_emplace(key, value->next);
    auto& carriers = carriers_[key];
    const auto carrier = std::pair(value->view, value->ballot);
    if (std::find(carriers.begin(), carriers.end(), carrier) == carriers.end()) carriers.push_back(carrier);
  }
}

std::size_t History::record_of(const protocol::View& view) {
  const std::uint64_t digest = digest_of(view);
  const auto key = std::pair(view.id, digest);
  const auto [found, is_new] = content_index_.try_emplace(key, views_.size());
  if (is_new) {
    views_.push_back({.content = view, .digest = digest});
    view_index_.try_emplace(view.id, found->second);
    known_contents_.try_emplace(key, view);
  }
  return found->second;
}

void History::install(EventIndex at, std::size_t life, const ViewInstalled& installed) {
  const std::size_t view = record_of(installed.view);
  views_[view].restart = views_[view].restart || installed.restart;
  views_[view].forced = views_[view].forced || installed.forced;
  if (!lives_[life].stays.empty()) stays_[lives_[life].stays.back()].next_view = view;
  begin_stay(at, life, view, true);
}

void History::begin_stay(EventIndex at, std::size_t life, std::size_t view, bool whole) {
  views_[view].stays.push_back(stays_.size());
  lives_[life].stays.push_back(stays_.size());
  stays_.push_back({.life = life, .view = view, .installed_at = at, .whole = whole});
}

void History::deliver(std::size_t life, const Delivered& delivered) {
  if (lives_[life].stays.empty()) return;  // delivered_in_its_view tells of it
  Stay& stay = stays_[lives_[life].stays.back()];
  if (delivered.ahead()) {
    stay.fifo.push_back(&delivered);
    return;
  }
  LaneDeliveries& lane = stay.lanes[delivered.first.lane];
  (delivered.first.seq >= protocol::tail_begin ? lane.tail : lane.ordinary).push_back(&delivered);
}

void History::find_longest() {
  for (const Stay& stay : stays_) {
    if (!stay.whole) continue;
    auto& longest = views_[stay.view].longest;
    for (const auto& [lane, deliveries] : stay.lanes) {
      LaneDeliveries& best = longest[lane];
      if (deliveries.ordinary.size() > best.ordinary.size()) best.ordinary = deliveries.ordinary;
      if (deliveries.tail.size() > best.tail.size()) best.tail = deliveries.tail;
    }
  }
  for (const Stay& stay : stays_) {
    if (stay.whole) continue;
    for (const auto& [lane, deliveries] : stay.lanes) {
      LaneDeliveries& best = views_[stay.view].longest[lane];
      join(best.ordinary, deliveries.ordinary);
      join(best.tail, deliveries.tail);
    }
  }
}

std::optional<std::size_t> History::life(const NodeId& node) const {
  const auto found = life_index_.find(node);
  return found == life_index_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::size_t> History::view(const ViewId& id) const {
  const auto found = view_index_.find(id);
  return found == view_index_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::size_t> History::view_at(const Position& position) const {
  return view({position.epoch, position.view});
}

std::vector<std::size_t> History::survivors(std::size_t view) const {
  std::vector<std::size_t> found;
  for (const std::size_t index : views_[view].stays) {
    const Stay& stay = stays_[index];
    if (!stay.next_view) continue;
    const protocol::View& next = views_[*stay.next_view].content;
    const auto rank = next.rank_of(lives_[stay.life].node);
    if (rank && stores(next.at(*rank))) found.push_back(index);
  }
  return found;
}

std::optional<std::size_t> History::kept(std::size_t view, Lane lane) const {
  for (const std::size_t index : survivors(view)) {
    const Stay& stay = stays_[index];
    const auto found = stay.lanes.find(lane);
    if (stay.whole) return found == stay.lanes.end() ? 0 : found->second.ordinary.size();
    if (found == stay.lanes.end() || found->second.ordinary.empty()) continue;  // all of it may lie before what is shown
    const auto& longest = views_[view].longest.at(lane).ordinary;
    const protocol::Seq last = found->second.ordinary.back()->first.seq;
    return static_cast<std::size_t>(
        std::count_if(longest.begin(), longest.end(), [&](const Delivered* delivered) { return delivered->first.seq <= last; }));
  }
  return std::nullopt;
}

Succession History::succession(std::size_t view) const {
  Succession found{.view = view};
  const ViewRecord& record = views_[view];
  const auto carriers = carriers_.find({record.content.id, record.digest});
  if (carriers == carriers_.end()) return found;
  const ViewId from = carriers->second.front().first;
  for (const auto& [id, ballot] : carriers->second) {
    if (id == from) found.ballots.push_back(ballot);
  }
  std::sort(found.ballots.begin(), found.ballots.end());
  // A view that was decided may have been installed by nobody who left a trace: then the ballots tell its content.
  if (const auto installed = this->view(from)) {
    found.predecessor = views_[*installed].content;
    return found;
  }
  // Of a trace in part the ballots shown may be those that failed.
  if (partial_) return found;
  std::size_t most = 0;
  for (auto content = known_contents_.lower_bound({from, 0}); content != known_contents_.end() && content->first.first == from; ++content) {
    const std::size_t acceptors = acceptors_of(content->first);
    if (found.predecessor && acceptors <= most) continue;
    found.predecessor = content->second;
    most = acceptors;
  }
  return found;
}

std::size_t History::acceptors_of(const std::pair<ViewId, std::uint64_t>& content) const {
  std::set<std::string> names;
  const auto carriers = carriers_.find(content);
  if (carriers == carriers_.end()) return 0;
  for (const auto& [view, ballot] : carriers->second) {
    const auto instance = instances_.find(view);
    if (instance == instances_.end()) continue;
    const auto record = instance->second.find(ballot);
    if (record == instance->second.end()) continue;
    for (const Vote& vote : record->second.acceptances) names.insert(vote.node.name);
  }
  return names.size();
}

}  // namespace vsync::checker
