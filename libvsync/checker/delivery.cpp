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

/// Where in `whole` what begins with `part` has its place: at the beginning, unless the beginning of `part` isn't shown.
std::size_t place_of(const std::vector<const Delivered*>& part, bool from_beginning, const std::vector<const Delivered*>& whole) {
  if (from_beginning || part.empty()) return 0;
  const auto found = std::lower_bound(whole.begin(), whole.end(), part.front()->first.seq,
                                      [](const Delivered* delivered, Seq seq) { return delivered->first.seq < seq; });
  return static_cast<std::size_t>(found - whole.begin());
}

/// `part` is the piece of `whole` from `place` on; else its first entry that isn't.
std::optional<std::size_t> first_difference(const std::vector<const Delivered*>& part, const std::vector<const Delivered*>& whole,
                                            std::size_t place) {
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (place + i >= whole.size() || *part[i] != *whole[place + i]) return i;
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
      const auto* continued = std::get_if<Continued>(&events[at].body);
      if (continued && continued->view) current = &*continued->view;
      const auto* delivered = std::get_if<Delivered>(&events[at].body);
      if (!delivered || (!current && !life.whole)) continue;
      const ViewId of{delivered->first.epoch, delivered->first.view};
      if (!current || current->id != of) {
        report.add(name_of(life.node) + " delivered " + name_of(delivered->first) + " in " + (current ? name_of(current->id) : "no view"));
      } else if (!current->rank_of(delivered->publisher)) {
        report.add(name_of(life.node) + " delivered " + name_of(delivered->first) + " of " + name_of(delivered->publisher) +
                   ", no member of " + name_of(*current));
      } else if (const auto sent = sent_in.find({delivered->publisher, delivered->session, delivered->first_n});
                 sent != sent_in.end() && !sent->second.contains(of) && !history.partial()) {  // where a retry in another view may not be shown
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
  const auto see = [&](const TraceEvent& event) {
    const auto* publish = std::get_if<Published>(&event.body);
    if (publish && publish->accepted) published.emplace(event.node, publish->session, publish->first_n, publish->count, publish->digest);
  };
  if (!history.one_clock()) std::for_each(history.trace().events.begin(), history.trace().events.end(), see);
  for (const TraceEvent& event : history.trace().events) {
    see(event);
    const auto* delivered = std::get_if<Delivered>(&event.body);
    if (!delivered) continue;
    Key key{delivered->publisher, delivered->session, delivered->first_n, delivered->count, delivered->digest};
    if (published.contains(key)) continue;
    std::get<4>(key) = 0;  // not taken
    if (published.contains(key)) continue;
    report.add(name_of(event.node) + " delivered at " + name_of(delivered->first) + " what " + name_of(delivered->publisher) +
               " never published: " + name_of(delivered->session) + " n " + std::to_string(delivered->first_n));
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
          const std::size_t place = place_of(*part, stay.whole, *whole);
          const auto at = first_difference(*part, *whole, place);
          if (!at) continue;
          const std::string others = place + *at >= whole->size()
                                         ? "nothing"
                                         : name_of((*whole)[place + *at]->first) + " of " + name_of((*whole)[place + *at]->publisher);
          report.add(name_of(history.life_of(stay).node) + " delivered " + name_of((*part)[*at]->first) + " of " +
                     name_of((*part)[*at]->publisher) + " where others delivered " + others);
        }
      }
    }
  }
}

namespace {

/// What one stay delivered, by content: digests of its runs by lane, and of its group views.
struct Contents {
  std::size_t stay = 0;
  bool whole = true;
  std::map<Lane, std::vector<std::uint64_t>> messages;
  std::vector<std::uint64_t> group_views;
};

Contents contents_of(const Stay& stay, std::size_t index) {
  Contents contents{.stay = index, .whole = stay.whole};
  for (const auto& [lane, found] : stay.lanes) {
    for (const auto* part : {&found.ordinary, &found.tail}) {
      for (const Delivered* delivered : *part) {
        Digest digest;
        digest.add(std::string_view(delivered->publisher.name)).add(delivered->publisher.incarnation.random);
        digest.add(delivered->stream.value).add(delivered->count).add(delivered->skip).add(delivered->digest);
        contents.messages[lane].push_back(digest.value());
      }
    }
  }
  for (const GroupView* group : stay.group_views) {
    if (group->position.seq.value == 0) continue;  // a joiner's snapshot has what happened with the view itself
    contents.group_views.push_back(Digest().add(std::string_view(group->group)).add(group->number).add(group->digest).value());
  }
  return contents;
}

/// Equal as far as both are shown: what isn't shown lies at the beginning.
bool alike(const std::vector<std::uint64_t>& one, bool one_whole, const std::vector<std::uint64_t>& other, bool other_whole) {
  if ((one_whole && other.size() > one.size()) || (other_whole && one.size() > other.size())) return false;
  const auto common = static_cast<std::ptrdiff_t>(std::min(one.size(), other.size()));
  return std::equal(one.end() - common, one.end(), other.end() - common);
}

bool alike(const Contents& one, const Contents& other) {
  std::set<Lane> lanes;
  for (const Contents* contents : {&one, &other}) {
    for (const auto& [lane, messages] : contents->messages) lanes.insert(lane);
  }
  static const std::vector<std::uint64_t> none;
  const auto in = [](const Contents& contents, Lane lane) -> const std::vector<std::uint64_t>& {
    const auto found = contents.messages.find(lane);
    return found == contents.messages.end() ? none : found->second;
  };
  return alike(one.group_views, one.whole, other.group_views, other.whole) &&
         std::all_of(lanes.begin(), lanes.end(), [&](Lane lane) { return alike(in(one, lane), one.whole, in(other, lane), other.whole); });
}

}  // namespace

