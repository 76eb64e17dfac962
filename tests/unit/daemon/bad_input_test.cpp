// What a hostile or broken application can do to a live daemon: end its own session, and nothing else.

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cstring>
#include <ctime>
#include <random>

#include "daemon/unique_fd.hpp"
#include "live_daemon.hpp"

namespace vsync::daemon {
namespace {

using wire::ErrorCode;

struct BadInputTest : LiveDaemon {
  void SetUp() override {
    start();
    ASSERT_TRUE(honest.emplace(context_, configuration_.socket).open(500));
    ASSERT_TRUE(honest->join("honest"));
  }
  void TearDown() override {
    // Whatever happened, somebody else's session works.
    honest->send(wire::Publish{1, 1, protocol::Level::agreed, false, 1}, body_of("honest", 1));
    EXPECT_TRUE(honest->expect<wire::Deliver>());
    honest.reset();
    LiveDaemon::TearDown();
  }
  static zmq::message_t part(const std::string& text) { return {text.data(), text.size()}; }
  void expect_ended(Client& client, ErrorCode code) {
    const auto error = client.expect<wire::Error>();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, code) << error->text;
    client.send(wire::Query{1, wire::Query::What::status, ""});
    EXPECT_FALSE(client.expect<wire::QueryAnswer>(50ms)) << "the session is over";
  }
  std::optional<Client> honest;
};

TEST_F(BadInputTest, NothingGoesBeforeOpen) {
  Client client = connect();
  client.send(wire::Join{1, "g", wire::DeliverOn::order});
  const auto error = client.expect<wire::Error>();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::not_open);
}

TEST_F(BadInputTest, AnotherVersionIsRefused) {
  Client client = connect();
  wire::Open opening = client.opening(1);
  opening.version = 99;
  client.send(opening);
  EXPECT_EQ(client.expect<wire::Error>()->code, ErrorCode::unsupported_version);
}

TEST_F(BadInputTest, PartsAreExactlyTwo) {
  for (std::size_t count : {1u, 3u, 7u, 5000u}) {
    Client client = connect();
    ASSERT_TRUE(client.open(count));
    std::vector<zmq::message_t> parts;
    for (std::size_t i = 0; i < count; ++i) parts.push_back(part("x"));
    client.send_parts(std::move(parts));
    expect_ended(client, ErrorCode::malformed);
  }
}

TEST_F(BadInputTest, GarbageEndsTheSession) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  std::vector<zmq::message_t> parts;
  parts.push_back(part("garbage"));
  parts.push_back(part(""));
  client.send_parts(std::move(parts));
  expect_ended(client, ErrorCode::malformed);
}

TEST_F(BadInputTest, ABodyWhereNoneBelongsEndsTheSession) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  client.send(wire::GoodbyeRequest{}, body_of("g", 1));
  expect_ended(client, ErrorCode::malformed);
}

TEST_F(BadInputTest, BodiesMustBeWhatTheirEnvelopeSays) {
  const std::vector<std::byte> good = body_of("g", 2);
  std::vector<std::byte> cut(good.begin(), good.end() - 1);
  const std::pair<wire::Publish, std::vector<std::byte>> cases[] = {
      {{1, 3, protocol::Level::agreed, false, 1}, good},
      {{1, 1, protocol::Level::agreed, false, 1}, good},
      {{1, 2, protocol::Level::agreed, false, 2}, good},
      {{1, 2, protocol::Level::agreed, false, 1}, cut},
      {{1, 2, protocol::Level::agreed, false, 1}, {}},
  };
  std::uint64_t id = 1;
  for (const auto& [head, body] : cases) {
    Client client = connect();
    ASSERT_TRUE(client.open(id++));
    client.send(head, body);
    expect_ended(client, ErrorCode::malformed);
  }
}

TEST_F(BadInputTest, PublishNumbersMustGrow) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  client.send(wire::Publish{5, 1, protocol::Level::agreed, false, 1}, body_of("g", 1));
  client.send(wire::Publish{5, 1, protocol::Level::agreed, false, 1}, body_of("g", 1));
  expect_ended(client, ErrorCode::malformed);
}

TEST_F(BadInputTest, TakingMoreThanWasGivenEndsTheSession) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  client.send(wire::Received{1});
  expect_ended(client, ErrorCode::malformed);
}

