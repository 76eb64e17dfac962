// crowd: many applications in one process, for tests of load. Each is a connection of its own through the public library; lines
// on standard input say what all of them do, each is answered by one line of JSON.
//
//   open N                  N more applications connect
//   join GROUP...           every application joins these groups; answered when the daemon has answered all
//   own PREFIX FIRST COUNT  application i joins COUNT groups "PREFIX.<FIRST + i>.<k>"; answered likewise
//   leave                   every application leaves all its groups
//   publish TOPIC BYTES RATE
//                           the first application publishes from now on; RATE 0: as fast as it may. More calls: the next ones
//   quiet                   nobody publishes any more; answered when all outcomes are known
//   churn PER_S GROUPS SEED
//                           everybody joins, leaves, publishes, closes, vanishes and comes back at random, in "crowd.0" .. "crowd.GROUPS-1"
//   calm                    no more of that; answered when every join has been
//   watch                   from the message "begin" of topic "watch" to the message "end" the first application's stream is judged
//                           and digested
//   report                  counts, memberships, what ended how
//   members                 who is in which group since when, by the first application's stream
//   close                   every application says goodbye
//
// A process that gets the end of its input ends without a word to anybody, as after a crash.

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "vsync/vsync.hpp"

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::size_t groups_at_once = 5;  // of one application that churns
constexpr int publishes_per_turn = 256;
constexpr std::size_t joins_under_way_max = 4096;  // of one application: a request waits in the library's memory

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string text_of(const vsync::Position& position) {
  return std::to_string(position.epoch.number) + "." + std::to_string(position.view) + "." + std::to_string(position.seq);
}

/// What happened in one order must give one number.
class Digest {
 public:
  void add(std::string_view text) {
    for (const char each : text) add_byte(static_cast<unsigned char>(each));
    add_byte(0xff);
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  void add_byte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3; }
  std::uint64_t value_ = 0xcbf29ce484222325;
};

/// Judges a stream: each view of a group is the one before it, and who joined, without who left.
class Watch {
 public:
  void take(const vsync::Message& message) {
    if (message.topic == "watch" && message.text() == "begin") state_ = State::on;
    if (state_ != State::on) return;
    ++messages_;
    digest_.add(text_of(message.position));
    digest_.add(message.topic);
    digest_.add(message.text());
    if (message.topic == "watch" && message.text() == "end") state_ = State::over;
  }

  void take(const vsync::GroupView& view) {
    Group& group = groups_[view.group];
    std::set<std::string> members;
    for (const auto& member : view.members) members.insert(to_string(member.session));
    std::set<std::string> expected = group.members;
    for (const auto& departure : view.left) {
      expected.erase(to_string(departure.member.session));
      group.since.erase(to_string(departure.member.session));
      ++reasons_[vsync::name_of(departure.reason)];
    }
    for (const auto& member : view.joined) {
      expected.insert(to_string(member.session));
      group.since[to_string(member.session)] = text_of(view.position);
    }
    const bool first = group.number == 0;
    if (!first && (expected != members || view.number != group.number + 1)) {
      faults_.push_back(view.group + " view " + std::to_string(view.number) + " at " + text_of(view.position));
    }
    group.number = view.number;
    group.members = std::move(members);
    if (state_ != State::on) return;
    ++views_;
    digest_.add(text_of(view.position));
    digest_.add(view.group);
    digest_.add(std::to_string(view.number));
    for (const auto& member : view.members) digest_.add(to_string(member.session));
  }

  [[nodiscard]] Json report() const {
    return {{"over", state_ == State::over}, {"messages", messages_}, {"views", views_},
            {"digest", digest_.value()},     {"faults", faults_},     {"left", reasons_}};
  }
  [[nodiscard]] Json members() const {
    Json groups = Json::object();
    for (const auto& [name, group] : groups_) {
      if (!group.members.empty()) groups[name] = group.since;
    }
    return groups;
  }

 private:
  enum class State : std::uint8_t { off, on, over };
  struct Group {
    std::uint64_t number = 0;
    std::set<std::string> members;
    std::map<std::string, std::string> since;  ///< of those whose join this stream has
  };
  State state_ = State::off;
  std::map<std::string, Group> groups_;
  std::map<std::string, std::uint64_t> reasons_;
  std::vector<std::string> faults_;
  std::uint64_t messages_ = 0;
  std::uint64_t views_ = 0;
  Digest digest_;
};

