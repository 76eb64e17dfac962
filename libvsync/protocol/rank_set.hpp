#pragma once
// RankSet: a set of members of one view, as one word. The primary rule and the ballots count such sets all the time.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>

#include "protocol/assert.hpp"
#include "protocol/ids.hpp"

namespace vsync::protocol {

/// A view has no more members than this.
inline constexpr std::size_t members_max = 64;

class RankSet {
 public:
  /// Visits the members in order of rank. Holds its own copy of the set.
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Rank;
    using difference_type = std::ptrdiff_t;
    using pointer = const Rank*;
    using reference = Rank;
    constexpr Iterator() = default;
    constexpr explicit Iterator(std::uint64_t rest) : rest_(rest) {}
    constexpr Rank operator*() const { return Rank{static_cast<std::uint16_t>(std::countr_zero(rest_))}; }
    constexpr Iterator& operator++() { rest_ &= rest_ - 1; return *this; }
    constexpr Iterator operator++(int) { Iterator before = *this; ++*this; return before; }
    constexpr bool operator==(const Iterator&) const = default;

   private:
    std::uint64_t rest_ = 0;
  };

  constexpr RankSet() = default;
  constexpr RankSet(std::initializer_list<Rank> ranks) {
    for (Rank rank : ranks) insert(rank);
  }
  /// The `n` most senior ranks.
  static constexpr RankSet first_n(std::size_t n) {
    VSYNC_ASSERT(n <= members_max);
    return from_bits(n == members_max ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1);
  }
  /// Bit i stands for rank i.
  static constexpr RankSet from_bits(std::uint64_t bits) {
    RankSet set;
    set.bits_ = bits;
    return set;
  }
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }

  constexpr void insert(Rank rank) {
    VSYNC_ASSERT(rank.value < members_max);
    bits_ |= bit(rank);
  }
  constexpr void erase(Rank rank) { bits_ &= ~bit(rank); }
  constexpr void clear() { bits_ = 0; }

  [[nodiscard]] constexpr bool contains(Rank rank) const { return (bits_ & bit(rank)) != 0; }
  [[nodiscard]] constexpr bool contains(RankSet other) const { return (other.bits_ & ~bits_) == 0; }
  [[nodiscard]] constexpr bool intersects(RankSet other) const { return (bits_ & other.bits_) != 0; }
  [[nodiscard]] constexpr std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  /// The most senior member; the set isn't empty.
  [[nodiscard]] constexpr Rank front() const {
    VSYNC_ASSERT(!empty());
    return *begin();
  }

  [[nodiscard]] constexpr RankSet operator|(RankSet other) const { return from_bits(bits_ | other.bits_); }
  [[nodiscard]] constexpr RankSet operator&(RankSet other) const { return from_bits(bits_ & other.bits_); }
  [[nodiscard]] constexpr RankSet minus(RankSet other) const { return from_bits(bits_ & ~other.bits_); }
  constexpr RankSet& operator|=(RankSet other) { bits_ |= other.bits_; return *this; }
  constexpr RankSet& operator&=(RankSet other) { bits_ &= other.bits_; return *this; }
  constexpr bool operator==(const RankSet&) const = default;

  [[nodiscard]] constexpr Iterator begin() const { return Iterator(bits_); }
  [[nodiscard]] constexpr Iterator end() const { return Iterator(); }

 private:
  static constexpr std::uint64_t bit(Rank rank) {
    return rank.value < members_max ? std::uint64_t{1} << rank.value : 0;
  }
  std::uint64_t bits_ = 0;
};

}  // namespace vsync::protocol
