#pragma once
// Random: the only source of chance of a simulated run. Own arithmetic instead of std::random's distributions, whose results differ
// between libraries: a seed must mean the same run everywhere. (xoshiro256**, Blackman and Vigna, 2018; seeded by splitmix64.)

#include <array>
#include <cstdint>

#include "protocol/ids.hpp"

namespace vsync::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
      word = mixed ^ (mixed >> 31);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

  /// 0 .. n - 1. The bias of the remainder is of no matter here.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  /// Both ends included.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  protocol::Duration between(protocol::Duration low, protocol::Duration high) {
    return low + protocol::Duration(static_cast<std::int64_t>(below(static_cast<std::uint64_t>((high - low).count()) + 1)));
  }
  bool chance(std::uint32_t permille) { return below(1000) < permille; }
  /// A generator whose results don't depend on how often this one is asked later.
  Random fork() { return Random(next()); }

 private:
  static std::uint64_t rotate(std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace vsync::simulation
