#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <optional>
#include <set>

#include "equal.hpp"
#include "protocol/engine.hpp"
#include "wire/log_file.hpp"
#include "wire/peer.hpp"

// The checks of the decoder and the habits of the engine were written apart: what engines say must pass, and come out the same.

namespace vsync::wire {
namespace {

using namespace std::chrono_literals;
using protocol::Engine;
using protocol::Frame;

/// Engines in one process whose frames and writes all pass through the codec.
class Cluster {
 public:
  explicit Cluster(std::vector<std::string> names) : names_(std::move(names)) {
    for (const std::string& name : names_) start(name);
  }

  void start(const std::string& name) {
    protocol::Config config;
    for (const std::string& peer : names_) {
      if (peer != name) config.peers.push_back(peer);
    }
    Disk& disk = disks_[name];
    if (disk.log.empty()) append(LogFileHead{.number = 1, .oldest = 1, .key = 5}, disk.log);
    const LogFile log = decode_log_file(protocol::Payload(disk.log));
    ASSERT_EQ(log.end, LogFileEnd::clean) << log.why;
    protocol::Restored restored{disk.state, {}};
    for (const FoundRecord& found : log.records) restored.log.push_back(found.record);
    ++disk.state.incarnation_counter;
    engines_.emplace(name, Engine({name, {disk.state.incarnation_counter, 7}}, config, std::move(restored), 1));
    engines_.at(name).start(now_);
    for (const std::string& peer : names_) {
      if (peer == name || !engines_.contains(peer)) continue;
      engines_.at(name).on_link(now_, peer, protocol::LinkState::up);
      engines_.at(peer).on_link(now_, name, protocol::LinkState::up);
    }
    settle();
  }

  void kill(const std::string& name) {
    engines_.erase(name);
    for (auto& [peer, engine] : engines_) engine.on_link(now_, name, protocol::LinkState::refused);
    settle();
  }

  /// Lets time pass; `between` runs at every step.
  template <class Between>
  void run(protocol::Duration duration, const Between& between) {
    const protocol::TimePoint end = now_ + duration;
    while (now_ < end) {
      now_ += 5ms;
      for (auto& [name, engine] : engines_) engine.on_tick(now_);
      between();
      settle();
    }
  }
  void run(protocol::Duration duration) {
    run(duration, [] {});
  }

  Engine& at(const std::string& name) { return engines_.at(name); }
  [[nodiscard]] protocol::TimePoint now() const { return now_; }
  [[nodiscard]] const std::set<std::size_t>& kinds() const { return kinds_; }
  bool lossy = false;

 private:
  void settle() {
    do {
      for (auto& [name, engine] : engines_) drain(name, engine);
      std::deque<std::pair<std::string, Frame>> arrived;
      arrived.swap(under_way_);
      for (auto& [to, frame] : arrived) {
        if (engines_.contains(to)) engines_.at(to).on_frame(now_, frame);
      }
    } while (!under_way_.empty());
    for (auto& [name, engine] : engines_) drain(name, engine);
  }

  void drain(const std::string& name, Engine& engine) {
    engine.drain(outbox_);
    for (const protocol::Outgoing& outgoing : outbox_.frames) {
      if (lossy && ++sent_ % 7 == 0) continue;
      if (auto frame = passed_on(*outgoing.frame)) under_way_.emplace_back(outgoing.to, std::move(*frame));
    }
    for (const protocol::Write& write : std::vector(outbox_.writes)) {
      bytes_.clear();
      LogAppender appender(5, disks_[name].log.size(), bytes_);
      for (const protocol::LogRecord& record : write.log) appender.append(record);
      disks_[name].log.insert(disks_[name].log.end(), bytes_.begin(), bytes_.end());
      if (write.state) persist(name, *write.state);
      engine.on_persisted(now_, write.token);
    }
  }

  std::optional<Frame> passed_on(const Frame& frame) {
    kinds_.insert(frame.body.index());
    encode(frame, bytes_);
    auto decoded = decode_frame(bytes_, body_of(frame));
    EXPECT_TRUE(decoded) << "kind " << frame.body.index() << ": " << decoded.error().what;
    if (!decoded) return std::nullopt;
    EXPECT_TRUE(test::equal(*decoded, frame)) << "kind " << frame.body.index();
    return std::move(*decoded);
  }

  void persist(const std::string& name, const protocol::PersistentState& state) {
    encode(state, bytes_);
    const auto decoded = decode_persistent(bytes_);
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(*decoded, state);
    disks_[name].state = *decoded;
  }

  std::vector<std::string> names_;
  std::map<std::string, Engine> engines_;
  struct Disk {
    protocol::PersistentState state;
    std::vector<std::byte> log;
  };
  std::map<std::string, Disk> disks_;
  std::deque<std::pair<std::string, Frame>> under_way_;
  std::set<std::size_t> kinds_;
  protocol::TimePoint now_{1h};
  protocol::Outbox outbox_;
  std::vector<std::byte> bytes_;
  std::uint64_t sent_ = 0;
};

template <class T, std::size_t I = 0>
constexpr std::size_t kind_of() {
  if constexpr (std::is_same_v<std::variant_alternative_t<I, protocol::Body>, T>) {
    return I;
  } else {
    return kind_of<T, I + 1>();
  }
}

TEST(EngineFrames, PassTheChecksAndComeOutTheSame) {
  Cluster cluster({"a", "b", "c"});
  cluster.run(3s);
  ASSERT_EQ(cluster.at("a").status().component, protocol::ComponentState::primary);

  const protocol::SessionId session{1, 1};
  ASSERT_TRUE(cluster.at("a").submit(cluster.now(), {protocol::OpenSession{.session = session, .node = cluster.at("a").self()},
                                                     protocol::JoinGroup{.session = session, .group = "stocks.>"}}));
  std::uint64_t n = 1;
  const auto publish = [&] {
    const protocol::Payload payload(std::vector<std::byte>(100));
    if (cluster.at("a").publish(cluster.now(), session, n, 3, {0}, n % 2 == 0 ? protocol::Level::safe : protocol::Level::durable, payload)) n += 3;
  };
  cluster.lossy = true;
  cluster.run(1s, publish);
  cluster.lossy = false;
  cluster.kill("b");
  cluster.run(2s, publish);
  cluster.start("b");
  cluster.run(4s, publish);
  cluster.at("c").leave(cluster.now());
  cluster.run(2s, publish);

  EXPECT_GT(n, 1000u);
  EXPECT_EQ(cluster.at("a").durable_log().last({}), cluster.at("b").durable_log().last({}));
  EXPECT_GT(cluster.at("b").durable_log().entries({}).size(), 300u);
  using namespace protocol;
  for (const std::size_t kind : {kind_of<Heartbeat>(), kind_of<Data>(), kind_of<Order>(), kind_of<Ack>(), kind_of<FetchData>(),
                                 kind_of<FetchOrder>(), kind_of<Prepare>(), kind_of<Answer>(), kind_of<Gather>(), kind_of<Gathered>(),
                                 kind_of<Accept>(), kind_of<AcceptedBallot>(), kind_of<Decided>(), kind_of<Form>(), kind_of<Formed>(),
                                 kind_of<Snapshot>(), kind_of<FetchLog>(), kind_of<LogPart>()}) {
    EXPECT_TRUE(cluster.kinds().contains(kind)) << "no frame of kind " << kind << " was sent";
  }
}

}  // namespace
}  // namespace vsync::wire
