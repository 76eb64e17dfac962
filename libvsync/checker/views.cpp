// Properties of views and of the agreement on them.
//
// The chain of primary views: Chockler, Keidar, Vitenberg, "Group communication specifications" (ACM Computing Surveys 2001),
// sections 3.1 and 3.2. The agreement is single-decree consensus per view: Lamport, "Paxos made simple" (2001).

#include <algorithm>
#include <functional>

#include "checker/digest.hpp"
#include "checker/names.hpp"
#include "checker/primary_rule.hpp"
#include "checker/properties.hpp"

namespace vsync::checker {
namespace {

using protocol::Ballot;
using protocol::NodeId;
using protocol::Rank;
using protocol::View;
using protocol::ViewId;

/// The ranks of `view` that have voted before event `by`. A restarted name votes for its predecessor only where it answered from
/// its disk (a restart formation).
Ranks voters(const View& view, const std::vector<Vote>& votes, const std::set<std::string>& from_disk, EventIndex by) {
  Ranks found;
  for (const Vote& vote : votes) {
    if (vote.at > by) continue;
    if (const auto rank = view.rank_of(vote.node)) {
      found.insert(*rank);
    } else if (const auto former = view.rank_of_name(vote.node.name); former && from_disk.contains(vote.node.name)) {
      found.insert(*former);
    }
  }
  return found;
}

std::set<std::string> names_from_disk(const std::map<Ballot, BallotRecord>& instance) {
  std::set<std::string> found;
  for (const auto& [ballot, record] : instance) {
    for (const Vote& vote : record.answers) {
      if (vote.from_disk) found.insert(vote.node.name);
    }
  }
  return found;
}

const std::map<Ballot, BallotRecord>& instance_of(const History& history, const ViewId& view) {
  static const std::map<Ballot, BallotRecord> none;
  const auto found = history.instances().find(view);
  return found == history.instances().end() ? none : found->second;
}

/// Where times of different nodes don't compare, what was done at all may have been done before it.
EventIndex first_install(const History& history, std::size_t view) {
  EventIndex first = history.trace().events.size();
  if (!history.one_clock()) return first;
  for (const std::size_t stay : history.views()[view].stays) first = std::min(first, history.stays()[stay].installed_at);
  return first;
}

}  // namespace

// Self inclusion: whoever installs a view is a member of it. (Chockler et al., property 3.1.)
void self_inclusion(const History& history, Report& report) {
  for (const Stay& stay : history.stays()) {
    if (history.view_of(stay).rank_of(history.life_of(stay).node)) continue;
    report.add(name_of(history.life_of(stay).node) + " installed " + name_of(history.view_of(stay)) + ", of which it is no member");
  }
}

// Local monotony: a node installs views with growing identifiers. (Chockler et al., property 3.2.)
void view_ids_grow(const History& history, Report& report) {
  for (const Life& life : history.lives()) {
    for (std::size_t i = 1; i < life.stays.size(); ++i) {
      const ViewId& before = history.view_of(history.stays()[life.stays[i - 1]]).id;
      const ViewId& after = history.view_of(history.stays()[life.stays[i]]).id;
      if (after <= before) report.add(name_of(life.node) + " installed " + name_of(after) + " after " + name_of(before));
    }
  }
}

// One id means one content everywhere: the primary rule reads nothing but the view.
void one_id_one_content(const History& history, Report& report) {
  std::map<ViewId, const ViewRecord*> first;
  for (const ViewRecord& record : history.views()) {
    const auto [found, is_new] = first.try_emplace(record.content.id, &record);
    if (!is_new) report.add("installed as " + name_of(found->second->content) + " and as " + name_of(record.content));
  }
}

// The version of the protocol that a view is spoken in is one that each of its members speaks, and never older than that of the view
// before.
void versions_are_spoken_by_all(const History& history, Report& report) {
  for (std::size_t i = 0; i < history.views().size(); ++i) {
    const View& view = history.views()[i].content;
    for (const protocol::Member& member : view.members) {
      if (member.speaks.include(view.version)) continue;
      report.add(name_of(view) + " is spoken in version " + std::to_string(view.version) + ", which " + name_of(member.node) + " doesn't speak");
    }
    const Succession succession = history.succession(i);
    if (!succession.predecessor || succession.predecessor->version <= view.version) continue;
    report.add(name_of(view) + " is spoken in version " + std::to_string(view.version) + ", the view before in " +
               std::to_string(succession.predecessor->version));
  }
}

// A vote is earned: a joiner has none, and gets it in a later view, when it is loaded. (DESIGN section 3, "Primary rule": what it promised
// before, it couldn't keep.) In a restart formation a name goes on with the vote that it had.
void votes_are_earned(const History& history, Report& report) {
  for (std::size_t i = 0; i < history.views().size(); ++i) {
    const ViewRecord& record = history.views()[i];
    const Succession succession = history.succession(i);
    if (!succession.predecessor || record.forced) continue;
    const View& old = *succession.predecessor;
    for (const protocol::Member& member : record.content.members) {
      if (member.weight == 0) continue;
      const bool restart = record.content.id.epoch != old.id.epoch;
      const auto rank = restart ? old.rank_of_name(member.node.name) : old.rank_of(member.node);
      if (rank && (old.at(*rank).weight > 0 || member.loaded)) continue;
      report.add(name_of(member.node) + " has a vote in " + name_of(record.content) + (rank ? " and isn't loaded" : ", which admits it"));
    }
  }
}

// A ballot carries at most one value. (Lamport, "Paxos made simple", 2001: a proposal number has one value.)
void one_ballot_one_value(const History& history, Report& report) {
  for (const auto& [view, ballots] : history.instances()) {
    for (const auto& [ballot, record] : ballots) {
      for (const auto& [at, value] : record.values) {
        if (value->value == record.values.front().second->value) continue;
        report.add(name_of(ballot) + " of " + name_of(view) + " carries " + name_of(record.values.front().second->next) + " and " +
                   name_of(value->next) + " or another cut");
      }
    }
  }
}

// A promise binds a node and, by its disk, the later incarnations of its name: nothing is answered or accepted below it.
// (Lamport 2001, P1a.) What a coordinator tells itself binds it only once it is on disk, which a trace doesn't show; nor does a life
// whose beginning isn't shown tell whether it had its disk.
void promises_are_kept(const History& history, Report& report) {
  std::map<std::string, EventIndex> disk_lost;  // by name: votes before this one bound an incarnation whose disk is gone
  for (const Life& life : history.lives()) {
    if ((!life.with_disk || !life.whole) && !life.events.empty()) {
      EventIndex& latest = disk_lost[life.node.name];
      latest = std::max(latest, life.events.front());
    }
  }
  struct Act {
    EventIndex at;
    Ballot ballot;
    bool answer;
  };
  for (const auto& [view, ballots] : history.instances()) {
    const auto installed = history.view(view);
    std::map<std::string, std::vector<Act>> by_name;
    for (const auto& [ballot, record] : ballots) {
      for (const Vote& vote : record.answers) {
        // A joiner's answer is no promise: it votes in no instance of this view.
        const bool acceptor = vote.from_disk || (installed && history.views()[*installed].content.rank_of(vote.node));
        if (acceptor && !vote.own) by_name[vote.node.name].push_back({vote.at, ballot, true});
      }
      for (const Vote& vote : record.acceptances) {
        if (!vote.own) by_name[vote.node.name].push_back({vote.at, ballot, false});
      }
    }
    for (auto& [name, acts] : by_name) {
      const auto lost = disk_lost.find(name);
      const EventIndex from = lost == disk_lost.end() ? 0 : lost->second;
      std::sort(acts.begin(), acts.end(), [](const Act& a, const Act& b) { return a.at < b.at; });
      Ballot promised;
      for (const Act& act : acts) {
        if (act.at < from) continue;
        if (act.ballot < promised) {
          report.add(name + (act.answer ? " answered " : " accepted ") + name_of(act.ballot) + " of " + name_of(view) +
                     " after it had promised " + name_of(promised));
        }
        promised = std::max(promised, act.ballot);
      }
    }
  }
}

// At most one chain of primary views exists: one first view, and each view has at most one successor. An epoch that an operator
// forced is told apart. Of a partial trace: as far as it shows which view a view follows. (Chockler et al., property 3.3.)
void single_primary_chain(const History& history, Report& report) {
  std::map<ViewId, std::size_t> successor;
  std::optional<std::size_t> first;
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    const ViewRecord& record = history.views()[view];
    if (record.forced) continue;
    const Succession succession = history.succession(view);
    if (!succession.predecessor) {
      if (history.partial()) continue;
      if (first) report.add("two first views: " + name_of(history.views()[*first].content) + " and " + name_of(record.content));
      if (!first) first = view;
      continue;
    }
    const auto [found, is_new] = successor.try_emplace(succession.predecessor->id, view);
    if (!is_new) {
      report.add(name_of(*succession.predecessor) + " was followed by " + name_of(history.views()[found->second].content) + " and by " +
                 name_of(record.content));
    }
  }
  for (const Stay& stay : history.stays()) {
    if (!stay.next_view || history.views()[*stay.next_view].forced) continue;
    const Succession succession = history.succession(*stay.next_view);
    if (succession.predecessor ? succession.predecessor->id == history.view_of(stay).id : history.partial()) continue;
    report.add(name_of(history.life_of(stay).node) + " went from " + name_of(history.view_of(stay)) + " to " +
               name_of(history.views()[*stay.next_view].content) + ", which doesn't follow it");
  }
}

