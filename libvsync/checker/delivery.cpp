// Properties of what is delivered, and where.
//
// Chockler, Keidar, Vitenberg, "Group communication specifications" (ACM Computing Surveys 2001), sections 4 to 6; virtual synchrony
// as in Birman and Joseph, "Exploiting virtual synchrony in distributed systems" (1987); orphaned messages as in Moser et al.,
// "Extended virtual synchrony" (1994).

#include <algorithm>

#include "checker/digest.hpp"
#include "checker/names.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

using protocol::Lane;
using protocol::NodeId;
using protocol::Position;
using protocol::Seq;
using protocol::Seqno;
using protocol::ViewId;

/// What is the same of a message wherever it stands.
using Content = std::tuple<NodeId, Seqno, std::uint64_t>;
Content content_of(const Delivered& delivered) { return {delivered.publisher, delivered.stream, delivered.digest}; }

const LaneDeliveries& deliveries(const Stay& stay, Lane lane) {
  static const LaneDeliveries none;
  const auto found = stay.lanes.find(lane);
  return found == stay.lanes.end() ? none : found->second;
}

Seq end_of(const Delivered& delivered) { return delivered.first.seq + delivered.count; }

/// `part` is a beginning of `whole`; else the first place where it isn't.
std::optional<std::size_t> first_difference(const std::vector<const Delivered*>& part, const std::vector<const Delivered*>& whole) {
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (i >= whole.size() || *part[i] != *whole[i]) return i;
  }
  return std::nullopt;
}

}  // namespace

// Sending view delivery: a message is delivered in the view in which it was sent, which its position names, by members of that
// view only, and its publisher is one. (Chockler et al., property 4.4.)
void delivered_in_its_view(const History& history, Report& report) {
  const auto& events = history.trace().events;
  std::map<std::tuple<NodeId, protocol::SessionId, std::uint64_t>, std::set<ViewId>> sent_in;
  for (const Life& life : history.lives()) {
    ViewId current;
    for (const EventIndex at : life.events) {
      if (const auto* installed = std::get_if<ViewInstalled>(&events[at].body)) current = installed->view.id;
      const auto* publish = std::get_if<Published>(&events[at].body);
      if (publish && publish->accepted) sent_in[{life.node, publish->session, publish->first_n}].insert(current);
    }
  }
  for (const Life& life : history.lives()) {
    const protocol::View* current = nullptr;
    for (const EventIndex at : life.events) {
      if (const auto* installed = std::get_if<ViewInstalled>(&events[at].body)) current = &installed->view;
      const auto* delivered = std::get_if<Delivered>(&events[at].body);
      if (!delivered) continue;
      const ViewId of{delivered->first.epoch, delivered->first.view};
      if (!current || current->id != of) {
        report.add(name_of(life.node) + " delivered " + name_of(delivered->first) + " in " + (current ? name_of(current->id) : "no view"));
      } else if (!current->rank_of(delivered->publisher)) {
        report.add(name_of(life.node) + " delivered " + name_of(delivered->first) + " of " + name_of(delivered->publisher) +
                   ", no member of " + name_of(*current));
      } else if (const auto sent = sent_in.find({delivered->publisher, delivered->session, delivered->first_n});
                 sent != sent_in.end() && !sent->second.contains(of)) {
        report.add(name_of(life.node) + " delivered " + name_of(delivered->first) + " of " + name_of(delivered->publisher) +
                   ", which was sent in " + name_of(*sent->second.begin()));
      }
    }
  }
}

// Integrity: what is delivered was published by a session at the publisher's daemon, with this content. (Chockler et al.,
// property 4.1.)
void integrity(const History& history, Report& report) {
  using Key = std::tuple<NodeId, protocol::SessionId, std::uint64_t, std::uint32_t, std::uint64_t>;
  std::set<Key> published;
  for (const TraceEvent& event : history.trace().events) {
    if (const auto* publish = std::get_if<Published>(&event.body); publish && publish->accepted) {
      published.emplace(event.node, publish->session, publish->first_n, publish->count, publish->digest);
    } else if (const auto* delivered = std::get_if<Delivered>(&event.body)) {
      if (published.contains({delivered->publisher, delivered->session, delivered->first_n, delivered->count, delivered->digest})) continue;
      report.add(name_of(event.node) + " delivered at " + name_of(delivered->first) + " what " + name_of(delivered->publisher) +
                 " never published: " + name_of(delivered->session) + " n " + std::to_string(delivered->first_n));
    }
  }
}

// No duplication and FIFO: of one publisher's stream of a view, everybody delivers growing numbers. (Chockler et al., properties
// 4.2 and 6.1.)
void fifo_without_duplicates(const History& history, Report& report) {
  for (const Stay& stay : history.stays()) {
    for (const auto& [lane, found] : stay.lanes) {
      std::map<NodeId, Seqno> last;
      for (const auto* part : {&found.ordinary, &found.tail}) {
        for (const Delivered* delivered : *part) {
          Seqno& before = last[delivered->publisher];
          if (delivered->stream <= before) {
            report.add(name_of(history.life_of(stay).node) + " delivered message " + std::to_string(delivered->stream.value) + " of " +
                       name_of(delivered->publisher) + " at " + name_of(delivered->first) + " after message " + std::to_string(before.value));
          }
          before = delivered->stream + (delivered->count - 1);
        }
      }
    }
  }
}

