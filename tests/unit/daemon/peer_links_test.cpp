#include "daemon/peer_links.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "daemon/start_error.hpp"
#include "daemon/unique_fd.hpp"
#include "temporary_directory.hpp"
#include "wire/peer.hpp"

namespace vsync::daemon {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using protocol::LinkState;

// A port that was free a moment ago. With `listening` somebody listens on it, but never speaks: a stopped process.
struct Port {
  UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t number = 0;
  explicit Port(bool listening = false) {
    sockaddr_in own = address();
    socklen_t size = sizeof own;
    EXPECT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&own), size), 0);
    EXPECT_TRUE(!listening || listen(socket.get(), 16) == 0);
    getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size);
    number = ntohs(own.sin_port);
    if (!listening) socket = UniqueFd();
  }
  [[nodiscard]] sockaddr_in address() const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(number);
    return address;
  }
  [[nodiscard]] std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(number); }
};

// A network between who connects to it and `port`: as long as it turns, bytes get through; after that it is silent.
struct Network {
  Port entrance{true};
  const Port& exit;
  std::vector<std::pair<UniqueFd, UniqueFd>> connections;
  bool garbles = false;  // what comes back from `exit` now has a wrong bit: what the encryption finds

  explicit Network(const Port& port) : exit(port) {}
  [[nodiscard]] std::string endpoint() const { return entrance.endpoint(); }
  void turn() {
    pollfd waiting{entrance.socket.get(), POLLIN, 0};
    while (poll(&waiting, 1, 0) == 1) {
      UniqueFd inside(accept4(entrance.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
      UniqueFd outside(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_in address = exit.address();
      if (connect(outside.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
      connections.emplace_back(std::move(inside), std::move(outside));
    }
    std::erase_if(connections, [this](auto& ends) { return !carry(ends.first, ends.second) || !carry(ends.second, ends.first, true); });
  }
  // False: the connection has ended.
  bool carry(UniqueFd& from, UniqueFd& to, bool back = false) {
    std::array<std::byte, 1 << 16> bytes;
    const ssize_t got = recv(from.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN;
    if (got > 0 && back && garbles) bytes[static_cast<std::size_t>(got) - 1] ^= std::byte{1};
    return got > 0 && ::send(to.get(), bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
  }
};

struct Keys {
  KeyPair pair;
  std::string file;
  Keys(const TemporaryDirectory& directory, const std::string& name) {
    write_key_pair(directory / name);
    file = directory / name + "/secret.key";
    pair = read_secret_key(file, "");
  }
};

// Outlives what it runs, and takes the last callbacks of it.
struct Loop : uv_loop_t {
  Loop() { uv_loop_init(this); }
  ~Loop() {
    uv_run(this, UV_RUN_DEFAULT);
    uv_loop_close(this);
  }
};

struct Node {
  Loop loop;
  Counters counters;
  Log log{Severity::error};
  std::vector<LinkChange> changes;
  std::vector<protocol::Frame> frames;
  std::unique_ptr<zmq::context_t> context = std::make_unique<zmq::context_t>();
  std::unique_ptr<PeerLinks> links;

  explicit Node(const Configuration& configuration) {
    links = std::make_unique<PeerLinks>(&loop, *context, configuration, counters, log);
  }
  ~Node() { stop(); }
  void stop() {
    links.reset();
    context.reset();
  }
  void turn() {
    uv_run(&loop, UV_RUN_NOWAIT);
    if (!links) return;
    (void)links->pending();
    links->observe(changes);
    links->receive([this](const protocol::Frame& frame) { frames.push_back(frame); });
    links->flush();
  }
  [[nodiscard]] bool saw(const std::string& peer, LinkState state) const {
    return std::any_of(changes.begin(), changes.end(), [&](const auto& c) { return c.peer == peer && c.state == state; });
  }
  void send(const std::string& from, const std::string& to, std::int64_t nonce) {
    auto frame = std::make_shared<protocol::Frame>();
    frame->from = {from, {1, 1}};
    frame->to = {to, {}};
    frame->body = protocol::Heartbeat{.nonce = nonce};
    const protocol::Outgoing outgoing{to, frame, false};
    links->send({&outgoing, 1});
  }
};

template <class Condition>
bool wait_for(std::vector<Node*> nodes, Condition condition, Clock::duration within = 5s) {
  for (const auto until = Clock::now() + within; Clock::now() < until;) {
    for (Node* node : nodes) node->turn();
    if (condition()) return true;
    std::this_thread::sleep_for(200us);
  }
  return false;
}

struct PeerLinksTest : ::testing::Test {
  TemporaryDirectory directory;
  Port port_a, port_b;
  Keys key_a{directory, "a"}, key_b{directory, "b"}, key_c{directory, "c"};

  Configuration configuration(const std::string& node, const Keys& keys, const Port& port, const std::vector<PeerConfiguration>& peers) {
    Configuration c;
    c.node = node;
    c.listen = port.endpoint();
    c.security = "curve";
    c.secret_key_file = keys.file;
    c.peers = peers;
    return c;
  }
  PeerConfiguration peer_a() { return {"a", {port_a.endpoint()}, key_a.pair.public_key}; }
  PeerConfiguration peer_b() { return {"b", {port_b.endpoint()}, key_b.pair.public_key}; }
};

TEST_F(PeerLinksTest, FramesGoBothWaysOverAnAuthenticatedLink) {
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  Node b(configuration("b", key_b, port_b, {peer_a()}));
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up) && b.saw("a", LinkState::up); }));
  a.send("a", "b", 7);
  b.send("b", "a", 8);
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return !a.frames.empty() && !b.frames.empty(); }));
  EXPECT_EQ(std::get<protocol::Heartbeat>(b.frames[0].body).nonce, 7);
  EXPECT_EQ(a.frames[0].from.name, "b");
}

