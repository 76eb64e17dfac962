// The order in which one application gets what waits for it.

#include "daemon/session_queue.hpp"

#include <gmock/gmock.h>

#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using protocol::Position;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Position at(std::uint64_t view, std::uint64_t seq) {
  Position position;
  position.view = view;
  position.seq = protocol::Seq{seq};
  return position;
}

/// Gives one parcel, "replayed".
struct OneReplayed final : SessionQueue::ReplaySource {
  SessionQueue::Replayed next(SessionQueue&, Replay&, Parcel& parcel, bool& windowed) override {
    if (std::exchange(given, true)) return SessionQueue::Replayed::end;
    parcel.envelope = zmq::message_t(std::string("replayed"));
    windowed = true;
    return SessionQueue::Replayed::parcel;
  }
  bool given = false;
};

/// A queue to an application that is connected.
struct SessionQueueTest : ::testing::Test {
  SessionQueueTest() {
    uv_loop_init(&loop);
    Configuration configuration;
    configuration.socket = directory / "s";
    socket.emplace(&loop, context, configuration);
    application.set(zmq::sockopt::linger, 0);
    application.set(zmq::sockopt::rcvtimeo, 5000);
    application.connect("ipc://" + configuration.socket);
    application.send(zmq::str_buffer("hello"), zmq::send_flags::none);
    LocalSocket::Request hello;
    while (!socket->receive(hello)) uv_run(&loop, UV_RUN_ONCE);
    queue.emplace(*socket, std::string(hello.route_view()), 1u << 20, 1u << 20);
  }
  ~SessionQueueTest() override {
    queue.reset();
    socket.reset();
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }

  static Parcel parcel(const std::string& text) { return {zmq::message_t(text), zmq::message_t()}; }

  /// What has come, once a last word is there.
  std::vector<std::string> received() {
    queue->push(parcel("last"));
    std::vector<std::string> texts;
    while (true) {
      zmq::message_t envelope;
      zmq::message_t body;
      if (!application.recv(envelope) || !application.recv(body)) {
        ADD_FAILURE() << "the last word didn't come";
        return texts;
      }
      if (envelope.to_string() == "last") return texts;
      texts.push_back(envelope.to_string());
    }
  }

  TemporaryDirectory directory;
  uv_loop_t loop{};
  zmq::context_t context;
  std::optional<LocalSocket> socket;
  zmq::socket_t application{context, zmq::socket_type::dealer};
  std::optional<SessionQueue> queue;
  OneReplayed source;
};

TEST_F(SessionQueueTest, AReplayComesBehindWhatWaitsForConfirmation) {
  queue->hold(parcel("before the absence"), true, at(1, 5));
  queue->push_replay(Replay(at(1, 5), at(3, 0)), source);
  queue->hold(parcel("after it"), true, at(3, 1));
  EXPECT_THAT(received(), IsEmpty());
  queue->release(at(1, 5));
  EXPECT_THAT(received(), ElementsAre("before the absence", "replayed"));
  queue->release(at(3, 1));
  EXPECT_THAT(received(), ElementsAre("after it"));
}

TEST_F(SessionQueueTest, AReplayBehindSomethingInVainIsInVainToo) {
  queue->hold(parcel("common"), true, at(1, 5));
  queue->hold(parcel("in vain"), true, at(1, 6));
  queue->push_replay(Replay(at(1, 6), at(3, 0)), source);
  queue->drop_held_beyond(at(1, 5));
  queue->release(at(3, 0));
  EXPECT_THAT(received(), ElementsAre("common"));
  EXPECT_FALSE(queue->holding());
  EXPECT_EQ(queue->waiting_bytes(), 0u);
}

// It may have been ordered nowhere, and come again behind the resync.
TEST_F(SessionQueueTest, WhatNothingConfirmsIsInVainWhereTheHistoryEnds) {
  queue->hold(parcel("common"), true, at(1, 5));
  queue->push_behind(parcel("fifo"));
  queue->hold(parcel("common too"), true, at(1, 6));
  queue->push_behind(parcel("fifo"));
  queue->drop_held_beyond(at(1, 6));
  queue->release(at(3, 0));
  EXPECT_THAT(received(), ElementsAre("common", "common too"));
  EXPECT_EQ(queue->waiting_bytes(), 0u);
}

TEST_F(SessionQueueTest, WithNothingThatWaitsAReplayBeginsAtOnce) {
  queue->push_replay(Replay(at(1, 5), at(3, 0)), source);
  EXPECT_THAT(received(), ElementsAre("replayed"));
}

}  // namespace
}  // namespace vsync::daemon