// Total order without holes: at every member, what a lane delivers of a view is a beginning of one sequence, at growing positions
// that don't overlap. (Chockler et al., properties 6.5 and 6.6: strong total order, reliable.)
void total_order_without_holes(const History& history, Report& report) {
  for (const ViewRecord& record : history.views()) {
    for (const auto& [lane, longest] : record.longest) {
      for (const auto* part : {&longest.ordinary, &longest.tail}) {
        for (std::size_t i = 1; i < part->size(); ++i) {
          if ((*part)[i]->first.seq >= end_of(*(*part)[i - 1])) continue;
          report.add(name_of((*part)[i]->first) + " was delivered after " + name_of((*part)[i - 1]->first) + ", which reaches beyond its beginning");
        }
      }
      for (const std::size_t index : record.stays) {
        const Stay& stay = history.stays()[index];
        const LaneDeliveries& here = deliveries(stay, lane);
        for (const auto& [part, whole] : {std::pair(&here.ordinary, &longest.ordinary), std::pair(&here.tail, &longest.tail)}) {
          if (const auto at = first_difference(*part, *whole)) {
            report.add(name_of(history.life_of(stay).node) + " delivered " + name_of((*part)[*at]->first) + " of " +
                       name_of((*part)[*at]->publisher) + " where others delivered " + name_of((*whole)[*at]->first) + " of " +
                       name_of((*whole)[*at]->publisher));
          }
        }
      }
    }
  }
}

// Virtual synchrony: members that go together from one view to the next delivered the same in it, messages and group views, by
// content. (Birman and Joseph 1987; Chockler et al., property 4.5.)
void virtual_synchrony(const History& history, Report& report) {
  struct Sum {
    std::size_t stay;
    std::uint64_t digest;
    std::size_t messages;
    std::size_t group_views;
  };
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    std::map<std::size_t, Sum> by_next;
    for (const std::size_t index : history.survivors(view)) {
      const Stay& stay = history.stays()[index];
      Sum sum{.stay = index, .digest = 0, .messages = 0, .group_views = 0};
      Digest digest;
      for (const auto& [lane, found] : stay.lanes) {
        digest.add(lane.value);
        for (const auto* part : {&found.ordinary, &found.tail}) {
          for (const Delivered* delivered : *part) {
            digest.add(std::string_view(delivered->publisher.name)).add(delivered->publisher.incarnation.random);
            digest.add(delivered->stream.value).add(delivered->count).add(delivered->skip).add(delivered->digest);
            ++sum.messages;
          }
        }
      }
      for (const GroupView* group : stay.group_views) {
        if (group->position.seq.value == 0) continue;  // a joiner's snapshot has what happened with the view itself
        digest.add(std::string_view(group->group)).add(group->number).add(group->digest);
        ++sum.group_views;
      }
      sum.digest = digest.value();
      const auto [first, is_new] = by_next.try_emplace(*stay.next_view, sum);
      if (is_new || first->second.digest == sum.digest) continue;
      const auto told = [&](const Sum& who) {
        return name_of(history.life_of(history.stays()[who.stay]).node) + " (" + std::to_string(who.messages) + " runs, " +
               std::to_string(who.group_views) + " group views)";
      };
      report.add("in " + name_of(history.views()[view].content.id) + ", before " +
                 name_of(history.views()[*stay.next_view].content.id) + ", " + told(first->second) + " and " + told(sum) +
                 " delivered different things");
    }
  }
}

namespace {

/// Before each message of a tail stands everything its publisher had delivered when it published, also what lost its place in the
/// order: messages that the cut moved from the ordinary range into the tail. Fifo messages are no answers.
void tail_is_causal(const LaneDeliveries& here, const LaneDeliveries& longest, const NodeId& node, Report& report) {
  std::map<Content, std::size_t> displaced;
  for (std::size_t i = here.ordinary.size(); i < longest.ordinary.size(); ++i) displaced.emplace(content_of(*longest.ordinary[i]), i);
  std::vector<bool> done(longest.ordinary.size(), false);
  std::size_t prefix = here.ordinary.size();
  for (const Delivered* delivered : here.tail) {
    const bool answers = delivered->level != protocol::Level::fifo;
    if (answers && prefix < longest.ordinary.size() && longest.ordinary[prefix]->first.seq <= delivered->after) {
      report.add(name_of(node) + " delivered " + name_of(delivered->first) + " of " + name_of(delivered->publisher) + " without " +
                 name_of(longest.ordinary[prefix]->first) + ", which its publisher had delivered before");
      return;
    }
    if (const auto found = displaced.find(content_of(*delivered)); found != displaced.end()) done[found->second] = true;
    while (prefix < done.size() && done[prefix]) ++prefix;
  }
}

}  // namespace

