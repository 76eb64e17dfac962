// chaos-publisher: an application that publishes at a steady rate whatever happens to its daemon, and says what became of every
// message.
//
//   chaos-publisher NAME TOPIC LEVEL RATE fail|wait SECONDS
//
// Message n of its session s is "NAME/s/n". It begins another session when one is over, and ends at SIGTERM, once all outcomes
// are known or SECONDS have passed. Standard output, a line of JSON each:
// {"outcome":KIND,"session":s,"first":n,"count":k,"position":[...]} and at the end of each session
// {"closed":s,"published":n,"unresolved":k}. "fail" has its publishes rejected where there is no primary view.

#include <csignal>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <thread>

#include "vsync/vsync.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds tries_again_after{100};

volatile std::sig_atomic_t stopping = 0;

const std::map<std::string, vsync::Level> levels{{"agreed", vsync::Level::agreed},
                                                 {"uniform", vsync::Level::uniform},
                                                 {"safe", vsync::Level::safe},
                                                 {"durable", vsync::Level::durable},
                                                 {"fifo", vsync::Level::fifo}};

struct Load {
  std::string name;
  std::string topic;
  vsync::PublishOptions options;
  std::chrono::duration<double> period;
  std::chrono::seconds outcomes_within;
};

class Session {
 public:
  Session(vsync::Connection connection, int number, const Load& load)
      : connection_(std::move(connection)), number_(number), load_(load) {}

  /// Until SIGTERM, or until the session is over.
  void publish() {
    Clock::time_point due = Clock::now();
    while (stopping == 0 && read_until(due)) {
      const std::string text = load_.name + '/' + std::to_string(number_) + '/' + std::to_string(published_ + 1);
      if (connection_.publish(load_.topic, text, load_.options)) ++published_;  // else its queue is full: its daemon is away
      due += std::chrono::duration_cast<Clock::duration>(load_.period);
    }
  }

  void close() {
    const Clock::time_point deadline = Clock::now() + load_.outcomes_within;
    while (!over_ && connection_.outcomes().unresolved() != 0 && Clock::now() < deadline)
      read_until(Clock::now() + tries_again_after);
    const std::uint64_t unresolved = connection_.outcomes().unresolved();
    static_cast<void>(connection_.close(milliseconds(unresolved == 0 ? 2000 : 0)));
    read_until(Clock::now());
    std::cout << "{\"closed\":" << number_ << ",\"published\":" << published_ << ",\"unresolved\":" << unresolved << "}"
              << std::endl;
  }

 private:
  bool read_until(Clock::time_point deadline) {
    while (!over_) {
      const auto left = std::max(std::chrono::ceil<milliseconds>(deadline - Clock::now()), milliseconds(0));
      const vsync::Event* event = left.count() > 0 ? connection_.next(left) : connection_.try_next();
      if (event == nullptr && left.count() == 0) return true;
      if (event != nullptr) take(*event);
    }
    return false;
  }

  void take(const vsync::Event& event) {
    if (std::holds_alternative<vsync::Closed>(event)) over_ = true;
    const auto* outcome = std::get_if<vsync::Outcome>(&event);
    if (outcome == nullptr) return;
    std::cout << "{\"outcome\":\"" << vsync::name_of(outcome->kind) << "\",\"session\":" << number_
              << ",\"first\":" << outcome->first_n << ",\"count\":" << outcome->count;
    if (const auto& at = outcome->position) {
      std::cout << ",\"position\":[" << at->epoch.number << ',' << at->view << ',' << at->lane << ',' << at->seq << ']';
    }
    std::cout << "}\n";
  }

  vsync::Connection connection_;
  int number_;
  const Load& load_;
  std::uint64_t published_ = 0;
  bool over_ = false;
};

void run(const Load& load) {
  for (int number = 1; stopping == 0;) {
    vsync::Options options;
    options.application = load.name;
    auto connection = vsync::Connection::open(options);
    if (!connection) {
      std::this_thread::sleep_for(tries_again_after);
      continue;
    }
    Session session(std::move(*connection), number++, load);
    session.publish();
    session.close();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7 || !levels.contains(argv[3]) || std::atof(argv[4]) <= 0) {
    std::fprintf(stderr, "usage: chaos-publisher NAME TOPIC LEVEL RATE fail|wait SECONDS\n");
    return 2;
  }
  struct sigaction stop {};
  stop.sa_handler = [](int) { stopping = 1; };
  sigaction(SIGTERM, &stop, nullptr);
  const std::string when_blocked = argv[5];
  run({.name = argv[1],
       .topic = argv[2],
       .options = {.level = levels.at(argv[3]), .fail_when_blocked = when_blocked == "fail"},
       .period = std::chrono::duration<double>(1 / std::atof(argv[4])),
       .outcomes_within = std::chrono::seconds(std::atoi(argv[6]))});
  return 0;
}