/// What all applications of this process have seen.
struct Counts {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t views = 0;
  std::uint64_t joined = 0;
  std::uint64_t refused = 0;
  std::uint64_t removed = 0;
  std::uint64_t disconnected = 0;
  std::uint64_t reconnected = 0;
  std::uint64_t resyncs = 0;
  std::uint64_t gaps = 0;
  std::uint64_t vanished = 0;
  std::uint64_t unresolved = 0;  ///< publishes that weren't ok
  std::map<std::string, std::uint64_t> closed;
  std::map<std::string, std::uint64_t> failed;  ///< calls
};

class Application {
 public:
  Application(vsync::Connection connection, int line, Counts& counts)
      : connection_(std::move(connection)), line_(line), counts_(counts) {}

  void begin_join(const std::string& group) {
    if (auto begun = connection_.begin_join(group); !begun) {
      ++counts_.failed[vsync::name_of(begun.error().code)];
    } else {
      joining_.insert(group);
    }
  }
  void leave(const std::string& group) {
    groups_.erase(group);
    if (auto left = connection_.leave(group); !left) ++counts_.failed[vsync::name_of(left.error().code)];
  }
  void leave_all() {
    while (!groups_.empty()) leave(std::string(groups_.begin()->first));
  }
  /// False: flow control.
  bool publish(const std::string& topic, std::span<const std::byte> data) {
    auto published = connection_.publish(topic, data);
    if (published) return true;
    if (published.error() != vsync::PublishError::queue_full) ++counts_.failed[vsync::name_of(published.error())];
    return false;
  }

  void take_events() {
    while (const vsync::Event* event = connection_.try_next()) {
      std::visit([this](const auto& what) { on(what); }, *event);
    }
  }

  void close() {
    if (auto closed = connection_.close(10s); !closed) counts_.unresolved += closed.error().unresolved;
    take_events();
    count_outcomes();
  }
  void count_outcomes() {
    const vsync::OutcomeCounts outcomes = connection_.outcomes();
    counts_.unresolved += outcomes.rejected + outcomes.unknown + outcomes.session_expired;
  }

  vsync::Connection& connection() { return connection_; }
  [[nodiscard]] int line() const { return line_; }  ///< the descriptor of its first connection to the daemon
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] std::size_t joins_under_way() const { return joining_.size(); }
  [[nodiscard]] bool may_join(const std::string& group) const {
    return groups_.size() + joining_.size() < groups_at_once && !groups_.contains(group) && !joining_.contains(group);
  }
  [[nodiscard]] const std::map<std::string, std::string>& groups() const { return groups_; }
  std::optional<Watch>& watch() { return watch_; }

 private:
  void on(const vsync::Message& message) {
    ++counts_.messages;
    counts_.bytes += message.data.size();
    if (watch_) watch_->take(message);
  }
  void on(const vsync::GroupView& view) {
    ++counts_.views;
    if (watch_) watch_->take(view);
  }
  void on(const vsync::Joined& joined) {
    if (!joined.again) {
      ++counts_.joined;
      joining_.erase(joined.group);
      groups_[joined.group] = text_of(joined.position);
    }
  }
  void on(const vsync::JoinRefused& refused) {
    ++counts_.refused;
    ++counts_.failed[refused.text];
    joining_.erase(refused.group);
  }
  void on(const vsync::Removed&) { ++counts_.removed; }
  void on(const vsync::Disconnected&) { ++counts_.disconnected; }
  void on(const vsync::Reconnected&) { ++counts_.reconnected; }
  void on(const vsync::Resync&) { ++counts_.resyncs; }
  void on(const vsync::Gap&) { ++counts_.gaps; }
  void on(const vsync::Closed& closed) {
    over_ = true;
    joining_.clear();
    groups_.clear();
    ++counts_.closed[closed.by_application ? "by_application" : vsync::name_of(closed.code)];
  }
  void on(const vsync::Mark&) {}
  void on(const vsync::StateChange&) {}
  void on(const vsync::Outcome&) {}
  void on(const vsync::Writable&) {}

  vsync::Connection connection_;
  int line_;
  Counts& counts_;
  std::map<std::string, std::string> groups_;  ///< joined at
  std::set<std::string> joining_;
  bool over_ = false;
  std::optional<Watch> watch_;
};

/// The descriptors of this process that are connected to the daemon.
std::set<int> lines_to(const std::string& endpoint) {
  std::set<int> lines;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::atoi(entry.path().filename().c_str());
    sockaddr_un address{};
    socklen_t size = sizeof address;
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.sun_family != AF_UNIX) continue;
    if (endpoint == std::string("ipc://") + address.sun_path) lines.insert(descriptor);
  }
  return lines;
}