TEST_F(PeerLinksTest, APayloadArrivesAsItWasAndIsSharedByItsReceivers) {
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  Node b(configuration("b", key_b, port_b, {peer_a()}));
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up); }));
  std::vector<std::byte> bytes(100'000, std::byte{42});
  protocol::Chunk chunk;
  chunk.first = {1};
  chunk.count = 3;
  chunk.session = {1, 1};
  chunk.first_n = 1;
  chunk.payload = protocol::Payload(bytes);
  auto frame = std::make_shared<protocol::Frame>();
  frame->cluster = {1, 1};
  frame->from = {"a", {1, 1}};
  frame->body = protocol::Data{{{1, 1}, 1}, {}, {}, {chunk}};
  const protocol::Outgoing outgoing{"b", frame, true};
  ASSERT_TRUE(wait_for({&a, &b}, [&] {
    if (b.frames.empty() && a.counters.frames_sent == 0) a.links->send({&outgoing, 1});
    return !b.frames.empty();
  }));
  const auto& data = std::get<protocol::Data>(b.frames[0].body);
  ASSERT_EQ(data.chunks.size(), 1u);
  EXPECT_THAT(data.chunks[0].payload.bytes(), ::testing::ElementsAreArray(bytes));
}

TEST_F(PeerLinksTest, AnUnknownKeyGetsNoConnectionAndIsCounted) {
  PeerConfiguration impostor = peer_a();
  impostor.public_key = key_c.pair.public_key;  // b trusts c's key under a's name, and a has its own
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  Node b(configuration("b", key_b, port_b, {impostor}));
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return b.counters.peers_refused > 0; }));
  a.send("a", "b", 7);
  EXPECT_FALSE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up) || !b.frames.empty(); }, 300ms));
}

