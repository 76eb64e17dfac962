#include "daemon/zmq_poller.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace vsync::daemon {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// The daemon's loop in small: the same phases as engine_loop.cpp.
class Receiver {
 public:
  explicit Receiver(zmq::socket_t& socket) : socket_(socket) {
    uv_loop_init(&loop_);
    poller_ = std::make_unique<ZmqPoller>(&loop_, socket_);
    uv_prepare_init(&loop_, &prepare_);
    uv_check_init(&loop_, &check_);
    uv_idle_init(&loop_, &idle_);
    uv_timer_init(&loop_, &timer_);
    prepare_.data = check_.data = timer_.data = this;
    uv_prepare_start(&prepare_, [](uv_prepare_t* h) {
      auto* self = static_cast<Receiver*>(h->data);
      if (self->poller_->pending()) {
        uv_idle_start(&self->idle_, [](uv_idle_t*) {});
      } else {
        uv_idle_stop(&self->idle_);
      }
    });
    uv_check_start(&check_, [](uv_check_t* h) { static_cast<Receiver*>(h->data)->drain(); });
  }
  ~Receiver() {
    poller_.reset();
    uv_walk(&loop_, [](uv_handle_t* h, void*) { if (!uv_is_closing(h)) uv_close(h, nullptr); }, nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }

  /// Sends on the same socket every few milliseconds: what eats wake-ups.
  void chatter(const std::string& route) {
    route_ = route;
    uv_timer_start(&timer_, [](uv_timer_t* h) { static_cast<Receiver*>(h->data)->send(); }, 1, 1);
  }
  /// Runs until `count` were received or nothing came for 5 s.
  std::size_t run_until(std::size_t count) {
    wanted_ = count;
    uv_timer_t guard;
    uv_timer_init(&loop_, &guard);
    guard.data = this;
    last_ = Clock::now();
    uv_timer_start(&guard, [](uv_timer_t* h) {
      auto* self = static_cast<Receiver*>(h->data);
      if (self->received_ >= self->wanted_ || Clock::now() - self->last_ > 5s) uv_stop(&self->loop_);
    }, 20, 20);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_close(reinterpret_cast<uv_handle_t*>(&guard), nullptr);
    uv_run(&loop_, UV_RUN_NOWAIT);
    return received_;
  }
  Clock::duration worst_ = {};

 private:
  void drain() {
    constexpr int budget = 16;  // small, so that it often runs out
    for (int i = 0; i < budget && poller_->readable(); ++i) {
      zmq::message_t route, part;
      if (!socket_.recv(route, zmq::recv_flags::dontwait)) return poller_->drained();
      (void)socket_.recv(part, zmq::recv_flags::dontwait);
      Clock::time_point sent;
      std::memcpy(&sent, part.data(), sizeof sent);
      last_ = Clock::now();
      worst_ = std::max(worst_, last_ - sent);
      ++received_;
    }
  }
  void send() {
    poller_->touched();
    zmq::message_t address(route_.data(), route_.size());
    if (zmq_msg_send(address.handle(), socket_.handle(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) return;
    socket_.send(zmq::str_buffer("chatter"), zmq::send_flags::dontwait);
  }

  zmq::socket_t& socket_;
  uv_loop_t loop_;
  std::unique_ptr<ZmqPoller> poller_;
  uv_prepare_t prepare_;
  uv_check_t check_;
  uv_idle_t idle_;
  uv_timer_t timer_;
  std::string route_;
  std::size_t received_ = 0;
  std::size_t wanted_ = 0;
  Clock::time_point last_;
};

struct ZmqPollerTest : ::testing::Test {
  zmq::context_t context;
  zmq::socket_t router{context, zmq::socket_type::router};
  void SetUp() override {
    router.set(zmq::sockopt::linger, 0);
    router.set(zmq::sockopt::router_mandatory, true);
    router.bind("tcp://127.0.0.1:*");
  }
  zmq::socket_t client() {
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::routing_id, "client");
    socket.connect(router.get(zmq::sockopt::last_endpoint));
    return socket;
  }
  static void send_stamp(zmq::socket_t& socket) {
    const auto now = Clock::now();
    socket.send(zmq::buffer(&now, sizeof now), zmq::send_flags::none);
  }
};

TEST_F(ZmqPollerTest, ABurstLargerThanTheBudgetIsReadToItsEnd) {
  constexpr std::size_t count = 20'000;
  std::thread sender([&] {
    zmq::socket_t socket = client();
    socket.set(zmq::sockopt::linger, -1);
    for (std::size_t i = 0; i < count; ++i) send_stamp(socket);
  });
  Receiver receiver(router);
  EXPECT_EQ(receiver.run_until(count), count);
  sender.join();
}

TEST_F(ZmqPollerTest, SendsOnTheSameSocketEatNoWakeUp) {
  constexpr std::size_t count = 60;
  std::thread sender([&] {
    zmq::socket_t socket = client();
    for (std::size_t i = 0; i < count; ++i) {
      send_stamp(socket);
      std::this_thread::sleep_for(7ms);  // alone each, so that nothing after it could wake the loop in its place
    }
    std::this_thread::sleep_for(300ms);
  });
  Receiver receiver(router);
  receiver.chatter("client");
  EXPECT_EQ(receiver.run_until(count), count);
  EXPECT_LT(receiver.worst_, 500ms) << "a lost wake-up shows as a delay until something else happens";
  sender.join();
}

TEST_F(ZmqPollerTest, WhatCameBeforeTheLoopIsRead) {
  zmq::socket_t socket = client();
  send_stamp(socket);
  zmq::poll(std::vector<zmq::pollitem_t>{{router.handle(), 0, ZMQ_POLLIN, 0}}.data(), 1, 5s);
  (void)router.get(zmq::sockopt::events);
  Receiver receiver(router);
  EXPECT_EQ(receiver.run_until(1), 1u);
}

}  // namespace
}  // namespace vsync::daemon