class Crowd {
 public:
  [[noreturn]] void run() {
    while (true) {
      turn(1s);
      while (auto line = take_line()) std::cout << obey(*line).dump() << std::endl;
      if (input_over_) std::_Exit(0);
    }
  }

 private:
  // ---- commands

  Json obey(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    const Clock::time_point started = Clock::now();
    if (what == "open")
      open(next<std::size_t>(words));
    else if (what == "join")
      join(words);
    else if (what == "own")
      own(words);
    else if (what == "leave")
      for (auto& each : applications_) each->leave_all();
    else if (what == "publish")
      publish(words);
    else if (what == "quiet")
      quiet();
    else if (what == "churn")
      churn(words);
    else if (what == "calm")
      calm();
    else if (what == "watch")
      applications_.front()->watch().emplace();
    else if (what == "report")
      return report();
    else if (what == "members")
      return applications_.front()->watch()->members();
    else if (what == "close")
      close();
    else
      return {{"error", "unknown command " + what}};
    return {{"seconds", seconds_since(started)}, {"applications", applications_.size()}, {"failed", counts_.failed}};
  }

  void open(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (auto made = connect()) applications_.push_back(std::move(made));
      if (i % 8 == 7) take_all_events();
    }
  }

  std::unique_ptr<Application> connect() {
    vsync::Options options;
    options.application = "crowd";
    options.outcome_events = false;
    options.connect_timeout = 20s;
    const std::set<int> others = lines_;
    auto connection = vsync::Connection::open(options);
    if (!connection) {
      ++counts_.failed[connection.error().text];
      return nullptr;
    }
    lines_ = lines_to(connection->endpoint());
    const auto line = std::ranges::find_if(lines_, [&](int each) { return !others.contains(each); });
    return std::make_unique<Application>(std::move(*connection), line == lines_.end() ? -1 : *line, counts_);
  }

  void join(std::istringstream& words) {
    std::string group;
    while (words >> group) {
      for (auto& each : applications_) each->begin_join(group);
    }
    await_joins(0);
  }

  void own(std::istringstream& words) {
    const auto prefix = next<std::string>(words);
    const auto first = next<std::size_t>(words);
    const auto count = next<std::size_t>(words);
    for (std::size_t i = 0; i < applications_.size(); ++i) {
      for (std::size_t k = 0; k < count; ++k) {
        applications_[i]->begin_join(prefix + "." + std::to_string(first + i) + "." + std::to_string(k));
      }
      await_joins(joins_under_way_max);
    }
    await_joins(0);
  }

  void await_joins(std::size_t most) {
    const auto under_way = [&] {
      std::size_t sum = 0;
      for (const auto& each : applications_) sum += each->joins_under_way();
      return sum;
    };
    while (under_way() > most) turn(20ms);
  }

  void publish(std::istringstream& words) {
    Publishing publishing;
    publishing.topic = next<std::string>(words);
    publishing.data.resize(next<std::size_t>(words));
    publishing.rate = next<double>(words);
    publishing.started = Clock::now();
    publishing.application = publishing_.size() % applications_.size();
    publishing_.push_back(std::move(publishing));
  }

  void quiet() {
    publishing_.clear();
    for (auto& each : applications_) {
      while (!each->over() && each->connection().outcomes().unresolved() > 0) turn(5ms);
    }
  }

  void churn(std::istringstream& words) {
    churn_per_s_ = next<double>(words);
    churn_groups_ = next<std::size_t>(words);
    random_.seed(next<std::uint64_t>(words));
    churn_started_ = Clock::now();
    churned_ = 0;
  }

  void calm() {
    churn_per_s_ = 0;
    await_joins(0);
    quiet();
  }

  void close() {
    for (auto& each : applications_) each->close();
    applications_.clear();
  }

  Json report() {
    Json groups = Json::object();
    for (const auto& each : applications_) {
      for (const auto& [group, since] : each->groups()) groups[group][to_string(each->connection().session())] = since;
    }
    Json json{{"at", std::chrono::duration<double>(Clock::now().time_since_epoch()).count()},
              {"applications", applications_.size()},
              {"messages", counts_.messages},
              {"bytes", counts_.bytes},
              {"views", counts_.views},
              {"joined", counts_.joined},
              {"refused", counts_.refused},
              {"removed", counts_.removed},
              {"disconnected", counts_.disconnected},
              {"reconnected", counts_.reconnected},
              {"resyncs", counts_.resyncs},
              {"gaps", counts_.gaps},
              {"vanished", counts_.vanished},
              {"unresolved", counts_.unresolved},
              {"churned", churned_},
              {"published", published_},
              {"closed", counts_.closed},
              {"failed", counts_.failed},
              {"groups", std::move(groups)}};
    if (!applications_.empty() && applications_.front()->watch()) json["watch"] = applications_.front()->watch()->report();
    return json;
  }

  // ---- a turn

  [[nodiscard]] bool busy() const { return !publishing_.empty() || churn_per_s_ > 0; }

  void turn(milliseconds timeout) {
    bool more = false;
    for (Publishing& each : publishing_) more |= publish_due(each);
    if (churn_per_s_ > 0) churn_due();
    if (more)
      timeout = 0ms;
    else if (busy())
      timeout = 1ms;
    std::vector<pollfd> polled{{STDIN_FILENO, POLLIN, 0}};
    for (const auto& each : applications_) polled.push_back({each->connection().descriptor(), POLLIN, 0});
    poll(polled.data(), polled.size(), static_cast<int>(timeout.count()));
    for (std::size_t i = 0; i < applications_.size(); ++i) {
      if (polled[i + 1].revents != 0) applications_[i]->take_events();
    }
    if (polled[0].revents != 0) read_input();
  }

  void take_all_events() {
    for (auto& each : applications_) each->take_events();
  }

  struct Publishing {
    std::string topic;
    std::vector<std::byte> data;
    double rate = 0;
    std::size_t application = 0;
    Clock::time_point started;
    std::uint64_t sent = 0;
  };

  /// True: there is more to publish at once.
  bool publish_due(Publishing& publishing) {
    Application& application = *applications_[publishing.application];
    for (int i = 0; i < publishes_per_turn && !application.over(); ++i) {
      if (publishing.rate > 0 && static_cast<double>(publishing.sent) >= seconds_since(publishing.started) * publishing.rate)
        return false;
      if (!application.publish(publishing.topic, publishing.data)) return false;
      ++publishing.sent;
      ++published_;
    }
    return !application.over();
  }

  // ---- churn

  std::size_t roll(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }

  void churn_due() {
    const auto due = static_cast<std::uint64_t>(seconds_since(churn_started_) * churn_per_s_);
    for (int i = 0; i < 64 && churned_ < due && !applications_.empty(); ++i, ++churned_)
      act(applications_[roll(applications_.size())]);
  }

  void act(std::unique_ptr<Application>& application) {
    const std::string group = "crowd." + std::to_string(roll(churn_groups_));
    const std::size_t what = roll(100);
    if (application->over() || what < 4) {
      if (!application->over()) application->close();
      replace(application);
    } else if (what < 6) {
      vanish(*application);
      replace(application);
    } else if (what < 35) {
      if (application->may_join(group)) application->begin_join(group);
    } else if (what < 55) {
      if (!application->groups().empty()) {
        auto chosen = application->groups().begin();
        std::advance(chosen, static_cast<std::ptrdiff_t>(roll(application->groups().size())));
        application->leave(std::string(chosen->first));
      }
    } else if (application->publish(group, std::as_bytes(std::span(group)))) {
      ++published_;
    }
  }

  void replace(std::unique_ptr<Application>& application) {
    if (auto made = connect()) application = std::move(made);
  }

  /// Its connection breaks, and it never comes back, though its process lives on.
  void vanish(Application& application) {
    ++counts_.vanished;
    shutdown(application.line(), SHUT_RDWR);
    static_cast<void>(application.connection().close(0ms));
    application.take_events();
  }

  // ---- input

  void read_input() {
    char buffer[4096];
    const ssize_t size = read(STDIN_FILENO, buffer, sizeof buffer);
    if (size <= 0)
      input_over_ = true;
    else
      input_.append(buffer, static_cast<std::size_t>(size));
  }

  std::optional<std::string> take_line() {
    const auto end = input_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    return line;
  }

  template <class Value>
  static Value next(std::istringstream& words) {
    Value value{};
    words >> value;
    return value;
  }

  Counts counts_;
  std::vector<std::unique_ptr<Application>> applications_;
  std::set<int> lines_;
  std::vector<Publishing> publishing_;
  std::uint64_t published_ = 0;
  double churn_per_s_ = 0;
  std::size_t churn_groups_ = 0;
  std::mt19937_64 random_;
  Clock::time_point churn_started_;
  std::uint64_t churned_ = 0;
  std::string input_;
  bool input_over_ = false;
};

}  // namespace

int main() { Crowd().run(); }
