// Which publishes are unresolved, against a naive twin.

#include "client/publish_numbers.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace vsync::client {
namespace {

std::vector<Run> runs_of(const std::set<std::uint64_t>& numbers) {
  std::vector<Run> runs;
  for (const std::uint64_t n : numbers) {
    if (runs.empty() || runs.back().end() != n) runs.push_back({n, 0});
    ++runs.back().count;
  }
  return runs;
}

TEST(PublishNumbers, AgreeWithASetUnderRandomOutcomes) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    PublishNumbers numbers;
    std::set<std::uint64_t> unresolved;
    for (int step = 0; step < 60; ++step) {
      if (random() % 2 == 0) {
        for (std::uint64_t i = random() % 4; i > 0; --i) unresolved.insert(numbers.use());
        continue;
      }
      const client::Run run{1 + random() % 60, random() % 12};
      std::set<std::uint64_t> fresh;
      for (std::uint64_t n = run.first; n < run.end(); ++n) {
        if (unresolved.erase(n) != 0) fresh.insert(n);
      }
      ASSERT_EQ(numbers.resolve(run), runs_of(fresh));
      ASSERT_EQ(numbers.unresolved(), unresolved.size());
      ASSERT_EQ(numbers.unresolved_within({1, numbers.last()}), runs_of(unresolved));
      ASSERT_EQ(numbers.floor(), unresolved.empty() ? numbers.last() + 1 : *unresolved.begin());
    }
  }
}

TEST(PublishNumbers, SurviveOutcomesBeyondAllNumbers) {
  PublishNumbers numbers;
  numbers.use();
  EXPECT_TRUE(numbers.resolve({5, 100}).empty());
  EXPECT_EQ(numbers.resolve({1, ~std::uint64_t{0}}).size(), 1u);
}

}  // namespace
}  // namespace vsync::client
