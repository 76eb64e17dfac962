// Scripts: what is expected and shown.

#include <algorithm>
#include <set>

#include "checker/names.hpp"
#include "protocol/directory.hpp"
#include "protocol/durable_log.hpp"
#include "tests/scenario/script.hpp"

namespace vsync::scenario {

using protocol::ComponentState;
using simulation::Host;

namespace {

const char* name_of(ComponentState state) {
  switch (state) {
    case ComponentState::joining: return "joining";
    case ComponentState::primary: return "primary";
    case ComponentState::blocked: return "blocked";
  }
  return "?";
}

const char* name_of(protocol::Outcome outcome) {
  switch (outcome) {
    case protocol::Outcome::ok: return "ok";
    case protocol::Outcome::ordered: return "ordered";
    case protocol::Outcome::rejected: return "rejected";
    case protocol::Outcome::unresolved: return "unresolved";
    case protocol::Outcome::session_expired: return "expired";
  }
  return "?";
}

}  // namespace

std::optional<protocol::Level> level_of(const std::string& word) {
  if (word == "agreed") return protocol::Level::agreed;
  if (word == "uniform") return protocol::Level::uniform;
  if (word == "safe") return protocol::Level::safe;
  if (word == "durable") return protocol::Level::durable;
  if (word == "fifo") return protocol::Level::fifo;
  return std::nullopt;
}

std::string Script::view_at(Host host) const {
  const auto& node = world_->nodes()[host];
  if (!node.running()) return "not running";
  const auto view = node.engine().status().view;
  if (!view) return "no view";
  std::string text;
  for (const protocol::Member& member : view->members) {
    if (!text.empty()) text += ',';
    text += member.node.name;
  }
  return text;
}

std::string Script::members_of(const std::string& group, const simulation::Node& node) const {
  std::string text;
  for (const auto& [name, index] : sessions_) {
    if (!node.running() || !node.engine().directory().is_member(world_->sessions()[index].id(), group)) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text.empty() ? "nobody" : text;
}

std::size_t Script::count_of(Host host, const std::function<bool(const checker::TraceBody&)>& what) const {
  return static_cast<std::size_t>(
      std::count_if(world_->trace().events.begin(), world_->trace().events.end(),
                    [&](const checker::TraceEvent& event) { return event.node.name == names_[host] && what(event.body); }));
}

std::uint64_t Script::delivered_at(Host host, const protocol::SessionId& session, std::uint64_t n) const {
  return count_of(host, [&](const checker::TraceBody& body) {
    const auto* delivered = std::get_if<checker::Delivered>(&body);
    return delivered && delivered->session == session && n >= delivered->first_n + delivered->skip &&
           n < delivered->first_n + delivered->count;
  });
}

// expect view a,b at a b | expect primary|blocked|joining a b | expect resync|restart|orphans a | expect no-resync a
// expect delivered|kept s1 N at a b | expect nowhere s1 N | expect ok|rejected|open s1 N | expect one-view-since ...
void Script::expect(const Words& words) {
  if (words.size() < 3) return fail("expect what?");
  const std::string& what = words[1];
  if (what == "delivered" || what == "kept" || what == "in-vain" || what == "nowhere" || what == "ok" || what == "rejected" ||
      what == "expired" || what == "open" || what == "ended") {
    return expect_session(words);
  }
  const auto at = std::find(words.begin(), words.end(), "at");
  const auto first = at == words.end() ? 2 : at - words.begin() + 1;
  for (const Host host : hosts_from(words, static_cast<std::size_t>(first))) expect_node(words, host);
}

void Script::expect_node(const Words& words, Host host) {
  const std::string& what = words[1];
  const std::string& name = names_[host];
  const auto& node = world_->nodes()[host];
  if (what == "view") {
    check(view_at(host) == listed(words[2]), name + " has " + view_at(host));
  } else if (what == "primary" || what == "blocked" || what == "joining") {
    const std::string state = node.running() ? name_of(node.engine().status().component) : "not running";
    check(state == what, name + " is " + state);
  } else if (what == "down") {
    check(!node.running(), name + " runs");
  } else if (what == "resync" || what == "no-resync" || what == "orphans") {
    const std::size_t resyncs = count_of(host, [&](const checker::TraceBody& body) {
      const auto* resynced = std::get_if<checker::Resynced>(&body);
      return resynced && (what != "orphans" || resynced->orphaned_from);
    });
    check((resyncs > 0) == (what != "no-resync"), name + " had " + std::to_string(resyncs) + " resyncs");
  } else if (what == "parted" || what == "not-parted") {  // expect parted b,c at a
    std::string from;
    for (const std::string& each : node.engine().status().parted) from += (from.empty() ? "" : ",") + each;
    check(from == (what == "parted" ? words[2] : ""), name + " is parted from " + (from.empty() ? "nobody" : from));
  } else if (what == "views") {  // expect views 2 at a
    const std::size_t views =
        count_of(host, [](const checker::TraceBody& body) { return std::holds_alternative<checker::ViewInstalled>(body); });
    check(views == number(words[2]), name + " installed " + std::to_string(views) + " views");
  } else if (what == "members") {  // expect members g s1,s2 at a: the living
    check(members_of(words[2], node) == words[3], name + " has " + members_of(words[2], node));
  } else if (what == "at-most") {  // expect at-most 9 ballots at a: that it answered
    const std::size_t ballots =
        count_of(host, [](const checker::TraceBody& body) { return std::holds_alternative<checker::AnsweredBallot>(body); });
    check(ballots <= number(words[2]), name + " answered " + std::to_string(ballots) + " ballots");
  } else if (what == "sequencer") {  // expect sequencer b at a
    const auto status = node.engine().status();
    const std::string sequencer = status.sequencer && status.view ? status.view->at(*status.sequencer).node.name : "nobody";
    check(sequencer == words[2], name + " takes " + sequencer + " for the sequencer");
  } else if (what == "marked" || what == "unmarked") {  // expect marked safe at a: any mark of that level
    const auto level = level_of(words[2]);
    const std::size_t marks = count_of(host, [&](const checker::TraceBody& body) {
      const auto* mark = std::get_if<checker::Marked>(&body);
      return mark && level && mark->level == *level;
    });
    check((marks > 0) == (what == "marked"), name + " told " + std::to_string(marks) + " marks of " + words[2]);
  } else {
    fail("unknown expectation");
  }
}

void Script::expect_session(const Words& words) {
  const std::string& what = words[1];
  const protocol::SessionId id = session(words[2]).id();
  const std::uint64_t n = words.size() > 3 ? number(words[3]) : 1;
  if (what == "delivered") {
    for (const Host host : hosts_from(words, 5)) {  // delivered s1 N at a b
      const std::uint64_t times = delivered_at(host, id, n);
      check(times == 1, names_[host] + " delivered it " + std::to_string(times) + " times");
    }
    return;
  }
  if (what == "in-vain") {  // in-vain s1 N: so many positions that it had read elsewhere aren't in the order, says its daemon
    const auto home = session(words[2]).home();
    const auto read = read_.find(words[2]);
    if (!home || read == read_.end()) return fail(words[2] + " never came from elsewhere");
    const protocol::Position common = world_->nodes()[*home].engine().common_part(read->second);
    const std::uint64_t vain = common.view == read->second.view ? read->second.seq - common.seq : read->second.seq.value;
    check(vain == n, std::to_string(vain) + " were in vain");
    return;
  }
  if (what == "kept") {  // kept s1 N at a b: in the durable log
    for (const Host host : hosts_from(words, 5)) {
      if (!world_->nodes()[host].running()) return fail(names_[host] + " doesn't run");
      const auto& log = world_->nodes()[host].engine().durable_log().entries(protocol::Lane{});
      const auto times = std::count_if(log.begin(), log.end(), [&](const protocol::LogEntry& entry) {
        return entry.chunk.session == id && n >= entry.chunk.first_n && n < entry.chunk.first_n + entry.chunk.count;
      });
      check(times == 1, names_[host] + " has it in its log " + std::to_string(times) + " times");
    }
    return;
  }
  if (what == "nowhere") {
    for (Host h = 0; h < names_.size(); ++h) check(delivered_at(h, id, n) == 0, names_[h] + " delivered it");
    return;
  }
  if (what == "ended") return check(session(words[2]).counts().expired > 0, "nobody told it so");
  const auto outcome = session(words[2]).outcome_of(n);
  const std::string is = outcome ? name_of(*outcome) : "open";
  check(is == what, "it is " + is);
}

// Every view that a node installed, in turn.
void Script::show_views() {
  for (const std::string& name : names_) {
    transcript_ << "  " << name << ":";
    for (const checker::TraceEvent& event : world_->trace().events) {
      const auto* installed = std::get_if<checker::ViewInstalled>(&event.body);
      if (event.node.name == name && installed != nullptr) transcript_ << " " << checker::name_of(installed->view);
    }
    transcript_ << "\n";
  }
}

void Script::show() {
  for (Host host = 0; host < names_.size(); ++host) {
    const auto& node = world_->nodes()[host];
    transcript_ << "  " << names_[host] << ": ";
    if (!node.running()) {
      transcript_ << "not running\n";
      continue;
    }
    const protocol::Status status = node.engine().status();
    transcript_ << name_of(status.component);
    if (status.view) transcript_ << ", " << checker::name_of(*status.view);
    std::uint64_t delivered = 0;
    for (const checker::TraceEvent& event : world_->trace().events) {
      const auto* run = std::get_if<checker::Delivered>(&event.body);
      if (run && event.node == node.id()) delivered += run->count - run->skip;
    }
    transcript_ << ", delivered " << delivered << "\n";
  }
}

}  // namespace vsync::scenario