TEST_F(PeerLinksTest, AFrameMustNameTheNodeOfItsKey) {
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  Node b(configuration("b", key_b, port_b, {peer_a(), {"c", {"tcp://127.0.0.1:9"}, key_c.pair.public_key}}));
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up); }));
  a.send("c", "b", 7);
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return b.counters.frames_impersonated == 1; }));
  EXPECT_TRUE(b.frames.empty());
}

TEST_F(PeerLinksTest, MalformedFramesAreDroppedAndCounted) {
  Configuration open = configuration("b", key_b, port_b, {peer_a()});
  open.security = "none";
  Node b(open);
  zmq::context_t context;
  zmq::socket_t raw(context, zmq::socket_type::push);
  raw.set(zmq::sockopt::linger, 0);
  raw.connect(port_b.endpoint());
  raw.send(zmq::str_buffer("one part"), zmq::send_flags::none);
  raw.send(zmq::str_buffer("no"), zmq::send_flags::sndmore);
  raw.send(zmq::str_buffer("frame"), zmq::send_flags::none);
  for (int i = 0; i < 50; ++i) raw.send(zmq::str_buffer("part"), i < 49 ? zmq::send_flags::sndmore : zmq::send_flags::none);
  ASSERT_TRUE(wait_for({&b}, [&] { return b.counters.frames_malformed == 3; }));
  EXPECT_TRUE(b.frames.empty());
}

TEST_F(PeerLinksTest, AnotherAddressIsUsedOnceItWorksAndTheFormerUntilThen) {
  const Port closed;
  const Configuration before = configuration("a", key_a, port_a, {peer_b()});
  Node a(before);
  Node b(configuration("b", key_b, port_b, {peer_a()}));
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up); }));
  const auto arrives = [&] {
    b.frames.clear();
    a.send("a", "b", 7);
    return wait_for({&a, &b}, [&] { return !b.frames.empty(); });
  };
  a.links->reconfigure(configuration("a", key_a, port_a, {{"b", {closed.endpoint()}, key_b.pair.public_key}}));
  EXPECT_FALSE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::refused) || a.saw("b", LinkState::down); }, 1s));
  EXPECT_EQ(a.links->report().at(0).endpoint, port_b.endpoint());
  EXPECT_EQ(a.links->report().at(0).next, closed.endpoint());
  EXPECT_TRUE(arrives());

  Network network(port_b);
  a.links->reconfigure(configuration("a", key_a, port_a, {{"b", {network.endpoint()}, key_b.pair.public_key}}));
  ASSERT_TRUE(wait_for({&a, &b}, [&] {
    network.turn();
    return a.links->report().at(0).endpoint == network.endpoint();
  }));
  EXPECT_TRUE(a.links->report().at(0).up);
  EXPECT_EQ(a.links->report().at(0).next, "");
  EXPECT_FALSE(a.saw("b", LinkState::down));
  b.frames.clear();
  a.send("a", "b", 7);
  EXPECT_TRUE(wait_for({&a, &b}, [&] {
    network.turn();
    return !b.frames.empty();
  }));
  a.links->reconfigure(before);
  EXPECT_EQ(a.links->report().at(0).next, port_b.endpoint());
}

TEST_F(PeerLinksTest, APeerIsRefusedOnlyWhereNeitherItsFormerNorItsNewAddressHasAProcess) {
  const Port closed;
  const Port silent(true);
  for (const auto& [next, refused] : {std::pair{silent.endpoint(), false}, std::pair{closed.endpoint(), true}}) {
    Node a(configuration("a", key_a, port_a, {peer_b()}));
    auto b = std::make_unique<Node>(configuration("b", key_b, port_b, {peer_a()}));
    ASSERT_TRUE(wait_for({&a, b.get()}, [&] { return a.saw("b", LinkState::up); }));
    a.links->reconfigure(configuration("a", key_a, port_a, {{"b", {next}, key_b.pair.public_key}}));
    b->stop();
    EXPECT_EQ(wait_for({&a}, [&] { return a.saw("b", LinkState::refused); }, 1500ms), refused) << next;
  }
}

