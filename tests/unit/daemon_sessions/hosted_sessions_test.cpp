// What a daemon's sessions ask of the engine, and tell of it, where that takes other daemons: one of whose acts a test decides.

#include "hosted_sessions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <variant>

#include "wire/limits.hpp"

namespace vsync::daemon::test {
namespace {

using namespace std::chrono_literals;
using protocol::Frame;

/// Applications "1", "2", ... at daemon b, which isn't the sequencer.
class AtB : public testing::Test {
 protected:
  explicit AtB(const std::vector<std::string>& names) : daemon(names, "b", SessionLimits{}) {
    daemon.wire.sent = [this](std::string_view route, const Parcel& parcel) {
      auto message = wire::decode_to_client({parcel.envelope.data<std::byte>(), parcel.envelope.size()});
      ASSERT_TRUE(message);
      told.emplace_back(std::string(route), std::move(*message));
    };
    daemon.turn();  // it knows that it is primary
  }
  void open(std::uint64_t id) { open({1, id}, std::to_string(id)); }
  void open(const wire::SessionSecret& secret, const std::string& route) {
    daemon.ask(route, wire::Open{
        .version = wire::local_version, .secret = secret, .application = "test", .last_n = 0, .last_position = {}});
  }
  void join(std::uint64_t id, const std::string& group) {
    daemon.ask(std::to_string(id), wire::Join{.request = 1, .group = group});
  }
  bool run_until(const std::function<bool()>& done, protocol::Duration within = 20s) {
    for (const auto until = daemon.cluster.now() + within; daemon.cluster.now() < until && !done();) daemon.pass(5ms);
    return done();
  }
  template <class Message>
  std::vector<Message> all() const {
    std::vector<Message> found;
    for (const auto& [route, message] : told) {
      if (const auto* wanted = std::get_if<Message>(&message)) found.push_back(*wanted);
    }
    return found;
  }

