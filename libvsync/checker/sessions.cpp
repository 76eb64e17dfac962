// Properties of sessions and of what their publishers are told.

#include <algorithm>

#include "checker/names.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

using protocol::Epoch;
using protocol::Lane;
using protocol::NodeId;
using protocol::Outcome;
using protocol::Position;
using protocol::SessionId;
using protocol::ViewId;

/// Calls `use(delivered)` for what the primary's chain delivered, in its order: in each view the kept part of the ordinary range and
/// then the tail; in a view without a known successor everything.
template <class Use>
void for_each_in_chain(const History& history, Lane lane, Use use) {
  std::map<ViewId, std::size_t> by_id;
  for (std::size_t view = 0; view < history.views().size(); ++view) by_id.try_emplace(history.views()[view].content.id, view);
  for (const auto& [id, view] : by_id) {
    const auto& longest = history.views()[view].longest;
    const auto found = longest.find(lane);
    if (found == longest.end()) continue;
    const std::size_t kept = history.kept(view, lane).value_or(found->second.ordinary.size());
    for (std::size_t i = 0; i < std::min(kept, found->second.ordinary.size()); ++i) use(*found->second.ordinary[i]);
    for (const Delivered* delivered : found->second.tail) use(*delivered);
  }
}

/// Calls `use(delivered)` for what one life delivered, in its order: a piece of the chain, but for what an excluded node delivered in vain
/// at the end.
template <class Use>
void for_each_in_life(const History& history, const Life& life, Lane lane, Use use) {
  for (const std::size_t index : life.stays) {
    const Stay& stay = history.stays()[index];
    const auto found = stay.lanes.find(lane);
    if (found == stay.lanes.end()) continue;
    for (const auto* part : {&found->second.ordinary, &found->second.tail}) {
      for (const Delivered* delivered : *part) use(*delivered);
    }
  }
}

/// Calls `walk(for_each)` for the chain; or, where a partial trace doesn't show which part of a view was kept, for each life.
template <class Walk>
void for_each_sequence(const History& history, Lane lane, Walk walk) {
  if (!history.partial()) return walk([&](auto use) { for_each_in_chain(history, lane, use); });
  for (const Life& life : history.lives()) {
    walk([&](auto use) { for_each_in_life(history, life, lane, use); });
  }
}

std::set<Lane> lanes_of(const History& history) {
  std::set<Lane> lanes;
  for (const ViewRecord& record : history.views()) {
    for (const auto& [lane, deliveries] : record.longest) lanes.insert(lane);
  }
  return lanes;
}

std::string run_name(const SessionId& session, std::uint64_t first_n, std::uint32_t count) {
  const std::string first = name_of(session) + " n " + std::to_string(first_n);
  return count == 1 ? first : first + ".." + std::to_string(first_n + count - 1);
}

}  // namespace

// Outcomes are true: `ok` names the position where the first message of the run stands, delivered by somebody (or, for a retry, no
// position: then it stands somewhere); each accepted publish is resolved at most once. Of a partial trace: nothing else stands there.
void outcomes_true(const History& history, Report& report) {
  std::map<Position, const Delivered*> at_position;
  std::set<std::pair<SessionId, std::uint64_t>> anywhere;
  for (const ViewRecord& record : history.views()) {
    for (const auto& [lane, longest] : record.longest) {
      for (const auto* part : {&longest.ordinary, &longest.tail}) {
        for (const Delivered* delivered : *part) {
          at_position.emplace(delivered->first, delivered);
          for (std::uint32_t i = delivered->skip; i < delivered->count; ++i) anywhere.insert({delivered->session, delivered->first_n + i});
        }
      }
    }
  }
  for (const Stay& stay : history.stays()) {
    for (const Delivered* fifo : stay.fifo) {
      for (std::uint32_t i = fifo->skip; i < fifo->count; ++i) anywhere.insert({fifo->session, fifo->first_n + i});
    }
  }
  const auto stands_at = [&](const Resolved& resolved) {
    const bool not_shown = history.partial();
    if (resolved.first == Position{}) return not_shown || anywhere.contains({resolved.session, resolved.first_n});
    auto found = at_position.upper_bound(resolved.first);
    if (found == at_position.begin()) return not_shown;
    const Delivered& delivered = *std::prev(found)->second;
    if (delivered.first.epoch != resolved.first.epoch || delivered.first.view != resolved.first.view ||
        delivered.first.lane != resolved.first.lane) {
      return not_shown;
    }
    const std::uint64_t offset = resolved.first.seq - delivered.first.seq;
    if (offset >= delivered.count) return not_shown;
    // A fifo message stands there as a marker, and was handed out elsewhere.
    const bool fifo = delivered.level == protocol::Level::fifo;
    const bool handed_out = fifo ? not_shown || anywhere.contains({resolved.session, resolved.first_n}) : offset >= delivered.skip;
    return handed_out && delivered.session == resolved.session && delivered.first_n + offset == resolved.first_n;
  };
  std::map<std::tuple<NodeId, SessionId, std::uint64_t>, int> open;
  for (const TraceEvent& event : history.trace().events) {
    if (const auto* publish = std::get_if<Published>(&event.body); publish && publish->accepted) {
      ++open[{event.node, publish->session, publish->first_n}];
    }
    const auto* resolved = std::get_if<Resolved>(&event.body);
    if (!resolved || resolved->outcome == Outcome::ordered) continue;
    if (--open[{event.node, resolved->session, resolved->first_n}] < 0 && !history.partial()) {
      report.add(name_of(event.node) + " resolved " + run_name(resolved->session, resolved->first_n, resolved->count) +
                 " more often than it was published there");
    }
    if (resolved->outcome == Outcome::ok && !stands_at(*resolved)) {
      report.add(name_of(event.node) + " told that " + run_name(resolved->session, resolved->first_n, resolved->count) + " stands at " +
                 name_of(resolved->first) + ", where nobody delivered it");
    }
  }
}

