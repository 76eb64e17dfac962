// feed: a price feed and its reader, as small applications of the public library. The quickstart runs them; every event of their
// stream becomes a line of JSON.
//
//   feed publish NAME FILE       FILE: lines of "MICROSECONDS<tab>TOPIC<tab>TEXT", the time counted from the line "go" on
//   standard input feed subscribe NAME TOPIC... until SIGTERM

#include <csignal>

#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "vsync/vsync.hpp"

namespace {

using Json = nlohmann::json;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t stopping = 0;

struct Tick {
  microseconds at;
  std::string topic;
  std::string text;
};

Json to_json(const vsync::Position& position) {
  return {position.epoch.number, position.epoch.random, position.view, position.lane, position.seq};
}

std::int64_t nanoseconds(vsync::Timestamp time) { return time.time_since_epoch().count(); }

Json to_json(const vsync::Message& message) {
  return {{"event", "message"},
          {"topic", message.topic},
          {"data", message.text()},
          {"position", to_json(message.position)},
          {"published_at", nanoseconds(message.published_at)},
          {"received_at", nanoseconds(std::chrono::system_clock::now())}};
}
Json to_json(const vsync::GroupView& view) {
  Json left = Json::array();
  for (const auto& departure : view.left) left.push_back({departure.member.node, vsync::name_of(departure.reason)});
  return {{"event", "view"}, {"group", view.group}, {"members", view.members.size()}, {"left", left}};
}
Json to_json(const vsync::Outcome& outcome) {
  Json json = {
      {"event", "outcome"}, {"first", outcome.first_n}, {"count", outcome.count}, {"kind", vsync::name_of(outcome.kind)}};
  if (outcome.position) json["position"] = to_json(*outcome.position);
  return json;
}
Json to_json(const vsync::StateChange& change) { return {{"event", "state"}, {"state", vsync::name_of(change.state)}}; }
Json to_json(const vsync::Resync& resync) {
  Json orphaned;
  if (resync.orphaned) orphaned = {to_json(resync.orphaned->first), to_json(resync.orphaned->second)};
  return {{"event", "resync"}, {"orphaned", orphaned}, {"missed", {to_json(resync.missed_from), to_json(resync.missed_to)}}};
}
Json to_json(const vsync::Gap& gap) { return {{"event", "gap"}, {"from", to_json(gap.from)}, {"to", to_json(gap.to)}}; }
Json to_json(const vsync::Joined& joined) { return {{"event", "joined"}, {"group", joined.group}, {"again", joined.again}}; }
Json to_json(const vsync::JoinRefused& refused) { return {{"event", "refused"}, {"text", refused.text}}; }
Json to_json(const vsync::Removed& removed) { return {{"event", "removed"}, {"text", removed.text}}; }
Json to_json(const vsync::Disconnected& disconnected) { return {{"event", "disconnected"}, {"reason", disconnected.reason}}; }
Json to_json(const vsync::Reconnected& reconnected) { return {{"event", "reconnected"}, {"node", reconnected.node}}; }
Json to_json(const vsync::Closed& closed) { return {{"event", "closed"}, {"text", closed.text}}; }
Json to_json(const vsync::Mark&) { return nullptr; }  // a demo shows messages; outcomes tell what was confirmed
Json to_json(const vsync::Writable&) { return nullptr; }

void print(const Json& json) {
  if (json.is_null()) return;
  std::cout << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

/// Prints what the stream holds until `deadline`; output is flushed whenever the stream is empty. False when it is over.
bool print_events(vsync::Connection& connection, Clock::time_point deadline) {
  while (true) {
    const vsync::Event* event = connection.try_next();
    if (event == nullptr) {
      std::cout.flush();
      const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
      if (left <= milliseconds(0)) return true;
      event = connection.next(left);
    }
    if (event == nullptr) continue;
    print(std::visit([](const auto& what) { return to_json(what); }, *event));
    if (std::holds_alternative<vsync::Closed>(*event)) return false;
  }
}

std::vector<Tick> read_ticks(const std::string& path) {
  std::vector<Tick> ticks;
  std::ifstream file(path);
  std::string at, topic, text;
  while (std::getline(file, at, '\t') && std::getline(file, topic, '\t') && std::getline(file, text)) {
    ticks.push_back({microseconds(std::stoll(at)), topic, text});
  }
  return ticks;
}

int publish(vsync::Connection& connection, const std::string& path) {
  const std::vector<Tick> ticks = read_ticks(path);
  print({{"event", "ready"}});
  std::cout.flush();
  std::string go;
  if (!std::getline(std::cin, go)) return 1;
  const Clock::time_point started = Clock::now();
  for (const Tick& tick : ticks) {
    if (stopping != 0) return 1;
    if (started + tick.at > Clock::now() && !print_events(connection, started + tick.at)) return 1;
    const auto data = std::as_bytes(std::span(tick.text));
    auto published = connection.publish_wait(tick.topic, data, {}, milliseconds(30000));
    if (!published) {
      std::cerr << "feed: " << vsync::name_of(published.error()) << "\n";
      return 1;
    }
  }
  const bool resolved = connection.wait_for_outcomes(milliseconds(30000));
  static_cast<void>(connection.close(milliseconds(2000)));
  print_events(connection, Clock::now() + milliseconds(1000));
  return resolved ? 0 : 1;
}

int subscribe(vsync::Connection& connection, std::span<char*> topics) {
  for (const char* topic : topics) {
    if (auto group = connection.join(topic); !group) {
      std::cerr << "feed: " << topic << ": " << group.error().text << "\n";
      return 1;
    }
  }
  print({{"event", "ready"}});
  while (stopping == 0 && print_events(connection, Clock::now() + milliseconds(100))) {}
  static_cast<void>(connection.close(milliseconds(2000)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const std::string what = argc > 1 ? argv[1] : "";
  if (argc < 4 || (what != "publish" && what != "subscribe")) {
    std::cerr << "usage: feed publish NAME FILE | feed subscribe NAME TOPIC...\n";
    return 2;
  }
  struct sigaction stop {};
  stop.sa_handler = [](int) { stopping = 1; };
  sigaction(SIGTERM, &stop, nullptr);
  sigaction(SIGINT, &stop, nullptr);

  vsync::Options options;
  options.application = argv[2];
  auto connection = vsync::Connection::open(options);
  if (!connection) {
    std::cerr << "feed: " << connection.error().text << "\n";
    return 1;
  }
  return what == "publish" ? publish(*connection, argv[3]) : subscribe(*connection, arguments.subspan(3));
}
