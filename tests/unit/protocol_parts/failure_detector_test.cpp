// Evidence about others: silence, refusals, echoes, incarnations, and one's own lateness.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/failure_detector.hpp"
#include "views.hpp"

namespace vsync::protocol::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

struct Detector : testing::Test {
  Detector() { config.suspect_after_min = 600ms; }
  void beat(TimePoint at, const NodeId& from, std::optional<TimePoint> echo = std::nullopt) {
    Frame frame;
    frame.from = from;
    Heartbeat heartbeat;
    heartbeat.nonce = ++nonce;
    if (echo) heartbeat.heard.push_back({self, echo->time_since_epoch().count(), false});
    detector.heard(at, from);
    detector.on_heartbeat(at, self, frame, heartbeat);
  }
  Config config;
  FailureDetector detector{config};
  const NodeId self = node("a");
  const NodeId b = node("b");
  const TimePoint t{100s};
  std::int64_t nonce = 0;
};

TEST_F(Detector, HearsNobodyItNeverHeard) { EXPECT_FALSE(detector.hears(t, b)); }

TEST_F(Detector, NoLongerHearsANodeSilentForItsTimeout) {
  beat(t, b);
  EXPECT_TRUE(detector.hears(t + 599ms, b));
  EXPECT_FALSE(detector.hears(t + 600ms, b));
}

TEST_F(Detector, AnyFrameIsASignOfLife) {
  beat(t, b);
  detector.heard(t + 500ms, b);
  EXPECT_TRUE(detector.hears(t + 1000ms, b));
}

TEST_F(Detector, SilenceIsRetractedByAFrame) {
  beat(t, b);
  ASSERT_FALSE(detector.hears(t + 1s, b));
  beat(t + 1s, b);
  EXPECT_TRUE(detector.hears(t + 1s, b));
}

TEST_F(Detector, TheTimeoutGrowsWithTheGapsUpToItsBound) {
  TimePoint at = t;
  beat(at, b);
  EXPECT_EQ(detector.timeout(*detector.find("b")), 600ms);
  for (int i = 0; i < 50; ++i) beat(at += i % 2 == 0 ? 50ms : 550ms, b);
  EXPECT_GT(detector.timeout(*detector.find("b")), 600ms);
  EXPECT_LE(detector.timeout(*detector.find("b")), config.suspect_after_max);
}

TEST_F(Detector, AGapBeyondTheTimeoutIsAFailureAndNoJitter) {
  beat(t, b);
  beat(t + 50ms, b);
  beat(t + 10s, b);
  EXPECT_EQ(detector.timeout(*detector.find("b")), 600ms);
}

// ---------------------------------------------------------------- who was late is itself

TEST_F(Detector, SilenceWhileThisNodeSleptIsNoEvidence) {
  detector.advance(t);
  beat(t, b);
  detector.advance(t + 10s);
  EXPECT_TRUE(detector.hears(t + 10s, b));
  detector.advance(t + 10s + 100ms);
  detector.advance(t + 10s + 200ms);
  EXPECT_TRUE(detector.hears(t + 10s + 400ms, b));
  EXPECT_FALSE(detector.hears(t + 10s + 700ms, b));
}

// ---------------------------------------------------------------- refusals

TEST_F(Detector, ARefusedConnectionMeansGone) {
  beat(t, b);
  EXPECT_FALSE(detector.gone(b));
  EXPECT_TRUE(detector.on_link(t + 1ms, "b", LinkState::refused));
  EXPECT_TRUE(detector.gone(b));
  EXPECT_FALSE(detector.hears(t + 1ms, b));
  EXPECT_TRUE(detector.report(t + 1ms).front().refused);
}

TEST_F(Detector, ARefusalStandsAgainstWhatWasSentBeforeIt) {
  beat(t, b);
  detector.on_link(t + 10ms, "b", LinkState::refused);
  beat(t + 11ms, b, t + 5ms);  // it echoes something older than the refusal
  EXPECT_TRUE(detector.refused(b));
}

TEST_F(Detector, ARefusalIsProvedWrongByAnEchoOfSomethingNewer) {
  beat(t, b);
  detector.on_link(t + 10ms, "b", LinkState::refused);
  beat(t + 30ms, b, t + 20ms);
  EXPECT_FALSE(detector.refused(b));
  EXPECT_TRUE(detector.hears(t + 30ms, b));
}

TEST_F(Detector, ALostLinkAloneIsNoEvidence) {
  beat(t, b);
  EXPECT_FALSE(detector.on_link(t, "b", LinkState::down));
  EXPECT_TRUE(detector.hears(t, b));
}

// ---------------------------------------------------------------- incarnations

TEST_F(Detector, AHigherIncarnationProvesTheFormerOneDead) {
  beat(t, b);
  EXPECT_TRUE(detector.heard(t + 1ms, node("b", 2)));
  EXPECT_TRUE(detector.gone(b));
  EXPECT_FALSE(detector.hears(t + 1ms, b));
  EXPECT_TRUE(detector.hears(t + 1ms, node("b", 2)));
}

TEST_F(Detector, AFrameOfAFormerIncarnationIsRefused) {
  detector.heard(t, node("b", 2));
  EXPECT_FALSE(detector.heard(t + 1ms, b));
  EXPECT_TRUE(detector.hears(t + 1ms, node("b", 2)));
}

TEST_F(Detector, AHostThatCountsFromOneAgainIsBelievedOnceTheFormerOneIsSilent) {
  detector.heard(t, node("b", 5));
  EXPECT_FALSE(detector.heard(t + 599ms, node("b", 1)));
  EXPECT_TRUE(detector.heard(t + 600ms, node("b", 1)));
  EXPECT_TRUE(detector.hears(t + 600ms, node("b", 1)));
}

// ---------------------------------------------------------------- echoes

TEST_F(Detector, AnEchoProvesThatItsSenderHeardUsSinceThatMoment) {
  beat(t, b, t - 10ms);
  EXPECT_TRUE(detector.heard_us_since(b, t - 10ms));
  EXPECT_FALSE(detector.heard_us_since(b, t - 9ms));
}

TEST_F(Detector, AnEchoOfAFormerIncarnationOfOursProvesNothing) {
  Frame frame;
  frame.from = b;
  Heartbeat heartbeat;
  heartbeat.nonce = 1;
  heartbeat.heard.push_back({node("a", 9), t.time_since_epoch().count(), false});
  detector.heard(t, b);
  detector.on_heartbeat(t, self, frame, heartbeat);
  EXPECT_FALSE(detector.heard_us_since(b, TimePoint{}));
}

TEST_F(Detector, AnOvertakenHeartbeatChangesNothing) {
  nonce = 5;
  beat(t, b, t - 1ms);
  nonce = 2;
  beat(t + 1ms, b, t);
  EXPECT_FALSE(detector.heard_us_since(b, t));
  EXPECT_EQ(detector.find("b")->nonce, 6);
}

TEST_F(Detector, ReportsThoseItHearsWithTheirNewestNonce) {
  beat(t, b);
  ASSERT_THAT(detector.report(t), SizeIs(1));
  EXPECT_EQ(detector.report(t).front().nonce, nonce);
  EXPECT_THAT(detector.report(t + 1s), IsEmpty());
}

}  // namespace
}  // namespace vsync::protocol::test