TEST_F(BadInputTest, ASecondOpenEndsTheSession) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  client.send(client.opening(2));
  expect_ended(client, ErrorCode::malformed);
}

TEST_F(BadInputTest, AFrameBeyondTheBoundEndsTheConnection) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  std::vector<zmq::message_t> parts;
  parts.push_back(part("x"));
  parts.emplace_back(wire::batch_bytes_max + 1);
  client.send_parts(std::move(parts));
  client.send(wire::Query{1, wire::Query::What::status, ""});
  EXPECT_FALSE(client.expect<wire::QueryAnswer>(100ms));
}

TEST_F(BadInputTest, TenThousandMutationsOfSoundMessagesHarmNobody) {
  std::mt19937_64 random(20'000);
  std::vector<std::byte> sound[4];
  Client sample = connect();
  wire::encode(wire::ToDaemon(sample.opening(7)), sound[0]);
  wire::encode(wire::ToDaemon(wire::Join{1, "some.group", wire::DeliverOn::order}), sound[1]);
  wire::encode(wire::ToDaemon(wire::Publish{1, 2, protocol::Level::agreed, false, 1}), sound[2]);
  wire::encode(wire::ToDaemon(wire::Query{1, wire::Query::What::members, "some.group"}), sound[3]);
  const std::vector<std::byte> good = body_of("some.group", 2);
  std::optional<Client> client;
  for (int i = 0; i < 10'000; ++i) {
    if (i % 50 == 0) {
      client.emplace(context_, configuration_.socket);
      client->socket().set(zmq::sockopt::linger, 5000);  // all of it reaches the daemon
      client->send(client->opening(10'000 + static_cast<std::uint64_t>(i)));
    }
    std::vector<std::byte> envelope = sound[random() % 4];
    std::vector<std::byte> body = random() % 2 != 0 ? good : std::vector<std::byte>{};
    std::vector<std::byte>& victim = random() % 3 == 0 && !body.empty() ? body : envelope;
    for (std::size_t flips = 1 + random() % 4; flips > 0; --flips) victim[random() % victim.size()] ^= std::byte(1 << random() % 8);
    if (random() % 8 == 0) victim.resize(random() % victim.size());
    std::vector<zmq::message_t> parts;
    parts.emplace_back(envelope.data(), envelope.size());
    parts.emplace_back(body.data(), body.size());
    client->send_parts(std::move(parts));
  }
  client.reset();
  for (const auto until = std::chrono::steady_clock::now() + 10s;
       std::chrono::steady_clock::now() < until && counter("sessions_malformed") < 150;) {
  }
  EXPECT_GE(counter("sessions_malformed"), 150u) << "of 200 sessions; few get through 50 mutations";
}

// libzmq aborts its process when accept() finds no descriptor; anybody who may connect could use that.
TEST(Descriptors, ConnectionsWithoutEndAreTurnedAwayAndTheDaemonLives) {
  TemporaryDirectory directory;
  Configuration configuration;
  configuration.node = "solo";
  configuration.socket = directory / "s.sock";
  configuration.state_dir = directory / "state";
  configuration.log_level = Severity::error;
  const pid_t child = fork();
  if (child == 0) {
    const rlimit few{80, 80};
    setrlimit(RLIMIT_NOFILE, &few);
    _exit(static_cast<int>(run_daemon(configuration)));
  }
  zmq::context_t context;
  Client honest(context, configuration.socket);
  ASSERT_TRUE(honest.open(1));
  {
    std::vector<UniqueFd> crowd;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, configuration.socket.c_str(), sizeof address.sun_path - 1);
    for (int i = 0; i < 200; ++i) {
      crowd.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ASSERT_EQ(connect(crowd.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    honest.send(wire::Query{1, wire::Query::What::status, ""});
    EXPECT_TRUE(honest.expect<wire::QueryAnswer>()) << "who is connected works on";
    clockid_t clock{};
    ASSERT_EQ(clock_getcpuclockid(child, &clock), 0);
    const auto used = [&] {
      timespec time{};
      clock_gettime(clock, &time);
      return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    };
    const auto before = used();
    EXPECT_FALSE(honest.expect<wire::Gap>(300ms));
    EXPECT_LT(used() - before, 150ms) << "what can't be accepted doesn't keep a thread busy";
  }
  Client later(context, configuration.socket);
  EXPECT_TRUE(later.open(2)) << "and others connect again when the crowd has gone";
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace vsync::daemon