// Virtual synchrony: members that go together from one view to the next delivered the same in it, messages and group views, by
// content. (Birman and Joseph 1987; Chockler et al., property 4.5.)
void virtual_synchrony(const History& history, Report& report) {
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    std::vector<std::size_t> survivors = history.survivors(view);
    std::stable_partition(survivors.begin(), survivors.end(), [&](std::size_t index) { return history.stays()[index].whole; });
    std::map<std::size_t, Contents> by_next;
    for (const std::size_t index : survivors) {
      const Stay& stay = history.stays()[index];
      const Contents here = contents_of(stay, index);
      const auto [first, is_new] = by_next.try_emplace(*stay.next_view, here);
      if (is_new || alike(first->second, here)) continue;
      const auto told = [&](const Contents& who) {
        std::size_t messages = 0;
        for (const auto& [lane, found] : who.messages) messages += found.size();
        return name_of(history.life_of(history.stays()[who.stay]).node) + " (" + std::to_string(messages) + " runs, " +
               std::to_string(who.group_views.size()) + " group views)";
      };
      report.add("in " + name_of(history.views()[view].content.id) + ", before " +
                 name_of(history.views()[*stay.next_view].content.id) + ", " + told(first->second) + " and " + told(here) +
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
    bool shown = life.whole;  // from the beginning of the view on: else a first copy may be missing
    std::map<Lane, Seq> last;
    for (const EventIndex at : life.events) {
      const TraceBody& body = history.trace().events[at].body;
      if (const auto* installed = std::get_if<ViewInstalled>(&body)) {
        current = installed->view.id;
        shown = true;
        last.clear();
      } else if (const auto* delivered = std::get_if<Delivered>(&body)) {
        if (!delivered->ahead() && delivered->first.seq < protocol::tail_begin) last[delivered->first.lane] = end_of(*delivered) - 1;
      } else if (const auto* publish = std::get_if<Published>(&body); publish && publish->accepted && shown) {
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
        if (stay.whole) tail_is_causal(deliveries(stay, lane), longest, history.life_of(stay).node, report);
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

// A node that was excluded says so, and names everything it delivered that the primary's chain doesn't have. (The transitional
// configuration of Moser et al. 1994 serves the same purpose.)
void resync_names_what_was_lost(const History& history, Report& report) {
  for (const Life& life : history.lives()) {
    bool holds = false;  // the state of the view that it is in
    for (const EventIndex at : life.events) {
      const TraceBody& body = history.trace().events[at].body;
      if (const auto* installed = std::get_if<ViewInstalled>(&body)) {
        const auto rank = installed->view.rank_of(life.node);
        holds = rank && installed->view.at(*rank).loaded;
      } else if (const auto* changed = std::get_if<StateChanged>(&body)) {
        if (changed->state != protocol::ComponentState::joining || !holds) continue;
        report.add(name_of(life.node) + " fell out of its view without a word");
      }
    }
    if (life.stays.empty() || life.events.empty()) continue;
    const auto* resynced = std::get_if<Resynced>(&history.trace().events[life.events.back()].body);
    if (!resynced) continue;
    const Stay& stay = history.stays()[life.stays.back()];
    for (const auto& [lane, found] : stay.lanes) {
      const auto kept = history.kept(stay.view, lane);
      if (!kept) continue;
      const auto& longest = history.views()[stay.view].longest.at(lane).ordinary;
      const Seq end = *kept == 0 ? Seq{} : longest[*kept - 1]->first.seq;
      const auto lost = std::find_if(found.ordinary.begin(), found.ordinary.end(), [&](const Delivered* d) { return d->first.seq > end; });
      if (lost == found.ordinary.end()) continue;
      const Position& from = (*lost)->first;
      const Position& to = found.ordinary.back()->first;
      const bool named = resynced->orphaned_from && resynced->orphaned_to && *resynced->orphaned_from <= from && to <= *resynced->orphaned_to;
      if (!named) report.add(name_of(life.node) + " came back without naming " + name_of(from) + " to " + name_of(to) + " as orphaned");
    }
  }
}

}  // namespace vsync::checker
