// What the daemon's loop shares with others: with libuv's workers (the state directory, dumps of the flight recorder), with
// ZeroMQ's threads (payloads, the descriptors kept for files), and with a thread that a fatal signal meets.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "daemon/accept_guard.hpp"
#include "daemon/flight_recorder.hpp"
#include "daemon/payload_message.hpp"
#include "daemon/state_store.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

protocol::PersistentState state_of(std::uint64_t counter) {
  protocol::PersistentState state;
  state.incarnation_counter = counter;
  return state;
}

protocol::LogRecord entry(std::uint64_t seq, const protocol::Payload& payload) {
  protocol::LogEntry entry{.first = {.view = 1, .seq = {seq}}, .publisher = {"a", {1, 1}}, .ordered_at = 5};
  entry.chunk = {.first = {seq}, .count = 1, .level = protocol::Level::durable, .session = {1, 1}, .first_n = seq};
  entry.chunk.payload = payload;
  return entry;
}

protocol::Payload payload_of(std::uint64_t seq) {
  return protocol::Payload(std::vector<std::byte>(500 + seq % 1500, static_cast<std::byte>(seq)));
}

bool holds(const protocol::Payload& payload, std::uint64_t seq) {
  return std::ranges::all_of(payload.bytes(), [&](std::byte byte) { return byte == static_cast<std::byte>(seq); });
}

