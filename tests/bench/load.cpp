// load: publishers and subscribers of the benchmark workloads, as applications of the public library. tests/bench/run starts
// them.
//
//   load publish TOPIC ID BYTES RATE SECONDS   one publish call per message; RATE 0: as fast as flow control lets it
//   load subscribe TOPIC PUBLISHERS EVERY      measures the latency of every EVERYth message
//
// Both print "ready", wait for lines on standard input ("go", "expect N"), print one line of JSON and stay until the input ends,
// so that their CPU time can be read. A message's data begins with its publisher's id, its number, and the time of the publish
// call.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "vsync/vsync.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds publish_patience{30000};
constexpr milliseconds silence_max{10000};  // a subscriber that gets nothing for so long reports what it has

struct Stamp {
  std::uint64_t publisher = 0;
  std::uint64_t number = 0;  // from 0
  std::int64_t called_at = 0;
};

std::int64_t now_ns() { return std::chrono::duration_cast<nanoseconds>(Clock::now().time_since_epoch()).count(); }

std::string read_line() {
  std::string line;
  std::getline(std::cin, line);
  return line;
}

void say(const std::string& line) { std::cout << line << std::endl; }

vsync::Connection open_connection(const char* name) {
  vsync::Options options;
  options.application = name;
  options.outcome_events = false;
  auto connection = vsync::Connection::open(options);
  if (!connection) {
    std::cerr << "load: " << connection.error().text << "\n";
    std::exit(1);
  }
  return std::move(*connection);
}

int publish(const std::string& topic, std::uint64_t id, std::size_t bytes, double rate, double seconds) {
  vsync::Connection connection = open_connection("publisher");
  std::vector<std::byte> data(std::max(bytes, sizeof(Stamp)));
  say("ready");
  read_line();
  const std::int64_t started = now_ns();
  const std::int64_t end = started + static_cast<std::int64_t>(seconds * 1e9);
  std::uint64_t number = 0;
  for (std::int64_t now = started; now < end; now = now_ns()) {
    if (rate > 0) {
      const auto due = started + static_cast<std::int64_t>(static_cast<double>(number) * 1e9 / rate);
      if (due > now) std::this_thread::sleep_for(nanoseconds(due - now));
    }
    const Stamp stamp{id, number, now_ns()};
    std::memcpy(data.data(), &stamp, sizeof stamp);
    if (auto published = connection.publish_wait(topic, data, {}, publish_patience); !published) {
      std::cerr << "load: publish " << number << ": " << vsync::name_of(published.error()) << "\n";
      return 1;
    }
    ++number;
  }
  static_cast<void>(connection.wait_for_outcomes(publish_patience));
  const vsync::OutcomeCounts outcomes = connection.outcomes();
  say(nlohmann::json{{"published", outcomes.published}, {"ok", outcomes.ok}}.dump());
  read_line();
  return 0;
}

/// What one subscriber saw: whether it was all, once and in which order, and when.
class Record {
 public:
  Record(std::size_t publishers, std::uint64_t measure_every) : next_(publishers), measure_every_(measure_every) {}

  void take(const vsync::Message& message) {
    Stamp stamp;
    if (message.data.size() < sizeof stamp) return;
    std::memcpy(&stamp, message.data.data(), sizeof stamp);
    if (count_++ % measure_every_ == 0) {
      last_at_ = now_ns();
      if (count_ == 1) first_at_ = last_at_;
      latencies_.push_back(last_at_ - stamp.called_at);
    }
    digest_ = (digest_ ^ (stamp.publisher << 56 ^ stamp.number)) * 0x9e3779b97f4a7c15;
    digest_ ^= digest_ >> 32;
    if (stamp.publisher >= next_.size() || stamp.number != next_[stamp.publisher]) {
      ++misplaced_;
      if (stamp.publisher >= next_.size()) return;
    }
    next_[stamp.publisher] = stamp.number + 1;
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  void finish() { last_at_ = std::max(last_at_, now_ns()); }

  [[nodiscard]] std::string report(std::uint64_t expected) {
    std::sort(latencies_.begin(), latencies_.end());
    return nlohmann::json{{"delivered", count_},
                          {"lost", expected > count_ ? expected - count_ : 0},
                          {"misplaced", misplaced_},
                          {"digest", digest_},
                          {"seconds", static_cast<double>(last_at_ - first_at_) / 1e9},
                          {"p50_us", percentile(0.50)},
                          {"p99_us", percentile(0.99)},
                          {"p999_us", percentile(0.999)}}
        .dump();
  }

 private:
  [[nodiscard]] double percentile(double part) const {
    if (latencies_.empty()) return 0;
    const auto index = static_cast<std::size_t>(part * static_cast<double>(latencies_.size() - 1));
    return static_cast<double>(latencies_[index]) / 1e3;
  }

  std::vector<std::uint64_t> next_;  // by publisher
  std::uint64_t measure_every_;
  std::uint64_t count_ = 0;
  std::uint64_t misplaced_ = 0;  // doubled, missing before, or out of its publisher's order
  std::uint64_t digest_ = 0;     // of the order
  std::int64_t first_at_ = 0, last_at_ = 0;
  std::vector<std::int64_t> latencies_;
};

std::optional<std::uint64_t> expected_now() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (poll(&input, 1, 0) != 1) return std::nullopt;
  const std::string line = read_line();
  return line.starts_with("expect ") ? std::stoull(line.substr(7)) : 0;
}

int subscribe(const std::string& topic, std::size_t publishers, std::uint64_t measure_every) {
  vsync::Connection connection = open_connection("subscriber");
  if (auto group = connection.join(topic); !group) {
    std::cerr << "load: " << group.error().text << "\n";
    return 1;
  }
  say("ready");
  Record record(publishers, measure_every);
  std::optional<std::uint64_t> expected;
  for (Clock::time_point heard = Clock::now(); !expected || (record.count() < *expected && Clock::now() < heard + silence_max);) {
    if (const vsync::Event* event = connection.next(milliseconds(20))) {
      do {
        if (const auto* message = std::get_if<vsync::Message>(event)) record.take(*message);
      } while ((event = connection.try_next()) != nullptr && (!expected || record.count() < *expected));
      heard = Clock::now();
      record.finish();
    }
    if (!expected) expected = expected_now();
  }
  say(record.report(*expected));
  read_line();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 6 && arguments[0] == "publish") {
    return publish(arguments[1], std::stoull(arguments[2]), std::stoull(arguments[3]), std::stod(arguments[4]),
                   std::stod(arguments[5]));
  }
  if (arguments.size() == 4 && arguments[0] == "subscribe") {
    return subscribe(arguments[1], std::stoull(arguments[2]), std::stoull(arguments[3]));
  }
  std::cerr << "usage: load publish TOPIC ID BYTES RATE SECONDS | load subscribe TOPIC PUBLISHERS EVERY\n";
  return 2;
}