// A forced primary stays recorded, and parted histories never merge: what follows a view has its record of forced primaries, and what an
// operator has forced one more. (DESIGN section 3, "Restart"; the record plays the part of the fork point in Keidar and Dolev,
// "Increasing the resilience of distributed and replicated database systems", 1998.)
void forced_primaries_stay_recorded(const History& history, Report& report) {
  const auto follows = [&](const View& before, const View& after, const std::string& who) {
    std::vector<protocol::Forced> expected = before.forced;
    if (after.forced.size() > expected.size() && after.forced.back().from == before.id && after.forced.back().epoch == after.id.epoch) {
      expected.push_back(after.forced.back());
    }
    if (after.forced == expected) return;
    report.add(who + " went from " + name_of(before) + " with " + std::to_string(before.forced.size()) + " forced primaries in its history to " +
               name_of(after) + " with " + std::to_string(after.forced.size()) + " or others");
  };
  for (const Stay& stay : history.stays()) {
    if (stay.next_view) follows(history.view_of(stay), history.views()[*stay.next_view].content, name_of(history.life_of(stay).node));
  }
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    const Succession succession = history.succession(view);
    if (succession.predecessor) follows(*succession.predecessor, history.views()[view].content, "the primary");
  }
}

// A successor is installed only when a set of the old view that may go on has accepted it in one ballot. Two such sets meet, which
// is what makes the chain single. (DESIGN section 3, step 4; Lamport 2001, P2.)
void chosen_by_the_old_view(const History& history, Report& report) {
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    const Succession succession = history.succession(view);
    if (!succession.predecessor || history.views()[view].forced) continue;
    const View& old = *succession.predecessor;
    const auto& instance = instance_of(history, old.id);
    const std::set<std::string> from_disk = names_from_disk(instance);
    const EventIndex by = first_install(history, view);
    const bool chosen = std::any_of(succession.ballots.begin(), succession.ballots.end(), [&](Ballot ballot) {
      return may_go_on(old, voters(old, instance.at(ballot).acceptances, from_disk, by));
    });
    if (!chosen) {
      report.add(name_of(history.views()[view].content) + " was installed before a set of " + name_of(old) +
                 " that may go on had accepted it");
    }
  }
}