// The payloads of what is written are those that the engine and the queues hold and let go meanwhile.
TEST(StateStoreThreads, TheLoopGoesOnWhileTheWorkerWrites) {
  constexpr std::uint64_t keep_bytes = 100'000, records = 2000;  // files of 64 KiB, so that some begin and some go
  const TemporaryDirectory directory = TemporaryDirectory::in_memory();
  uv_loop_t loop;
  uv_loop_init(&loop);
  std::vector<protocol::WriteToken> tokens;
  {
    StateStore store(directory / "state", keep_bytes);
    static_cast<void>(store.load());
    store.write_now(state_of(0));
    store.attach(&loop, [](const std::string& why) { ADD_FAILURE() << why; });
    std::deque<std::pair<std::uint64_t, protocol::Payload>> held;
    for (std::uint64_t seq = 1; seq <= records; ++seq) {
      held.emplace_back(seq, payload_of(seq));
      std::vector<protocol::Write> writes{{seq, std::nullopt, {entry(seq, held.back().second)}}};
      if (seq % 3 == 0) writes.front().state = state_of(seq);
      store.write(writes);
      for (const auto& [number, payload] : held) EXPECT_TRUE(holds(payload.slice(100, 200), number));
      if (held.size() > 8) held.pop_front();
      if (seq % 4 == 0) uv_run(&loop, seq % 16 == 0 && store.busy() ? UV_RUN_ONCE : UV_RUN_NOWAIT);
      store.take_persisted(tokens);
      EXPECT_LE(store.writes(), seq);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    store.take_persisted(tokens);
    EXPECT_GT(store.writes(), 50u);
  }
  uv_loop_close(&loop);
  EXPECT_EQ(tokens.size(), records);
  EXPECT_TRUE(std::ranges::is_sorted(tokens));
  const auto found = StateStore(directory / "state", keep_bytes).load().restored;
  EXPECT_EQ(found.state, state_of(records / 3 * 3));
  ASSERT_FALSE(found.log.empty());
  EXPECT_EQ(std::get<protocol::LogEntry>(found.log.back()).first.seq.value, records);
}

TEST(StateStoreThreads, GoesWhileAWriteIsUnderWay) {
  const TemporaryDirectory directory = TemporaryDirectory::in_memory();
  uv_loop_t loop;
  uv_loop_init(&loop);
  for (std::uint64_t round = 1; round <= 50; ++round) {
    StateStore store(directory / "state", 100'000);
    static_cast<void>(store.load());
    if (round == 1) store.write_now(state_of(0));
    store.attach(&loop, [](const std::string&) {});
    for (std::uint64_t seq = 10 * round; seq < 10 * round + 3; ++seq) {
      std::vector<protocol::Write> writes{{seq, state_of(seq), {entry(seq, payload_of(seq))}}};
      store.write(writes);
    }
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
}

/// A recorder whose lines are numbered.
struct Recording {
  explicit Recording(const std::string& directory) : recorder(directory, 1, 4096) {
    add(checker::NodeStarted{}, "0 a start");
    add(checker::ViewInstalled{}, "0 a view");
  }
  void add(checker::TraceBody body, const std::string& line) {
    recorder.append({.node = {"a", {1, 1}}, .body = std::move(body)}, line + "\n");
    recorder.publish();
  }
  void go_on() {
    ++last;
    add(checker::Resumed{last}, "0 a resumed " + std::to_string(last) + " " + std::string(last % 60, '.'));
    if (last % 9 == 0) add(checker::ViewInstalled{}, "0 a view");
  }
  FlightRecorder recorder;
  std::uint64_t last = 0;
};

/// The lines of a dump are whole and follow each other. Returns the number of the last one.
std::uint64_t last_of(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::uint64_t last = 0;
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view head = "0 a resumed ";
    if (!line.starts_with(head)) {
      EXPECT_TRUE(line.starts_with("0 a view") || line.starts_with("0 a start") || line.starts_with("0 a continued") ||
                  line == "0 a interrupted")
          << path << ": " << line;
      continue;
    }
    const std::uint64_t number = std::stoull(line.substr(head.size()));
    EXPECT_EQ(line, std::string(head) + std::to_string(number) + " " + std::string(number % 60, '.'));
    EXPECT_TRUE(last == 0 || number == last + 1) << path << ": " << number << " behind " << last;
    last = number;
  }
  return last;
}

TEST(FlightRecorderThreads, TheLoopGoesOnWhileTheWorkerWritesADump) {
  const TemporaryDirectory directory = TemporaryDirectory::in_memory();
  uv_loop_t loop;
  uv_loop_init(&loop);
  Recording recording(directory.path());
  for (int dump = 0; dump < 60; ++dump) {
    for (int i = 0; i < 50; ++i) recording.go_on();
    const std::uint64_t asked_at = recording.last;
    std::string path;
    ASSERT_TRUE(
        recording.recorder.dump(&loop, [&](const FlightRecorder::Dumped& dumped) { path = dumped ? *dumped : dumped.error(); }));
    while (path.empty()) {
      recording.go_on();
      uv_run(&loop, UV_RUN_NOWAIT);
    }
    EXPECT_EQ(last_of(path), asked_at);
  }
  uv_loop_close(&loop);
}

TEST(FlightRecorderThreads, GoesWhileADumpIsWritten) {
  const TemporaryDirectory directory = TemporaryDirectory::in_memory();
  uv_loop_t loop;
  uv_loop_init(&loop);
  for (int round = 0; round < 50; ++round) {
    Recording recording(directory.path());
    for (int i = 0; i < 20; ++i) recording.go_on();
    ASSERT_TRUE(recording.recorder.dump(&loop, [](const FlightRecorder::Dumped&) { ADD_FAILURE() << "it is gone"; }));
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
}

// The signal is one that this test handles itself afterwards, in place of the end of the process.
TEST(FlightRecorderThreads, ASignalOnAnotherThreadFindsWholeLines) {
  struct sigaction nothing {};
  struct sigaction before {};
  nothing.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGILL, &nothing, &before), 0);
  for (int round = 0; round < 400; ++round) {
    const TemporaryDirectory directory = TemporaryDirectory::in_memory();
    Recording recording(directory.path());
    recording.recorder.dump_on_fatal_signals();
    std::atomic<bool> met = false;
    std::thread other([&] {
      ::raise(SIGILL);
      met.store(true, std::memory_order_relaxed);
    });
    while (!met.load(std::memory_order_relaxed)) recording.go_on();
    for (int i = 0; i < 50; ++i) recording.go_on();
    other.join();
    EXPECT_LE(last_of(directory / "flight.1.1.trace"), recording.last);
    ASSERT_FALSE(HasFailure());
  }
  ::sigaction(SIGILL, &before, nullptr);
}

// What ZeroMQ has sent, it gives back on a thread of its own.
TEST(PayloadThreads, AreHeldHereAndGivenBackThere) {
  constexpr std::uint64_t payloads = 2000;
  for (std::uint64_t seq = 0; seq < payloads; seq += 20) {
    std::vector<zmq::message_t> sent;
    std::vector<protocol::Payload> kept;
    for (std::uint64_t i = seq; i < seq + 20; ++i) {
      kept.push_back(payload_of(i));
      sent.push_back(message_of(kept.back()));
      sent.push_back(message_of(kept.back().slice(10, 20)));
    }
    std::thread other([&sent] {
      for (zmq::message_t& message : sent) {
        EXPECT_EQ(*message.data<std::byte>(), *(message.data<std::byte>() + message.size() - 1));
        message.rebuild();
      }
    });
    for (std::uint64_t i = seq; i < seq + 20; ++i) {
      const protocol::Payload slice = kept[i - seq].slice(0, 100);
      kept[i - seq] = {};
      EXPECT_TRUE(holds(slice, i));
    }
    other.join();
  }
}

TEST(AcceptGuardThreads, IsChangedWhileOthersAccept) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 5), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::uint64_t before = connections_turned_away();
  std::thread accepting([&] {
    for (int i = 0; i < 200; ++i) {
      const int client = ::socket(AF_INET, SOCK_STREAM, 0);
      EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
      if (const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC); accepted >= 0) ::close(accepted);
      ::close(client);
    }
  });
  for (int i = 0; i < 200; ++i) {
    keep_descriptors(i % 2 == 0 ? 0 : 1000, i % 3 == 0 ? 0 : 1000);
    EXPECT_LE(connections_turned_away() - before, 200u);
  }
  accepting.join();
  ::close(listener);
}

}  // namespace
}  // namespace vsync::daemon