// `rejected` means surely nowhere: of one run at one daemon, no more copies are delivered than were accepted and not rejected.
void rejected_is_nowhere(const History& history, Report& report) {
  struct Count {
    int published = 0;
    int rejected = 0;
    std::set<Position> delivered;
  };
  std::map<std::tuple<NodeId, SessionId, std::uint64_t>, Count> counts;
  for (const TraceEvent& event : history.trace().events) {
    if (const auto* publish = std::get_if<Published>(&event.body); publish && publish->accepted) {
      ++counts[{event.node, publish->session, publish->first_n}].published;
    } else if (const auto* resolved = std::get_if<Resolved>(&event.body); resolved && resolved->outcome == Outcome::rejected) {
      ++counts[{event.node, resolved->session, resolved->first_n}].rejected;
    }
  }
  for (const Lane lane : lanes_of(history)) {
    for_each_in_chain(history, lane, [&](const Delivered& delivered) {
      counts[{delivered.publisher, delivered.session, delivered.first_n}].delivered.insert(delivered.first);
    });
  }
  for (const auto& [key, count] : counts) {
    if (count.rejected == 0 || static_cast<int>(count.delivered.size()) <= count.published - count.rejected) continue;
    report.add(name_of(std::get<0>(key)) + " rejected " + name_of(std::get<1>(key)) + " n " + std::to_string(std::get<2>(key)) +
               ", but it was delivered at " + name_of(*count.delivered.begin()));
  }
}

// At most once: along the primary's chain of an epoch, no message of a session is handed out twice, however often it was retried.
void delivered_once(const History& history, Report& report) {
  for (const Lane lane : lanes_of(history)) {
    for_each_sequence(history, lane, [&](auto for_each) {
      std::map<std::tuple<Epoch, SessionId, std::uint64_t>, Position> seen;
      for_each([&](const Delivered& delivered) {
        for (std::uint32_t i = delivered.skip; i < delivered.count; ++i) {
          Position here = delivered.first;
          here.seq = here.seq + i;
          const auto [found, is_new] = seen.try_emplace({here.epoch, delivered.session, delivered.first_n + i}, here);
          if (is_new) continue;
          report.add(run_name(delivered.session, delivered.first_n + i, 1) + " was delivered at " + name_of(found->second) +
                     " and again at " + name_of(here));
        }
      });
    });
  }
}

// A session's messages are delivered in the order of their numbers, whichever daemons they went through.
void session_order(const History& history, Report& report) {
  for (const Lane lane : lanes_of(history)) {
    for_each_sequence(history, lane, [&](auto for_each) {
      std::map<std::pair<Epoch, SessionId>, std::uint64_t> last;
      for_each([&](const Delivered& delivered) {
        if (delivered.skip >= delivered.count) return;
        std::uint64_t& before = last[{delivered.first.epoch, delivered.session}];
        const std::uint64_t first = delivered.first_n + delivered.skip;
        if (first <= before) {
          report.add(run_name(delivered.session, first, 1) + " was delivered at " + name_of(delivered.first) + " after n " +
                     std::to_string(before));
        }
        before = delivered.first_n + delivered.count - 1;
      });
    });
  }
}

}  // namespace vsync::checker
