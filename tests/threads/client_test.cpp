// The library's calls at once, from as many threads as an application may have.

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "client/event_queue.hpp"
#include "fake_daemon.hpp"
#include "stream.hpp"
#include "vsync/vsync.hpp"

namespace vsync::testing {
namespace {

using namespace std::chrono_literals;

/// Threads that do something again and again until they are stopped.
class Busy {
 public:
  void go_on(std::function<void(std::uint64_t round)> act) {
    threads_.emplace_back([this, act = std::move(act)] {
      for (std::uint64_t round = 0; !stop_.load(std::memory_order_relaxed); ++round) act(round);
    });
  }
  /// Returns when none of them does anything any more.
  void stop() {
    stop_.store(true, std::memory_order_relaxed);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  ~Busy() { stop(); }

 private:
  std::atomic<bool> stop_ = false;  // relaxed: what isn't ordered by the library is not to be ordered by its test
  std::vector<std::thread> threads_;
};

/// Everything but publishing, reading and closing: joins, questions, and looks at what the connection knows.
void use_otherwise(Connection& client, Busy& busy) {
  busy.go_on([&client](std::uint64_t round) {
    const std::string group = "b." + std::to_string(round % 3);
    if (round % 2 == 0) {
      if (auto joined = client.join(group)) static_cast<void>(joined->leave());
    } else if (client.begin_join(group)) {
      static_cast<void>(client.leave(group));
    }
  });
  busy.go_on([&client](std::uint64_t round) { static_cast<void>(round % 2 == 0 ? client.status() : client.groups()); });
  busy.go_on([&client](std::uint64_t) {
    static_cast<void>(client.outcomes().unresolved());
    static_cast<void>(client.node());
    static_cast<void>(client.state());
    static_cast<void>(client.self());
    static_cast<void>(client.max_message_bytes());
    static_cast<void>(client.wait_for_outcomes(1ms));
  });
}

/// Sizes on both sides of what is sent without a copy, at two levels.
PublishOptions options_of(std::uint64_t n) { return {.level = n % 5 == 0 ? Level::uniform : Level::agreed, .key = "key"}; }
std::string text_of(const std::string& publisher, std::uint64_t n) {
  return publisher + " " + std::to_string(n) + " " + std::string(n % 7 == 0 ? 6000 : n % 50, '.');
}
bool publish(Connection& client, const std::string& publisher, std::uint64_t n) {
  const std::string text = text_of(publisher, n);
  return client.publish_wait("a", std::as_bytes(std::span(text)), options_of(n), 5s).has_value();
}

bool readable(int descriptor) {
  pollfd item{descriptor, POLLIN, 0};
  return ::poll(&item, 1, 5000) == 1;
}

TEST(ClientThreads, EveryCallAtOnceWhileTheDaemonTalks) {
  Pair pair({}, {.queue_bytes_max = 64u << 10});
  ASSERT_TRUE(pair.client.join("a"));
  constexpr std::uint64_t each = 500;
  Busy busy;
  use_otherwise(pair.client, busy);
  busy.go_on([&](std::uint64_t round) {
    pair.daemon->send(wire::Ping{round});
    pair.daemon->send(wire::Mark{at(round), wire::Level::uniform, 3, false});
    pair.daemon->send(
        wire::State{round % 2 == 0 ? wire::ComponentState::blocked : wire::ComponentState::primary, "as it is", 1, 3});
    pair.daemon->send(wire::Credit{(64u << 20) + round, (1u << 20)});
    std::this_thread::sleep_for(1ms);  // its pace: more would only fill the stream
  });
  std::vector<std::thread> publishers;
  for (const char* name : {"x", "y", "z"}) {
    publishers.emplace_back([&pair, name] {
      for (std::uint64_t n = 0; n < each; ++n) EXPECT_TRUE(publish(pair.client, name, n));
    });
  }
  std::map<std::string, std::uint64_t> next;
  for (std::uint64_t messages = 0; messages < 3 * each;) {
    ASSERT_TRUE(readable(pair.client.descriptor()));
    const Event* event = pair.client.try_next();
    const auto* message = event != nullptr ? std::get_if<Message>(event) : nullptr;
    if (message == nullptr) continue;
    ++messages;
    const std::string name(message->text().substr(0, 1));
    ASSERT_EQ(message->text(), text_of(name, next[name]++));
  }
  for (std::thread& publisher : publishers) publisher.join();
  busy.stop();
  EXPECT_TRUE(pair.client.wait_for_outcomes(5s));
  EXPECT_EQ(pair.client.outcomes().ok, 3 * each);
  EXPECT_TRUE(pair.client.close(5s));
}

TEST(ClientThreads, EveryCallAtOnceWhileTheDaemonGoesAndComesBack) {
  Pair pair({}, {.queue_bytes_max = 64u << 10});
  ASSERT_TRUE(pair.client.join("a"));
  Busy busy;
  use_otherwise(pair.client, busy);
  for (const char* name : {"x", "y"}) {
    busy.go_on([&pair, name](std::uint64_t n) { static_cast<void>(publish(pair.client, name, n)); });
  }
  for (int round = 0; round < 12; ++round) {
    for (int messages = 0; messages < 50; ++messages) ASSERT_NE(next_of<Message>(pair.client), nullptr);
    pair.restart_daemon();
    ASSERT_NE(next_of<Reconnected>(pair.client), nullptr);
  }
  busy.stop();
  EXPECT_TRUE(pair.client.wait_for_outcomes(5s));
  EXPECT_EQ(pair.client.outcomes().unresolved(), 0u);
  EXPECT_TRUE(pair.client.close(5s));
}

// On an idle line a publish looks at the credit itself, to wake the thread or not.
TEST(ClientThreads, LoneMessagesGoOutWhileCreditComes) {
  Pair pair;
  ASSERT_TRUE(pair.client.join("a"));
  Busy busy;
  busy.go_on([&](std::uint64_t round) {
    for (std::uint64_t i = 0; i < 30; ++i) pair.daemon->send(wire::Credit{(64u << 20) + 30 * round + i, 1u << 20});
    std::this_thread::sleep_for(500us);
  });
  for (std::uint64_t n = 0; n < 500; ++n) {
    ASSERT_TRUE(publish(pair.client, "x", n));
    ASSERT_NE(next_of<Message>(pair.client), nullptr);
  }
}

TEST(ClientThreads, AConnectionEndsWhileTheDaemonStillSends) {
  for (int round = 0; round < 30; ++round) {
    Pair pair;
    Busy busy;
    ASSERT_TRUE(pair.client.join("a"));
    busy.go_on([&](std::uint64_t n) {
      pair.daemon->send(wire::Deliver{.first = at(n + 1), .count = 1, .publisher_node = "alpha", .publisher_session = {1, 2}},
                        body_of("a", {"x"}));
      if (n % 16 == 0) pair.daemon->send(wire::Ping{n});
      std::this_thread::sleep_for(50us);  // its pace: a flood of pings would leave no turn for the goodbye
    });
    ASSERT_NE(next_of<Message>(pair.client), nullptr);
    ASSERT_TRUE(pair.client.publish("a", "last"));
    if (round % 2 == 0) {
      EXPECT_TRUE(pair.client.close(5s));
      while (pair.client.try_next() != nullptr) {}
    } else {
      const Connection ends_here = std::move(pair.client);
    }
  }
}

TEST(ClientThreads, ConnectionsOfSeveralThreadsHaveNothingInCommon) {
  std::vector<std::thread> applications;
  for (int i = 0; i < 4; ++i) {
    applications.emplace_back([] {
      for (int round = 0; round < 5; ++round) {
        Pair pair;
        EXPECT_TRUE(pair.client.join("a"));
        for (std::uint64_t n = 0; n < 100; ++n) EXPECT_TRUE(publish(pair.client, "x", n));
        for (std::uint64_t n = 0; n < 100; ++n) EXPECT_EQ(next_of<Message>(pair.client)->text(), text_of("x", n));
        EXPECT_TRUE(pair.client.close(5s));
      }
    });
  }
  for (std::thread& application : applications) application.join();
}

TEST(EventQueueThreads, IsFilledEmptiedAndAskedAtOnce) {
  client::EventQueue queue;
  constexpr std::uint64_t each = 20'000;
  Busy busy;
  busy.go_on([&](std::uint64_t) { EXPECT_FALSE(queue.full()); });
  std::vector<std::thread> fillers;
  for (std::uint64_t line = 1; line <= 2; ++line) {
    fillers.emplace_back([&queue, line] {
      std::vector<client::Incoming> items;
      for (std::uint64_t n = 0; n < each; ++n) {
        wire::Deliver head;
        head.count = static_cast<std::uint32_t>(n);
        items.emplace_back(client::DeliveredBatch{head, zmq::message_t(&n, sizeof n), line});
        if (n % 3 == 0) queue.push(items);
      }
      queue.push(items);
    });
  }
  std::map<std::uint64_t, std::uint64_t> next;
  std::vector<client::Incoming> items;
  while (next[1] < each || next[2] < each) {
    ASSERT_TRUE(readable(queue.descriptor()));
    if (!queue.take(items)) continue;
    for (const client::Incoming& item : items) {
      const auto& batch = std::get<client::DeliveredBatch>(item);
      ASSERT_EQ(*batch.body.data<std::uint64_t>(), next[batch.line]);
      ASSERT_EQ(batch.head.count, next[batch.line]++);
    }
    items.clear();
  }
  for (std::thread& filler : fillers) filler.join();
}

}  // namespace
}  // namespace vsync::testing