TEST_F(PeerLinksTest, APeerComesByItsFormerKeyUntilItIsReachedByItsNewOne) {
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  a.links->reconfigure(configuration("a", key_a, port_a, {{"b", {port_b.endpoint()}, key_c.pair.public_key}}));
  for (const Keys* keys : {&key_b, &key_c}) {
    Node b(configuration("b", *keys, port_b, {peer_a()}));
    EXPECT_TRUE(wait_for({&a, &b}, [&] { return b.saw("a", LinkState::up); }));
    if (keys == &key_b) continue;
    EXPECT_TRUE(wait_for({&a, &b}, [&] { return a.links->report().at(0).next.empty(); }));
  }
  Node former(configuration("b", key_b, port_b, {peer_a()}));
  EXPECT_TRUE(wait_for({&a, &former}, [&] { return a.counters.peers_refused > 0; }));
}

TEST_F(PeerLinksTest, APeerThatIsNamedNoMoreIsKeptAsLongAsItIsWanted) {
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  Node b(configuration("b", key_b, port_b, {peer_a()}));
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up) && b.saw("a", LinkState::up); }));
  a.links->reconfigure(configuration("a", key_a, port_a, {}));
  const std::vector<std::string> wanted{"b"};
  a.links->keep_only(wanted);
  b.send("b", "a", 7);
  EXPECT_TRUE(wait_for({&a, &b}, [&] { return !a.frames.empty(); }));

  a.links->keep_only({});
  EXPECT_THAT(a.links->report(), ::testing::IsEmpty());
  b.send("b", "a", 8);
  EXPECT_TRUE(wait_for({&a, &b}, [&] { return a.counters.frames_of_strangers == 1; })) << "its connection isn't gone";
  EXPECT_EQ(a.frames.size(), 1u);
}

TEST_F(PeerLinksTest, TheFirstPeersMakeItListen) {
  Node a(configuration("a", key_a, port_a, {}));
  EXPECT_FALSE(a.links->listening());
  a.turn();
  a.links->reconfigure(configuration("a", key_a, port_a, {peer_b()}));
  EXPECT_TRUE(a.links->listening());
  Node b(configuration("b", key_b, port_b, {peer_a()}));
  EXPECT_TRUE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up) && b.saw("a", LinkState::up); }));
}

TEST_F(PeerLinksTest, ADeadProcessIsRefusedAtOnce) {
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  auto b = std::make_unique<Node>(configuration("b", key_b, port_b, {peer_a()}));
  ASSERT_TRUE(wait_for({&a, b.get()}, [&] { return a.saw("b", LinkState::up); }));
  b->stop();
  const auto died = Clock::now();
  ASSERT_TRUE(wait_for({&a}, [&] { return a.saw("b", LinkState::refused); }));
  EXPECT_TRUE(a.saw("b", LinkState::down));
  EXPECT_LT(Clock::now() - died, 500ms);
}

TEST_F(PeerLinksTest, ASilentHostIsNeverRefused) {
  const Port silent(true);
  Node a(configuration("a", key_a, port_a, {{"b", {silent.endpoint()}, key_b.pair.public_key}}));
  EXPECT_FALSE(wait_for({&a}, [&] { return !a.changes.empty(); }, 1s));
}

TEST_F(PeerLinksTest, TheSecondAddressIsUsedWhereTheFirstIsNone) {
  const Port silent(true);
  const Port closed;
  for (const std::string& first : {silent.endpoint(), closed.endpoint()}) {
    Node a(configuration("a", key_a, port_a, {{"b", {first, port_b.endpoint()}, key_b.pair.public_key}}));
    Node b(configuration("b", key_b, port_b, {peer_a()}));
    ASSERT_TRUE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up); }, 5s)) << first;
    EXPECT_FALSE(a.saw("b", LinkState::refused)) << first;
    a.send("a", "b", 7);
    ASSERT_TRUE(wait_for({&a, &b}, [&] { return !b.frames.empty(); })) << first;
  }
}

