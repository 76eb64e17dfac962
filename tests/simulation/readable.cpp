#include "tests/simulation/readable.hpp"

#include <vector>

#include "checker/names.hpp"

namespace vsync::simulation {
namespace {

using namespace vsync::checker;
using checker::name_of;  // not the simulation's

const char* name_of_level(protocol::Level level) {
  switch (level) {
    case protocol::Level::agreed: return "agreed";
    case protocol::Level::uniform: return "uniform";
    case protocol::Level::safe: return "safe";
    case protocol::Level::durable: return "durable";
    case protocol::Level::fifo: return "fifo";
  }
  return "?";
}

const char* name_of_outcome(protocol::Outcome outcome) {
  switch (outcome) {
    case protocol::Outcome::ok: return "ok";
    case protocol::Outcome::ordered: return "ordered";
    case protocol::Outcome::rejected: return "rejected";
    case protocol::Outcome::unresolved: return "unresolved";
    case protocol::Outcome::session_expired: return "session expired";
  }
  return "?";
}

std::string run(const protocol::SessionId& session, std::uint64_t first_n, std::uint32_t count) {
  return name_of(session) + " n " + std::to_string(first_n) + "+" + std::to_string(count);
}

struct Words {
  std::string operator()(const NodeStarted& e) const { return e.with_disk ? "starts" : "starts without a disk"; }
  std::string operator()(const Crashed&) const { return "ends"; }
  std::string operator()(const Published& e) const {
    return std::string(e.accepted ? "publishes " : "refuses ") + run(e.session, e.first_n, e.count) + " " + name_of_level(e.level);
  }
  std::string operator()(const Delivered& e) const {
    std::string text = (e.ahead() ? "delivers behind " : "delivers ") + name_of(e.first) + " +" + std::to_string(e.count) + ": " +
                       name_of(e.publisher) + (e.level == protocol::Level::fifo ? " fifo message " : " message ") +
                       std::to_string(e.stream.value) + ", " + run(e.session, e.first_n, e.count) + ", after " + std::to_string(e.after.value);
    return e.skip == 0 ? text : text + ", skipping " + std::to_string(e.skip);
  }
  std::string operator()(const ViewInstalled& e) const {
    return "installs " + name_of(e.view) + (e.restart ? " (restart)" : "") + (e.forced ? " (forced)" : "");
  }
  std::string operator()(const GroupView& e) const {
    std::string text = "group " + e.group + " view " + std::to_string(e.number) + " at " + name_of(e.position) + ":";
    for (const protocol::SessionId& session : e.members) text += " " + std::to_string(session.high) + "-" + std::to_string(session.low);
    return text;
  }
  std::string operator()(const SessionChanged& e) const {
    return name_of(e.session) + (e.open ? " is open at " : " ended at ") + name_of(e.node);
  }
  std::string operator()(const Marked& e) const {
    return "marks " + name_of(e.up_to) + " " + name_of_level(e.level) + " in " + name_of(e.of_view);
  }
  std::string operator()(const Resolved& e) const {
    return "resolves " + run(e.session, e.first_n, e.count) + ": " + name_of_outcome(e.outcome) + " at " + name_of(e.first);
  }
  std::string operator()(const StateChanged& e) const {
    switch (e.state) {
      case protocol::ComponentState::joining: return "is joining";
      case protocol::ComponentState::primary: return "is primary";
      case protocol::ComponentState::blocked: return "is blocked";
    }
    return "?";
  }
  std::string operator()(const Resynced& e) const {
    std::string text = "was excluded; common up to " + name_of(e.last_common);
    if (e.orphaned_from && e.orphaned_to) text += ", orphaned " + name_of(*e.orphaned_from) + " to " + name_of(*e.orphaned_to);
    return text;
  }
  std::string operator()(const Diverged& e) const {
    std::string text = "finds that replicas differ at " + name_of(e.differs) + ", agreed at " + name_of(e.agreed) + "; wrong:";
    for (const protocol::NodeId& node : e.wrong) text += " " + name_of(node);
    return text;
  }
  std::string operator()(const AnsweredBallot& e) const {
    return "answers " + name_of(e.ballot) + " of " + name_of(e.view) + (e.from_disk ? " from its disk" : "") + (e.own ? " (its own)" : "");
  }
  std::string operator()(const BallotValue& e) const {
    return name_of(e.ballot) + " of " + name_of(e.view) + " carries " + name_of(e.next) + ", value " + std::to_string(e.value % 100000);
  }
  std::string operator()(const AcceptedBallot& e) const {
    return "accepts " + name_of(e.ballot) + " of " + name_of(e.view) + (e.own ? " (its own)" : "");
  }
  std::string operator()(const Stored& e) const {
    return "has on disk what is durable in " + name_of(e.view) + " up to " + std::to_string(e.stored.value);
  }
  std::string operator()(const Logged& e) const { return "has a log of " + std::to_string(e.runs.size()) + " durable runs"; }
  std::string operator()(const Resumed& e) const { return "runs again after " + std::to_string(e.paused_ns / 1'000'000) + " ms"; }
  std::string operator()(const Held& e) const { return "holds " + name_of(e.view) + " up to " + std::to_string(e.held.value); }
  std::string operator()(const Continued& e) const { return "is shown from here on" + (e.view ? ", in " + name_of(*e.view) : ""); }
  std::string operator()(const Interrupted&) const { return "is shown up to here"; }
};

}  // namespace

std::string readable(const TraceEvent& event) {
  char time[32];
  std::snprintf(time, sizeof time, "%12.6f  ", static_cast<double>(event.time.time_since_epoch().count()) / 1e9 - 1000.0);
  std::string node = name_of(event.node);
  node.resize(std::max<std::size_t>(node.size(), 5), ' ');
  return time + node + " " + std::visit(Words{}, event.body);
}

void print_tail(const Trace& trace, std::size_t lines, std::FILE* out) {
  std::vector<const TraceEvent*> tail;
  for (auto event = trace.events.rbegin(); event != trace.events.rend() && tail.size() < lines; ++event) {
    if (!std::holds_alternative<Held>(event->body)) tail.push_back(&*event);
  }
  for (auto event = tail.rbegin(); event != tail.rend(); ++event) std::fprintf(out, "%s\n", readable(**event).c_str());
}

}  // namespace vsync::simulation
