#pragma once
// Small views for the tests of the primary rule, and loops over all of them.

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/primary.hpp"

namespace vsync::protocol::test {

inline constexpr Rank rank(std::size_t value) { return Rank{static_cast<std::uint16_t>(value)}; }

/// Members a, b, .. z, aa, bb, .. with these weights, all of them loaded; a breaks ties.
inline View view_of(const std::vector<std::uint32_t>& weights) {
  View view;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Member member;
    member.node.name.assign(i / 26 + 1, static_cast<char>('a' + i % 26));
    member.weight = weights[i];
    view.members.push_back(member);
  }
  return view;
}

/// Members outside `holders` become witnesses or learners that aren't loaded, in turn.
inline void set_holders(View& view, std::uint64_t holders) {
  for (std::size_t i = 0; i < view.size(); ++i) {
    const bool holds = (holders >> i & 1) != 0;
    view.members[i].witness = !holds && i % 2 == 0;
    view.members[i].loaded = holds || i % 2 == 0;
  }
}

/// Calls `use(view)` with every view of `n` members of weights 0 .. `weight_max`, every tie-breaker, every set of holders.
template <class Use>
void for_each_view(std::size_t n, std::uint32_t weight_max, Use use) {
  std::vector<std::uint32_t> weights(n, 0);
  for (bool more = true; more;) {
    View view = view_of(weights);
    for (std::uint64_t holders = 0; holders < (std::uint64_t{1} << n); ++holders) {
      set_holders(view, holders);
      for (std::size_t tie_breaker = 0; tie_breaker < n; ++tie_breaker) {
        view.tie_breaker = rank(tie_breaker);
        use(view);
      }
    }
    std::size_t digit = 0;
    while (digit < n && weights[digit] == weight_max) weights[digit++] = 0;
    more = digit < n;
    if (more) ++weights[digit];
  }
}

/// Calls `use(set)` with every subset of n ranks.
template <class Use>
void for_each_set(std::size_t n, Use use) {
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << n); ++bits) use(RankSet::from_bits(bits));
}

}  // namespace vsync::protocol::test