// Everyone in the next view has agreed to it by its answer to a ballot that carried it; so nobody is a member of a view that it may
// not know of while it goes on with the old one. (DESIGN section 3, step 4.)
void members_agreed(const History& history, Report& report) {
  for (std::size_t view = 0; view < history.views().size(); ++view) {
    const Succession succession = history.succession(view);
    if (!succession.predecessor) continue;
    const View& next = history.views()[view].content;
    const auto& instance = instance_of(history, succession.predecessor->id);
    const EventIndex by = first_install(history, view);
    std::vector<NodeId> fewest;
    bool first = true;
    for (const Ballot ballot : succession.ballots) {
      std::vector<NodeId> silent;
      const std::vector<Vote>& answers = instance.at(ballot).answers;
      for (const protocol::Member& member : next.members) {
        const bool answered =
            std::any_of(answers.begin(), answers.end(), [&](const Vote& vote) { return vote.node == member.node && vote.at <= by; });
        if (!answered) silent.push_back(member.node);
      }
      if (first || silent.size() < fewest.size()) fewest = silent;
      first = false;
    }
    for (const NodeId& node : fewest) report.add(name_of(node) + " is in " + name_of(next) + ", but answered no ballot that carried it");
  }
}

// From its first answer for a view on, a member delivers nothing of it but the decided cut, which it hands out together with the
// next view. (DESIGN section 3, step 1; the flush of Birman and Joseph, "Exploiting virtual synchrony", 1987.)
void wedged_delivers_only_the_cut(const History& history, Report& report) {
  const auto& events = history.trace().events;
  for (const Life& life : history.lives()) {
    std::optional<ViewId> current;
    bool wedged = false;
    std::optional<EventIndex> of_the_cut;  // the first delivery since the wedge, until the view that justifies it
    const auto complain = [&] {
      report.add(name_of(life.node) + " delivered " + name_of(std::get<Delivered>(events[*of_the_cut].body).first) + " after it had answered a ballot of " +
                 name_of(*current) + ", and installed no view with it");
      of_the_cut.reset();
    };
    for (const EventIndex at : life.events) {
      if (of_the_cut && events[at].time != events[*of_the_cut].time) complain();
      if (const auto* answered = std::get_if<AnsweredBallot>(&events[at].body)) {
        wedged = wedged || (current && answered->view == *current);
      } else if (std::holds_alternative<Delivered>(events[at].body)) {
        if (wedged && !of_the_cut) of_the_cut = at;
      } else if (const auto* installed = std::get_if<ViewInstalled>(&events[at].body)) {
        current = installed->view.id;
        wedged = false;
        of_the_cut.reset();
      } else if (const auto* continued = std::get_if<Continued>(&events[at].body); continued && continued->view) {
        current = continued->view->id;
      }
    }
    if (of_the_cut && !history.partial()) complain();
  }
}

}  // namespace vsync::checker