// Causality: a message comes after everything that its publisher's daemon had delivered when it was published, and says so
// truly in `after`. (Chockler et al., property 6.3; Lamport, "Time, clocks", 1978.)
void causality(const History& history, Report& report) {
  // What a publisher had delivered in a view when it published: (publisher, session, n) to the smallest such position.
  std::map<std::tuple<NodeId, protocol::SessionId, std::uint64_t>, std::pair<ViewId, Seq>> known;
  for (const Life& life : history.lives()) {
    ViewId current;
    std::map<Lane, Seq> last;
    for (const EventIndex at : life.events) {
      const TraceBody& body = history.trace().events[at].body;
      if (const auto* installed = std::get_if<ViewInstalled>(&body)) {
        current = installed->view.id;
        last.clear();
      } else if (const auto* delivered = std::get_if<Delivered>(&body)) {
        if (!delivered->ahead() && delivered->first.seq < protocol::tail_begin) last[delivered->first.lane] = end_of(*delivered) - 1;
      } else if (const auto* publish = std::get_if<Published>(&body); publish && publish->accepted) {
        known.try_emplace({life.node, publish->session, publish->first_n}, current, last[publish->lane]);
      }
    }
  }
  for (const ViewRecord& record : history.views()) {
    for (const auto& [lane, longest] : record.longest) {
      for (const Delivered* delivered : longest.ordinary) {
        if (delivered->after >= delivered->first.seq) {
          report.add(name_of(delivered->first) + " claims to answer position " + std::to_string(delivered->after.value));
        }
      }
      for (const auto* part : {&longest.ordinary, &longest.tail}) {
        for (const Delivered* delivered : *part) {
          const auto found = known.find({delivered->publisher, delivered->session, delivered->first_n});
          if (found == known.end() || found->second.first != record.content.id || delivered->after >= found->second.second) continue;
          report.add(name_of(delivered->first) + " of " + name_of(delivered->publisher) + " says it was published after position " +
                     std::to_string(delivered->after.value) + ", but its publisher had delivered " +
                     std::to_string(found->second.second.value));
        }
      }
      for (const std::size_t index : record.stays) {
        const Stay& stay = history.stays()[index];
        tail_is_causal(deliveries(stay, lane), longest, history.life_of(stay).node, report);
      }
    }
  }
}

// Group views are the same at every daemon: at one position, a group has one number, one membership and one reason for the change;
// its numbers grow.
void group_views_identical(const History& history, Report& report) {
  std::map<std::tuple<Position, std::string, std::uint64_t>, std::pair<const GroupView*, NodeId>> first;
  for (const Life& life : history.lives()) {
    std::map<std::string, std::uint64_t> last;
    for (const EventIndex at : life.events) {
      const auto* group = std::get_if<GroupView>(&history.trace().events[at].body);
      if (!group) continue;
      std::uint64_t& before = last[group->group];
      if (group->number <= before) {
        report.add(name_of(life.node) + " had view " + std::to_string(group->number) + " of group " + group->group + " after view " +
                   std::to_string(before));
      }
      before = group->number;
      const auto [found, is_new] = first.try_emplace({group->position, group->group, group->number}, group, life.node);
      if (!is_new && *found->second.first != *group) {
        report.add(name_of(life.node) + " and " + name_of(found->second.second) + " have different views " +
                   std::to_string(group->number) + " of group " + group->group + " at " + name_of(group->position));
      }
    }
  }
}

// Replicas that are alike are found alike: the comparison of digests has no false alarm.
void replicas_found_alike(const History& history, Report& report) {
  for (const TraceEvent& event : history.trace().events) {
    const auto* diverged = std::get_if<Diverged>(&event.body);
    if (!diverged) continue;
    std::string wrong;
    for (const NodeId& node : diverged->wrong) wrong += (wrong.empty() ? "" : ", ") + name_of(node);
    report.add(name_of(event.node) + " found that replicas differ at " + name_of(diverged->differs) + ", agreed at " + name_of(diverged->agreed) +
               "; wrong: " + wrong);
  }
}

// A node that was excluded names everything it delivered that the primary's chain doesn't have. (The transitional configuration
// of Moser et al. 1994 serves the same purpose.)
void resync_names_what_was_lost(const History& history, Report& report) {
  for (const Life& life : history.lives()) {
    if (life.stays.empty() || life.events.empty()) continue;
    const auto* resynced = std::get_if<Resynced>(&history.trace().events[life.events.back()].body);
    if (!resynced) continue;
    const Stay& stay = history.stays()[life.stays.back()];
    for (const auto& [lane, found] : stay.lanes) {
      const auto kept = history.kept(stay.view, lane);
      if (!kept || *kept >= found.ordinary.size()) continue;
      const Position& from = found.ordinary[*kept]->first;
      const Position& to = found.ordinary.back()->first;
      const bool named = resynced->orphaned_from && resynced->orphaned_to && *resynced->orphaned_from <= from && to <= *resynced->orphaned_to;
      if (!named) report.add(name_of(life.node) + " came back without naming " + name_of(from) + " to " + name_of(to) + " as orphaned");
    }
  }
}

}  // namespace vsync::checker
