// What applications may say to ZeroMQ itself, and what would stop the process.

#include "daemon/zmtp_guard.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>
#include <vector>
#include <zmq.hpp>

#include "daemon/unique_fd.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using namespace std::string_literals;

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

bool is_let_in(const std::string& said) { return ZmtpStream().take(std::as_bytes(std::span(said))); }
const std::string message = "\0\4text"s;
const std::string ping = frame("\4PING\0\0"s);

TEST(ZmtpStream, OneThatNamesNothingIsLetInHoweverItIsCut) {
  for (const std::string& whole : {greeting + frame(ready("")) + message + message, greeting + long_frame(ready("")) + message}) {
    ZmtpStream stream;
    for (const char& each : whole) EXPECT_TRUE(stream.take(std::as_bytes(std::span(&each, 1))));
    EXPECT_FALSE(stream.take(std::as_bytes(std::span(ping)))) << "it was followed to here";
  }
  EXPECT_TRUE(is_let_in(greeting + frame(ready("")) + message));
  EXPECT_TRUE(is_let_in(greeting + frame("\5READY" + property("Socket-Type", "DEALER"))));
}

TEST(ZmtpStream, ARoutingIdIsRefusedWhateverItIs) {
  for (const std::string& id : {"x"s, "\0\0\0\0\1"s, std::string(200, 'x')}) {
    EXPECT_FALSE(is_let_in(greeting + frame(ready(id))));
    EXPECT_FALSE(is_let_in(greeting + long_frame(ready(id))));
  }
  EXPECT_FALSE(is_let_in(greeting + frame(ready("") + property("Identity", "x")))) << "the last one counts";
  EXPECT_FALSE(is_let_in(greeting + frame(ready("x") + property("Identity", ""))));
}

TEST(ZmtpStream, OlderProtocolsInWhichEverybodyNamesOneAreRefused) {
  EXPECT_FALSE(is_let_in("\x01\x00"s)) << "ZMTP 1";
  EXPECT_FALSE(is_let_in("\xff"s + std::string(7, '\0') + "\x01\x00"s)) << "a ZMTP 1 routing id of 255 bytes or more";
  EXPECT_FALSE(is_let_in("\xff"s + std::string(8, '\0') + "\x7f\x01\x05"s)) << "ZMTP 2";
}

TEST(ZmtpStream, AReadyWithoutEndIsRefused) {
  EXPECT_TRUE(is_let_in(greeting + "\x06"s + std::string(7, '\xff')));
  EXPECT_FALSE(is_let_in(greeting + "\x06"s + std::string(8, '\xff')));
  EXPECT_FALSE(is_let_in(greeting + long_frame(ready(std::string(300, 'x')))));
}

TEST(ZmtpStream, ACommandBehindReadyIsRefusedWhereverItStands) {
  const std::string begun = greeting + frame(ready(""));
  EXPECT_FALSE(is_let_in(begun + ping));
  EXPECT_FALSE(is_let_in(begun + long_frame("\4PING"))) << "a short one, too";
  EXPECT_FALSE(is_let_in(begun + message + "\2"s + std::string(6, '\0') + "\x01\x2c"s + std::string(300, 'x') + message + ping));
  EXPECT_TRUE(is_let_in(begun + "\0\0"s + "\1\0"s + message)) << "empty frames are none";
  EXPECT_TRUE(is_let_in(begun + "\0"s + static_cast<char>(ping.size()) + ping)) << "nor is what looks like one in a message";
}

TEST(ZmtpStream, WhatCantBeReadIsLeftToZeroMQ) {
  EXPECT_TRUE(is_let_in(greeting + frame("")));
  EXPECT_TRUE(is_let_in(greeting + frame("\5ERROR\0")));
  const std::string whole = ready("x");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) EXPECT_TRUE(is_let_in(greeting + frame(whole.substr(0, cut)))) << cut;
}

