#include "protocol/stability.hpp"

#include <algorithm>
#include <array>

#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"
#include "protocol/rank_set.hpp"

namespace vsync::protocol {

Stability::Stability(const View& view) : view_(&view), held_(view.size()) {}

void Stability::acknowledge(Rank member, Seq held) {
  if (held <= held_[member.value]) return;
  held_[member.value] = held;
  recompute();
}

void Stability::recompute() {
  // Ranks by what they hold, the most first: the uniform prefix is what the shortest sufficient head of this list holds.
  std::array<std::uint16_t, members_max> by_held{};
  std::size_t count = 0;
  Seq least{~std::uint64_t{0}};
  Seq least_loaded = least;
  for (std::uint16_t r = 0; r < view_->size(); ++r) {
    const Member& member = view_->members[r];
    if (!member.holds_payload()) continue;
    least = std::min(least, held_[r]);
    if (!member.loaded) continue;
    least_loaded = std::min(least_loaded, held_[r]);
    by_held[count++] = r;
  }
  std::sort(by_held.begin(), by_held.begin() + static_cast<std::ptrdiff_t>(count), [&](std::uint16_t a, std::uint16_t b) {
    return held_[a] != held_[b] ? held_[a] > held_[b] : a < b;
  });
  RankSet holders;
  Seq uniform;
  for (std::size_t i = 0; i < count; ++i) {
    holders.insert(Rank{by_held[i]});
    if (is_uniform_set(*view_, holders) || mutant(Mutant::uniform_at_one)) {
      uniform = held_[by_held[i]];
      break;
    }
  }
  uniform_ = std::max(uniform_, uniform);
  safe_ = mutant(Mutant::safe_at_uniform) ? uniform_ : std::max(safe_, least_loaded);
  stable_ = mutant(Mutant::stable_too_early) ? uniform_ : std::max(stable_, least);
}

}  // namespace vsync::protocol
