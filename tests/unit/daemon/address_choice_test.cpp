#include "daemon/address_choice.hpp"

#include <gmock/gmock.h>

#include <string>

namespace vsync::daemon {
namespace {

// The addresses in use at so many failures in a row.
std::string tried(AddressChoice& choice, int failures) {
  std::string order;
  for (int i = 0; i < failures; ++i) {
    order += std::to_string(choice.current());
    (void)choice.failed();
  }
  return order;
}

TEST(AddressChoice, BeginsWithTheFirst) { EXPECT_EQ(AddressChoice(2).current(), 0u); }

TEST(AddressChoice, ALostConnectionIsFollowedByTheOtherAddress) {
  AddressChoice choice(2);
  choice.connected();
  EXPECT_TRUE(choice.lost());
  EXPECT_EQ(choice.current(), 1u);
  choice.connected();
  EXPECT_TRUE(choice.lost());
  EXPECT_EQ(choice.current(), 0u);
}

TEST(AddressChoice, AnAddressThatWorksIsKept) {
  AddressChoice choice(2);
  choice.connected();
  EXPECT_TRUE(choice.lost());
  choice.connected();
  EXPECT_EQ(choice.current(), 1u) << "also when the first one works again";
}

TEST(AddressChoice, FirstEachHasOneAttemptAndThenMore) {
  AddressChoice choice(2);
  EXPECT_EQ(tried(choice, 15), "011000011110000");
}

TEST(AddressChoice, AfterALossAndOneFailureTheLostAddressIsTriedAgain) {
  AddressChoice choice(2);
  (void)tried(choice, 9);
  choice.connected();
  const std::size_t lost = choice.current();
  EXPECT_TRUE(choice.lost());
  EXPECT_NE(choice.current(), lost);
  EXPECT_TRUE(choice.failed());
  EXPECT_EQ(choice.current(), lost);
}

TEST(AddressChoice, TheOnlyAddressIsNeverLeft) {
  AddressChoice choice(1);
  EXPECT_EQ(tried(choice, 20), std::string(20, '0'));
  choice.connected();
  EXPECT_FALSE(choice.lost());
  EXPECT_FALSE(choice.failed());
  EXPECT_EQ(choice.current(), 0u);
}

TEST(AddressChoice, OnlyAllAddressesTogetherRefuse) {
  AddressChoice choice(2);
  EXPECT_FALSE(choice.all_refuse());
  EXPECT_TRUE(choice.refused(1));
  EXPECT_FALSE(choice.refused(1)) << "known";
  EXPECT_FALSE(choice.all_refuse());
  EXPECT_TRUE(choice.refused(0));
  EXPECT_TRUE(choice.all_refuse());
}

TEST(AddressChoice, RefusalsBeforeTheLastConnectionSayNothing) {
  AddressChoice choice(2);
  (void)choice.refused(0);
  choice.connected();
  (void)choice.refused(1);
  EXPECT_FALSE(choice.all_refuse());
}

}  // namespace
}  // namespace vsync::daemon