TEST(ZmtpStream, SaysTheSameOfAnyBytesHoweverTheyAreCut) {
  std::mt19937 random(1);
  const std::string sound = greeting + frame(ready("")) + message + "\3"s + std::string(7, '\0') + "\5parts" + message;
  std::size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string said = i % 2 == 0 ? sound : sound + ping;
    for (std::size_t wrong = random() % 4; wrong > 0; --wrong) said[random() % said.size()] = static_cast<char>(random());
    const bool let_in = is_let_in(said);
    refused += let_in ? 0 : 1;
    ZmtpStream in_pieces;
    bool all = true;
    for (std::size_t at = 0; all && at < said.size();) {
      const std::size_t piece = std::min<std::size_t>(1 + random() % 20, said.size() - at);
      all = in_pieces.take(std::as_bytes(std::span(&said[at], piece)));
      at += piece;
    }
    ASSERT_EQ(all, let_in) << i;
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_LT(refused, 19'000u);
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

struct ZmtpGuard : testing::Test {
  ZmtpGuard() {
    router.set(zmq::sockopt::linger, 0);
    router.set(zmq::sockopt::rcvtimeo, 5000);
    router.set(zmq::sockopt::rcvhwm, 1);
    router.bind("ipc://" + path);
  }
  std::string routing_id_of_one_more(zmq::socket_t& dealer) {
    dealer.set(zmq::sockopt::linger, 0);
    dealer.connect("ipc://" + path);
    dealer.send(zmq::str_buffer("hello"));
    zmq::message_t id;
    zmq::message_t text;
    do {
      EXPECT_TRUE(router.recv(id));
      EXPECT_TRUE(router.recv(text));
    } while (text.to_string_view() == "text");
    EXPECT_EQ(text.to_string_view(), "hello");
    return id.to_string();
  }
  /// Says it on a connection of its own.
  UniqueFd say(const std::string& said) {
    UniqueFd client = connect_to(path);
    EXPECT_EQ(::send(client.get(), said.data(), said.size(), 0), static_cast<ssize_t>(said.size()));
    return client;
  }
  static void expect_end(const UniqueFd& client) {
    char answer[256];
    ssize_t received = 0;
    while ((received = ::recv(client.get(), answer, sizeof answer, 0)) > 0) {
    }
    EXPECT_TRUE(received == 0 || errno == ECONNRESET) << "the connection is over";
  }
  TemporaryDirectory directory;
  const std::string path = directory / "s.sock";
  zmq::context_t context;
  zmq::socket_t router{context, zmq::socket_type::router};
  zmq::socket_t first{context, zmq::socket_type::dealer};
  zmq::socket_t second{context, zmq::socket_type::dealer};
};

// Without the guard libzmq stops the process here: the next id that it gives is taken.
TEST_F(ZmtpGuard, AnIdThatIsToBeGivenNextIsNotTakenBefore) {
  const std::string given = routing_id_of_one_more(first);
  ASSERT_EQ(given.size(), 5u);
  std::string next = given;
  for (std::size_t i = next.size(); i-- > 1 && ++next[i] == 0;) {
  }
  const std::uint64_t refused_before = connections_refused();
  for (const std::string& claimed : {next, given}) expect_end(say(greeting + frame(ready(claimed))));
  EXPECT_EQ(connections_refused(), refused_before + 2);
  EXPECT_EQ(refused_process(), ::getpid());
  EXPECT_EQ(routing_id_of_one_more(second), next);
}

// And here: it answers a PING, which it reads only now, to one that has gone.
TEST_F(ZmtpGuard, APingBehindAFullQueueIsNotAnsweredToOneThatHasGone) {
  std::string much = greeting + frame(ready(""));
  for (int i = 0; i < 400; ++i) much += message;
  const std::uint64_t refused_before = connections_refused();
  for (int i = 0; i < 10; ++i) {
    say(much + ping + ping + ping);
    routing_id_of_one_more(i % 2 == 0 ? first : second);
  }
  EXPECT_GT(connections_refused(), refused_before);
}

TEST_F(ZmtpGuard, WhoComesNextAtADescriptorBeginsAnew) {
  for (int i = 0; i < 3; ++i) {
    { const UniqueFd gone = say(greeting.substr(0, 20)); }
    zmq::socket_t honest{context, zmq::socket_type::dealer};
    EXPECT_FALSE(routing_id_of_one_more(honest).empty());
  }
}

}  // namespace
}  // namespace vsync::daemon
