// Routing ids are the daemon's: whoever names one is not let in.

#include "daemon/handshake_guard.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <vector>
#include <zmq.hpp>

#include "daemon/unique_fd.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using namespace std::string_literals;
using Verdict = Handshake::Verdict;

const std::string greeting = "\xff"s + std::string(8, '\0') + "\x7f\x03"s + std::string(1, '\0') + "NULL" + std::string(16 + 32, '\0');

std::string property(const std::string& name, const std::string& value) {
  return static_cast<char>(name.size()) + name + std::string(2, '\0') + static_cast<char>(value.size() / 256) +
         static_cast<char>(value.size() % 256) + value;
}
std::string frame(const std::string& body) { return "\x04"s + static_cast<char>(body.size()) + body; }
std::string long_frame(const std::string& body) {
  return "\x06"s + std::string(6, '\0') + static_cast<char>(body.size() / 256) + static_cast<char>(body.size() % 256) + body;
}
std::string ready(const std::string& routing_id) {
  return "\5READY" + property("Socket-Type", "DEALER") + property("Identity", routing_id);
}

Verdict verdict_on(const std::string& said) { return Handshake().take(std::as_bytes(std::span(said))); }

TEST(Handshake, OneThatNamesNothingIsSoundOnceItIsWhole) {
  for (const std::string& whole : {greeting + frame(ready("")), greeting + long_frame(ready(""))}) {
    Handshake handshake;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(handshake.take(std::as_bytes(std::span(&whole[i], 1))), i + 1 < whole.size() ? Verdict::undecided : Verdict::sound) << i;
    }
  }
  EXPECT_EQ(verdict_on(greeting + frame(ready("")) + "and messages"), Verdict::sound);
  EXPECT_EQ(verdict_on(greeting + frame("\5READY" + property("Socket-Type", "DEALER"))), Verdict::sound);
}

TEST(Handshake, ARoutingIdIsRefusedWhateverItIs) {
  for (const std::string& id : {"x"s, "\0\0\0\0\1"s, std::string(200, 'x')}) {
    EXPECT_EQ(verdict_on(greeting + frame(ready(id))), Verdict::wrong);
    EXPECT_EQ(verdict_on(greeting + long_frame(ready(id))), Verdict::wrong);
  }
  EXPECT_EQ(verdict_on(greeting + frame(ready("") + property("Identity", "x"))), Verdict::wrong) << "the last one counts";
  EXPECT_EQ(verdict_on(greeting + frame(ready("x") + property("Identity", ""))), Verdict::wrong);
}

TEST(Handshake, OlderProtocolsInWhichEverybodyNamesOneAreRefused) {
  EXPECT_EQ(verdict_on("\x01\x00"s), Verdict::wrong) << "ZMTP 1";
  EXPECT_EQ(verdict_on("\xff"s + std::string(7, '\0') + "\x01\x00"s), Verdict::wrong) << "a ZMTP 1 routing id of 255 bytes or more";
  EXPECT_EQ(verdict_on("\xff"s + std::string(8, '\0') + "\x7f\x01\x05"s), Verdict::wrong) << "ZMTP 2";
}

TEST(Handshake, OneWithoutEndIsRefused) {
  EXPECT_EQ(verdict_on(greeting + "\x06"s + std::string(7, '\xff')), Verdict::undecided);
  EXPECT_EQ(verdict_on(greeting + "\x06"s + std::string(8, '\xff')), Verdict::wrong);
  EXPECT_EQ(verdict_on(greeting + long_frame(ready(std::string(300, 'x')))), Verdict::wrong);
}

TEST(Handshake, WhatCantBeReadIsLeftToZeroMQ) {
  EXPECT_EQ(verdict_on(greeting + frame("")), Verdict::sound);
  EXPECT_EQ(verdict_on(greeting + frame("\5ERROR\0")), Verdict::sound);
  const std::string whole = ready("x");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) EXPECT_EQ(verdict_on(greeting + frame(whole.substr(0, cut))), Verdict::sound) << cut;
}

/// A connection of something that says what it likes.
UniqueFd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  UniqueFd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{5, 0};
  EXPECT_EQ(::setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  EXPECT_EQ(::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return made;
}

// Without the guard libzmq stops the process here: the next id that it gives is taken.
TEST(HandshakeGuard, AnIdThatIsToBeGivenNextIsNotTakenBefore) {
  TemporaryDirectory directory;
  const std::string path = directory / "s.sock";
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::linger, 0);
  router.set(zmq::sockopt::rcvtimeo, 5000);
  router.bind("ipc://" + path);
  const auto routing_id_of_one_more = [&](zmq::socket_t& dealer) {
    dealer.set(zmq::sockopt::linger, 0);
    dealer.connect("ipc://" + path);
    dealer.send(zmq::str_buffer("hello"));
    zmq::message_t id;
    zmq::message_t text;
    EXPECT_TRUE(router.recv(id));
    EXPECT_TRUE(router.recv(text));
    EXPECT_EQ(text.to_string_view(), "hello");
    return id.to_string();
  };
  zmq::socket_t first(context, zmq::socket_type::dealer);
  const std::string given = routing_id_of_one_more(first);
  ASSERT_EQ(given.size(), 5u);
  std::string next = given;
  for (std::size_t i = next.size(); i-- > 1 && ++next[i] == 0;) {
  }

  const std::uint64_t refused_before = handshakes_refused();
  std::vector<UniqueFd> thieves;
  for (const std::string& claimed : {next, given}) {
    thieves.push_back(connect_to(path));
    const UniqueFd& thief = thieves.back();
    const std::string said = greeting + frame(ready(claimed));
    ASSERT_EQ(::send(thief.get(), said.data(), said.size(), 0), static_cast<ssize_t>(said.size()));
    char answer[256];
    ssize_t received = 0;
    while ((received = ::recv(thief.get(), answer, sizeof answer, 0)) > 0) {
    }
    EXPECT_EQ(received, 0) << "the connection is over";
  }
  EXPECT_EQ(handshakes_refused(), refused_before + 2);
  zmq::socket_t second(context, zmq::socket_type::dealer);
  EXPECT_EQ(routing_id_of_one_more(second), next);
}

}  // namespace
}  // namespace vsync::daemon