  std::vector<std::pair<std::string, wire::ToClient>> told;
  HostedSessions daemon;
};

struct RecordsUnderWay : AtB {
  RecordsUnderWay() : AtB({"a", "b", "c"}) {}
  std::size_t under_way() { return daemon.cluster.at("b").records_under_way(); }
};

// Each record may become a view that goes to every session; what the order makes deliverable at once must not take a daemon so long
// that the others miss it.
TEST_F(RecordsUnderWay, AreFewWhereSessionsAreMany) {
  constexpr std::size_t applications = 1100;
  constexpr std::size_t bound = 32;
  for (std::size_t id = 1; id <= applications; ++id) open(id);
  ASSERT_TRUE(run_until([&] { return all<wire::Welcome>().size() == applications; }));
  daemon.cluster.drop = [](const std::string&, const std::string& to, const Frame& frame) {
    return to == "b" && std::holds_alternative<protocol::Order>(frame.body);
  };
  // One group each: views of one group with so many members are what the load test is for.
  for (std::size_t id = 1; id <= applications; ++id) join(id, "g" + std::to_string(id));
  std::size_t most = 0;
  (void)run_until([&] { return most = std::max(most, under_way()), false; }, 200ms);
  EXPECT_EQ(most, bound);
  daemon.cluster.drop = nullptr;
  EXPECT_TRUE(run_until([&] { return most = std::max(most, under_way()), all<wire::Joined>().size() == applications; }));
  EXPECT_EQ(most, bound);
}

struct BeforeItsWelcome : AtB {
  BeforeItsWelcome() : AtB({"a", "b", "c"}) {}
  [[nodiscard]] std::size_t told_before_welcome() const {
    std::size_t count = 0;
    for (const auto& [route, message] : told) {
      if (std::holds_alternative<wire::Welcome>(message)) break;
      count += std::holds_alternative<wire::Error>(message) ? 0 : 1;
    }
    return count;
  }
};

struct WhoSpeaks : AtB {
  WhoSpeaks() : AtB({"a", "b", "c"}) {}
  std::vector<std::string> ended_with(wire::ErrorCode code) {
    std::vector<std::string> routes;
    for (const auto& [route, message] : told) {
      const auto* error = std::get_if<wire::Error>(&message);
      if (error != nullptr && error->code == code) routes.push_back(route);
    }
    return routes;
  }
};

TEST_F(WhoSpeaks, IsNoOperatorWhereTheKernelDoesNotSayWhoItIs) {
  daemon.wire.credentials.reset();
  open(1);
  ASSERT_TRUE(run_until([&] { return all<wire::Welcome>().size() == 1; }));
  daemon.ask("1", wire::Query{.request = 1, .what = wire::Query::What::discard, .group = {}});
  ASSERT_TRUE(run_until([&] { return !all<wire::Refused>().empty(); }));
  EXPECT_EQ(all<wire::Refused>().back().code, wire::ErrorCode::not_allowed);
}

// Everybody who reads what a session publishes knows its id.
TEST_F(WhoSpeaks, GoesOnWithASessionOnlyIfItKnowsItsSecret) {
  const wire::SessionSecret secret{1, 1};
  const protocol::SessionId id = wire::session_of(secret);
  const auto come = [&](const std::string& route, const wire::SessionSecret& said) {
    const std::size_t before = all<wire::Welcome>().size();
    open(said, route);
    ASSERT_TRUE(run_until([&] { return all<wire::Welcome>().size() > before; }, 1s)) << route;
  };
  come("owner", secret);
  come("thief", {id.high, id.low});
  EXPECT_THAT(ended_with(wire::ErrorCode::session_moved), testing::IsEmpty()) << "its owner notices nothing";
  EXPECT_EQ(daemon.session_count(), 2u) << "what it was given is a session of its own";
  come("owner again", secret);
  EXPECT_THAT(ended_with(wire::ErrorCode::session_moved), testing::ElementsAre("owner"));
}

// A library would take what comes before its welcome for a broken daemon. (A finding of the fuzzer: a join that a former connection had under
// way made the new one a member before it was welcome.)
TEST_F(BeforeItsWelcome, AnApplicationIsToldNothingAndAsksForNothing) {
  const auto asks = [&](const wire::ToDaemon& message, const std::vector<std::byte>& body = {}) {
    const std::size_t errors = all<wire::Error>().size();
    open(1);
    daemon.ask("1", message, body);
    const bool ended = run_until([&] { return all<wire::Error>().size() > errors; }, 1s);
    return ended ? std::optional(all<wire::Error>().back().code) : std::nullopt;
  };
  EXPECT_EQ(asks(wire::Join{.request = 1, .group = "g"}), wire::ErrorCode::not_open);
  EXPECT_EQ(asks(wire::Leave{1, "g"}), wire::ErrorCode::not_open);
  EXPECT_EQ(asks(wire::Publish{1, 1, protocol::Level::agreed, false, 1}, body_of("g", 1)), wire::ErrorCode::not_open);
  EXPECT_EQ(asks(wire::Received{}), wire::ErrorCode::not_open);
  EXPECT_EQ(asks(wire::JoinedAgain{}), wire::ErrorCode::not_open);
  EXPECT_EQ(told_before_welcome(), 0u);
  open(1);
  EXPECT_TRUE(run_until([&] { return !all<wire::Welcome>().empty(); }));
}

struct Parted : AtB {
  Parted() : AtB({"a", "b", "c", "d"}) {}
  protocol::Position publish(std::uint64_t n) {
    daemon.ask("1", wire::Publish{n, 1, protocol::Level::agreed, false, 1}, body_of("g", 1));
    EXPECT_TRUE(run_until([&] { return all<wire::Deliver>().size() == n; }));
    return all<wire::Deliver>().back().first;
  }
  protocol::test::Cluster& cluster = daemon.cluster;
};

// d has the first message only, and is forced to go on with that. a, b and c have both, and then b is left out; a and c end before it
// is back.
TEST_F(Parted, WhoComesBackToTheHistoryThatHasLessIsToldAllThatIsInVainThere) {
  open(1);
  ASSERT_TRUE(run_until([&] { return all<wire::Welcome>().size() == 1; }));
  join(1, "g");
  ASSERT_TRUE(run_until([&] { return all<wire::Joined>().size() == 1; }));
  const protocol::Position common = publish(1);
  for (const char* other : {"a", "b", "c"}) cluster.cut("d", other);
  const protocol::Position in_vain = publish(2);
  const auto d_is_blocked = [&] { return cluster.at("d").status().component == protocol::ComponentState::blocked; };
  ASSERT_TRUE(run_until([&] { return cluster.view("b").size() == 3 && d_is_blocked(); }));
  ASSERT_TRUE(cluster.tell("d", [](protocol::Engine& engine, protocol::TimePoint now) { return engine.force_primary(now); }));
  for (const char* other : {"a", "c"}) cluster.cut("b", other);
  ASSERT_TRUE(run_until([&] { return cluster.view("a").size() == 2 && cluster.view("d").size() == 1; }));
  const std::uint64_t life = cluster.at("b").self().incarnation.counter;
  cluster.heal();
  for (const char* other : {"a", "b", "c"}) cluster.cut("d", other);
  ASSERT_TRUE(run_until([&] { return cluster.at("b").self().incarnation.counter > life; }));
  ASSERT_THAT(all<wire::Resync>(), testing::IsEmpty());
  for (const char* other : {"a", "c"}) cluster.crash(other);
  cluster.heal();
  ASSERT_TRUE(run_until([&] { return !all<wire::Resync>().empty(); }));
  const wire::Resync resync = all<wire::Resync>().front();
  EXPECT_EQ(resync.last_common, common);
  ASSERT_TRUE(resync.orphaned);
  EXPECT_EQ(resync.orphaned->first, in_vain);
  EXPECT_GE(resync.orphaned->second, in_vain);
}

}  // namespace
}  // namespace vsync::daemon::test