TEST_F(PeerLinksTest, WhenTheFirstAddressFallsSilentTrafficGoesOnByTheSecondBeforeAnybodyIsSuspected) {
  Network first(port_b);
  Network second(port_b);
  Configuration two_networks =
      configuration("a", key_a, port_a, {{"b", {first.endpoint(), second.endpoint()}, key_b.pair.public_key}});
  two_networks.protocol.suspect_after_min = 3s;
  Node a(two_networks);
  Node b(configuration("b", key_b, port_b, {peer_a()}));
  const auto a_frame_arrives = [&](const auto& turn_networks) {
    b.frames.clear();
    return wait_for({&a, &b}, [&] {
      turn_networks();
      a.send("a", "b", 7);
      return !b.frames.empty();
    });
  };
  ASSERT_TRUE(a_frame_arrives([&] {
    first.turn();
    second.turn();
  }));
  EXPECT_TRUE(second.connections.empty()) << "one at a time";
  EXPECT_EQ(a.links->report().at(0).endpoint, first.endpoint());

  const auto cut = Clock::now();
  ASSERT_TRUE(wait_for({&a, &b}, [&] {
    second.turn();
    return !second.connections.empty();
  }));
  ASSERT_TRUE(a_frame_arrives([&] { second.turn(); }));
  EXPECT_LT(Clock::now() - cut, 3s);
  EXPECT_EQ(a.links->report().at(0).endpoint, second.endpoint());
  EXPECT_FALSE(a.saw("b", LinkState::refused));

  first.connections.clear();
  ASSERT_TRUE(wait_for({&a, &b}, [&] {
    first.turn();
    return !first.connections.empty();
  })) << "and back, when the second is silent";
  EXPECT_TRUE(a_frame_arrives([&] { first.turn(); }));
}

TEST_F(PeerLinksTest, ASwitchForgetsWhatTheLeftConnectionStillReports) {
  const Port closed;
  Node a(configuration("a", key_a, port_a, {{"b", {port_b.endpoint(), closed.endpoint()}, key_b.pair.public_key}}));
  auto b = std::make_unique<Node>(configuration("b", key_b, port_b, {peer_a()}));
  ASSERT_TRUE(wait_for({&a, b.get()}, [&] { return a.saw("b", LinkState::up); }));
  // While a's loop stands still, its connection is lost and comes back; then it learns of both at once.
  b.reset();
  b = std::make_unique<Node>(configuration("b", key_b, port_b, {peer_a()}));
  EXPECT_FALSE(wait_for({b.get()}, [] { return false; }, 500ms));
  EXPECT_TRUE(wait_for({&a, b.get()}, [&] {
    a.send("a", "b", 7);
    return !b->frames.empty();
  }));
}

TEST_F(PeerLinksTest, OnlyAllAddressesTogetherRefuse) {
  const Port closed;
  const Port silent(true);
  {
    Node a(configuration("a", key_a, port_a, {{"b", {closed.endpoint(), silent.endpoint()}, key_b.pair.public_key}}));
    EXPECT_FALSE(wait_for({&a}, [&] { return a.saw("b", LinkState::refused); }, 1s));
  }
  Node a(configuration("a", key_a, port_a, {{"b", {closed.endpoint(), port_b.endpoint()}, key_b.pair.public_key}}));
  EXPECT_TRUE(wait_for({&a}, [&] { return a.saw("b", LinkState::refused); }));
}

TEST_F(PeerLinksTest, ARestartedPeerComesUpAgain) {
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  auto b = std::make_unique<Node>(configuration("b", key_b, port_b, {peer_a()}));
  ASSERT_TRUE(wait_for({&a, b.get()}, [&] { return a.saw("b", LinkState::up); }));
  b.reset();
  ASSERT_TRUE(wait_for({&a}, [&] { return a.saw("b", LinkState::refused); }));
  a.changes.clear();
  b = std::make_unique<Node>(configuration("b", key_b, port_b, {peer_a()}));
  EXPECT_TRUE(wait_for({&a, b.get()}, [&] { return a.saw("b", LinkState::up); }));
}

