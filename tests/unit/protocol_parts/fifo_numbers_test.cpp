#include <gtest/gtest.h>

#include "messages.hpp"
#include "protocol/fifo_numbers.hpp"

namespace vsync::protocol::test {
namespace {

constexpr SessionId session{0, 7};

Chunk of_session(std::uint64_t first_n, std::uint32_t count) {
  Chunk made = chunk(1, count);
  made.session = session;
  made.first_n = first_n;
  return made;
}

TEST(FifoNumbers, ARetryIsToldByTheHighestNumberHandedOut) {
  FifoNumbers numbers;
  EXPECT_EQ(numbers.handed_out(of_session(1, 3)), 0u);
  numbers.hand_out(of_session(1, 3));
  EXPECT_EQ(numbers.handed_out(of_session(2, 3)), 2u);
  EXPECT_EQ(numbers.handed_out(of_session(1, 2)), 2u);
  EXPECT_EQ(numbers.handed_out(of_session(4, 1)), 0u);
}

TEST(FifoNumbers, WhatTheOrderHasDeliveredCountsToo) {
  FifoNumbers numbers;
  EXPECT_EQ(numbers.handed_out(of_session(5, 3), 6), 2u);
}

TEST(FifoNumbers, WhatIsMissingBeforeAMessageIsTold) {
  FifoNumbers numbers;
  EXPECT_TRUE(numbers.follows(of_session(1, 1), 0));
  EXPECT_FALSE(numbers.follows(of_session(2, 1), 0));
  EXPECT_TRUE(numbers.follows(of_session(8, 2), 7));
  EXPECT_TRUE(numbers.follows(of_session(5, 9), 7)) << "a retry";
  numbers.hand_out(of_session(8, 2));
  EXPECT_TRUE(numbers.follows(of_session(10, 1), 7));
  EXPECT_FALSE(numbers.follows(of_session(11, 1), 7));
}

TEST(FifoNumbers, TheTableOfTheOrderTakesOverBehindTheSamePlace) {
  FifoNumbers numbers;
  numbers.hand_out(of_session(1, 5));
  numbers.delivered(session, 3);
  EXPECT_EQ(numbers.handed_out(of_session(1, 5)), 5u);
  numbers.delivered(session, 5);
  EXPECT_EQ(numbers.handed_out(of_session(1, 5)), 0u) << "is forgotten here";
}

TEST(FifoNumbers, ASessionThatMovedIsRememberedBeyondItsEnd) {
  FifoNumbers numbers;
  numbers.hand_out(of_session(1, 2));
  numbers.moved(session);
  numbers.ended(session, 4);
  EXPECT_TRUE(numbers.ended_after_a_move(session));
  EXPECT_EQ(numbers.handed_out(of_session(3, 3)), 2u);
  numbers.begun(session);
  EXPECT_FALSE(numbers.ended_after_a_move(session));
  EXPECT_EQ(numbers.handed_out(of_session(1, 1)), 0u);
}

TEST(FifoNumbers, OneThatStayedIsForgottenAtItsEnd) {
  FifoNumbers numbers;
  numbers.hand_out(of_session(1, 2));
  numbers.ended(session, 2);
  EXPECT_FALSE(numbers.ended_after_a_move(session));
  EXPECT_EQ(numbers.handed_out(of_session(1, 2)), 0u);
}

TEST(FifoNumbers, EndedSessionsAreBounded) {
  FifoNumbers numbers;
  for (std::uint64_t low = 1; low <= FifoNumbers::ended_max + 1; ++low) {
    numbers.moved({0, low});
    numbers.ended({0, low}, 1);
  }
  EXPECT_FALSE(numbers.ended_after_a_move({0, 1}));
  EXPECT_TRUE(numbers.ended_after_a_move({0, 2}));
  EXPECT_TRUE(numbers.ended_after_a_move({0, FifoNumbers::ended_max + 1}));
}

TEST(FifoNumbers, AfterAMoveTheTableOfTheOrderTakesNothingOver) {
  FifoNumbers numbers;
  numbers.hand_out(of_session(1, 2));
  numbers.moved(session);
  numbers.delivered(session, 2);
  EXPECT_EQ(numbers.handed_out(of_session(1, 2)), 2u);
  EXPECT_FALSE(numbers.ended_after_a_move(session)) << "it goes on elsewhere";
}

TEST(FifoNumbers, ASessionThatBeganAgainIsNotForgottenWithItsFormerEnd) {
  FifoNumbers numbers;
  numbers.moved(session);
  numbers.ended(session, 1);
  numbers.begun(session);
  numbers.hand_out(of_session(1, 2));
  for (std::uint64_t low = 100; low < 100 + FifoNumbers::ended_max; ++low) {
    numbers.moved({0, low});
    numbers.ended({0, low}, 1);
  }
  EXPECT_EQ(numbers.handed_out(of_session(1, 2)), 2u);
}

}  // namespace
}  // namespace vsync::protocol::test
