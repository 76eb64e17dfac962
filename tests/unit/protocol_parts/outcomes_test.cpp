// What a publisher is told, and when.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "messages.hpp"
#include "protocol/outcomes.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Position at(std::uint64_t seq) { return {{1, 11}, 5, Lane{}, Seq{seq}}; }

struct Told : testing::Test {
  void publish(std::uint64_t n, Level level = Level::agreed) {
    Chunk one = chunk(n);
    one.level = level;
    outcomes.published(one);
  }
  /// "n:outcome@position" of what confirming tells.
  std::vector<std::string> confirm(std::uint64_t uniform, std::uint64_t safe, std::uint64_t durable = 0) {
    std::vector<Event> events;
    outcomes.confirm({at(uniform), at(safe), at(durable)}, events);
    return text(events);
  }
  static std::vector<std::string> text(const std::vector<Event>& events) {
    std::vector<std::string> out;
    for (const Event& event : events) {
      const auto& told = std::get<Resolved>(event);
      const char* name = told.outcome == Outcome::ok ? "ok" : told.outcome == Outcome::unresolved ? "unresolved" : "expired";
      out.push_back(std::to_string(told.first_n) + ":" + name + "@" + std::to_string(told.first.seq.value));
    }
    return out;
  }
  Outcomes outcomes;
};

TEST_F(Told, NothingBeforeItIsUniform) {
  publish(1);
  EXPECT_THAT(confirm(9, 9), IsEmpty());  // it has no place yet
  outcomes.placed(at(4), at(4), true);
  EXPECT_THAT(confirm(3, 3), IsEmpty());
  EXPECT_THAT(confirm(4, 0), ElementsAre("1:ok@4"));
  EXPECT_TRUE(outcomes.empty());
}

TEST_F(Told, ASafePublishWaitsForAll) {
  publish(1, Level::safe);
  outcomes.placed(at(4), at(4), true);
  EXPECT_THAT(confirm(9, 3), IsEmpty());
  EXPECT_THAT(confirm(9, 4), ElementsAre("1:ok@4"));
}

TEST_F(Told, ADurablePublishWaitsForTheDisks) {
  publish(1, Level::durable);
  outcomes.placed(at(4), at(4), true);
  EXPECT_THAT(confirm(9, 9, 3), IsEmpty());
  EXPECT_THAT(confirm(9, 9, 4), ElementsAre("1:ok@4"));
}

TEST_F(Told, OutcomesComeInTheOrderOfPublishing) {
  publish(1, Level::safe);
  publish(2);
  outcomes.placed(at(4), at(4), true);
  outcomes.placed(at(5), at(5), true);
  EXPECT_THAT(confirm(9, 0), IsEmpty());
  EXPECT_THAT(confirm(9, 5), ElementsAre("1:ok@4", "2:ok@5"));
}

TEST_F(Told, ARetryIsOkWhereItsFirstCopyStandsOnceItselfIsConfirmed) {
  publish(1);
  outcomes.placed(at(8), at(2), true);
  EXPECT_THAT(confirm(7, 0), IsEmpty());
  EXPECT_THAT(confirm(8, 0), ElementsAre("1:ok@2"));
}

TEST_F(Told, APublishAfterTheEndOfItsSessionIsExpired) {
  publish(1);
  outcomes.placed(at(4), at(4), false);
  EXPECT_THAT(confirm(4, 0), ElementsAre("1:expired@4"));
}

TEST_F(Told, WhatAnExcludedNodeCannotKnowIsUnresolved) {
  publish(1);
  publish(2);
  outcomes.placed(at(4), at(4), true);
  std::vector<Event> events;
  outcomes.abandon(events);
  EXPECT_THAT(text(events), ElementsAre("1:unresolved@4", "2:unresolved@0"));
  EXPECT_TRUE(outcomes.empty());
}

}  // namespace
}  // namespace vsync::protocol::test