TEST_F(PeerLinksTest, ALinkOnWhichTheEncryptionFoundAWrongBitComesUpAgainForHeartbeatsAndForPayload) {
  Network network(port_b);
  Configuration through = configuration("a", key_a, port_a, {{"b", {network.endpoint()}, key_b.pair.public_key}});
  through.protocol.suspect_after_min = 400ms;
  Node a(through);
  Node b(configuration("b", key_b, port_b, {peer_a()}));
  auto frame = std::make_shared<protocol::Frame>();
  frame->from = {"a", {1, 1}};
  frame->body = protocol::Heartbeat{.nonce = 7};
  const auto arrives = [&](bool bulk) {
    b.frames.clear();
    return wait_for({&a, &b}, [&] {
      network.turn();
      const protocol::Outgoing outgoing{"b", frame, bulk};
      a.links->send({&outgoing, 1});
      return !b.frames.empty();
    });
  };
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(arrives(false) && arrives(true)) << round;
    // The answers to ZeroMQ's heartbeats are all that comes back. Each connection gets one that is wrong, at least.
    network.garbles = true;
    wait_for({&a, &b}, [&] {
      network.turn();
      return false;
    }, 300ms);
    network.garbles = false;
  }
  EXPECT_TRUE(arrives(false));
  EXPECT_TRUE(arrives(true));
}

TEST_F(PeerLinksTest, WithoutALinkFramesAreDroppedAndNothingIsKept) {
  Node a(configuration("a", key_a, port_a, {peer_b()}));
  for (int i = 0; i < 1000; ++i) a.send("a", "b", i);
  EXPECT_EQ(a.counters.frames_dropped, 1000u);
}

TEST_F(PeerLinksTest, APeerThatReadsNothingNeverBlocksUsAndIsBounded) {
  Configuration small = configuration("a", key_a, port_a, {peer_b()});
  small.peer_queue_bytes_max = 1 << 20;
  Node a(small);
  Node b(configuration("b", key_b, port_b, {peer_a()}));
  ASSERT_TRUE(wait_for({&a, &b}, [&] { return a.saw("b", LinkState::up); }));
  // From here on b's loop stands still; its sockets' buffers and ZeroMQ's marks fill up.
  protocol::Chunk chunk;
  chunk.first = {1};
  chunk.count = 1;
  chunk.session = {1, 1};
  chunk.first_n = 1;
  chunk.payload = protocol::Payload(std::vector<std::byte>(1 << 16));
  auto frame = std::make_shared<protocol::Frame>();
  frame->cluster = {1, 1};
  frame->from = {"a", {1, 1}};
  frame->body = protocol::Data{{{1, 1}, 1}, {}, {}, {chunk}};
  const protocol::Outgoing outgoing{"b", frame, true};
  for (int i = 0; i < 20'000 && a.counters.frames_dropped == 0; ++i) {
    a.links->send({&outgoing, 1});
    a.links->flush();
  }
  EXPECT_GT(a.counters.frames_dropped, 0u);
  a.send("a", "b", 99);
  EXPECT_TRUE(wait_for({&a, &b}, [&] {
    return std::any_of(b.frames.begin(), b.frames.end(),
                       [](const auto& f) { return std::holds_alternative<protocol::Heartbeat>(f.body); });
  })) << "control frames have a link of their own";
}

TEST_F(PeerLinksTest, AnAddressInUseStopsTheStart) {
  const Port taken(true);
  try {
    Node a(configuration("a", key_a, taken, {peer_b()}));
    FAIL();
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::in_use);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("listen"));
  }
}

}  // namespace
}  // namespace vsync::daemon
