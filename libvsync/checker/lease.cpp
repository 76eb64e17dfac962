// Properties about time: what leases and self-doubt promise. They compare the times of different nodes, which one simulated clock or
// one host's boot clock allows.

#include <algorithm>

#include "checker/names.hpp"
#include "checker/primary_rule.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {

using protocol::Duration;
using protocol::TimePoint;

namespace {

using FirstPublished = std::map<std::tuple<protocol::NodeId, protocol::SessionId, std::uint64_t>, TimePoint>;

FirstPublished first_published(const History& history) {
  FirstPublished first;
  for (const TraceEvent& event : history.trace().events) {
    if (const auto* publish = std::get_if<Published>(&event.body); publish && publish->accepted) {
      first.try_emplace({event.node, publish->session, publish->first_n}, event.time);
    }
  }
  return first;
}

/// Calls `use(message, published)` for each that was delivered in `view` and that the next view doesn't have.
template <class Use>
void for_each_in_vain(const History& history, std::size_t view, const FirstPublished& first, Use use) {
  for (const auto& [lane, longest] : history.views()[view].longest) {
    for (std::size_t i = history.kept(view, lane).value_or(longest.ordinary.size()); i < longest.ordinary.size(); ++i) {
      const Delivered& lost = *longest.ordinary[i];
      const auto published = first.find({lost.publisher, lost.session, lost.first_n});
      if (published != first.end()) use(lost, published->second);
    }
  }
}

std::string milliseconds_between(TimePoint from, TimePoint to) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count()) + " ms";
}

}  // namespace

// The lease bounds what a cut-off side can deliver that the primary never sees: nothing published later than a lease after the next
// view began is delivered in the old one. (Gray and Cheriton, "Leases", 1989; DESIGN section 4.)
void lease_bounds_what_is_lost(const History& history, Duration lease, Report& report) {
  const FirstPublished first = first_published(history);
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    const auto survivors = history.survivors(view);
    // Where an operator ends a view, its other members may be at work in it.
    if (survivors.empty() || history.views()[*history.stays()[survivors.front()].next_view].forced) continue;
    TimePoint next_began = TimePoint::max();
    for (const std::size_t stay : history.views()[*history.stays()[survivors.front()].next_view].stays) {
      next_began = std::min(next_began, history.trace().events[history.stays()[stay].installed_at].time);
    }
    for_each_in_vain(history, view, first, [&](const Delivered& lost, TimePoint published) {
      if (published <= next_began + lease) return;
      report.add(name_of(lost.first) + " of " + name_of(lost.publisher) + " was delivered in vain though it was published " +
                 milliseconds_between(next_began, published) + " after the next view began");
    });
  }
}

// What one view confirms, and what a sequencer of the one before still orders by a lease, are apart in time, whatever leases the daemons
// are configured with. Without it two sides answer at once for what only one of them has. (DESIGN section 4; a new epoch promises nothing
// about the one before.)
void marks_wait_for_leases(const History& history, Report& report) {
  std::map<protocol::ViewId, TimePoint> first_mark;
  for (const TraceEvent& event : history.trace().events) {
    if (const auto* marked = std::get_if<Marked>(&event.body)) {
      const auto known = first_mark.try_emplace(marked->of_view, event.time).first;
      known->second = std::min(known->second, event.time);
    }
  }
  const FirstPublished first = first_published(history);
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    const auto survivors = history.survivors(view);
    if (survivors.empty()) continue;
    const ViewRecord& next = history.views()[*history.stays()[survivors.front()].next_view];
    const auto mark = first_mark.find(next.content.id);
    if (next.restart || mark == first_mark.end()) continue;
    for_each_in_vain(history, view, first, [&](const Delivered& lost, TimePoint published) {
      if (published <= mark->second) return;
      report.add(name_of(lost.first) + " of " + name_of(lost.publisher) + " was ordered in vain though it was published " +
                 milliseconds_between(mark->second, published) + " after the next view had confirmed something");
    });
  }
}

// After a pause longer than the lease a node hands nothing out before it has heard from a set that may go on, which takes longer than
// no time where it isn't such a set itself.
// (DESIGN section 3, "Minority, split, return".)
void doubts_itself_after_a_pause(const History& history, Duration lease, Report& report) {
  const auto& events = history.trace().events;
  for (const Life& life : history.lives()) {
    std::optional<TimePoint> woken;
    bool alone = false;
    for (const EventIndex at : life.events) {
      if (const auto* resumed = std::get_if<Resumed>(&events[at].body)) {
        woken = Duration(resumed->paused_ns) > lease ? std::optional(events[at].time) : std::nullopt;
      } else if (const auto* installed = std::get_if<ViewInstalled>(&events[at].body)) {
        const auto rank = installed->view.rank_of(life.node);
        alone = rank && may_go_on(installed->view, {*rank});
      } else if (woken == events[at].time && !alone && std::holds_alternative<Delivered>(events[at].body)) {
        report.add(name_of(life.node) + " delivered " + name_of(std::get<Delivered>(events[at].body).first) +
                   " in the moment it woke from a pause longer than the lease");
        woken.reset();
      }
    }
  }
}

}  // namespace vsync::checker
