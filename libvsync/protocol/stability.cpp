#include "protocol/stability.hpp"

#include <algorithm>
#include <array>

#include "protocol/mutant.hpp"
#include "protocol/primary.hpp"
#include "protocol/rank_set.hpp"

namespace vsync::protocol {

Stability::Stability(const View& view) : view_(&view), held_(view.size()), stored_(view.size()) {}

void Stability::acknowledge(Rank member, Seq held, Seq stored) {
  if (held <= held_[member.value] && stored <= stored_[member.value]) return;
  held_[member.value] = std::max(held_[member.value], held);
  stored_[member.value] = std::max(stored_[member.value], mutant(Mutant::durable_before_disk) ? held : stored);
  recompute();
}

// Ranks by how far they have come, the furthest first: the prefix that counts is what the shortest sufficient head of this list has.
Seq Stability::reached_by_uniform_set(const std::vector<Seq>& reached) const {
  std::array<std::uint16_t, members_max> by_reach{};
  std::size_t count = 0;
  for (const Rank rank : payload_holders(*view_)) by_reach[count++] = rank.value;
  std::sort(by_reach.begin(), by_reach.begin() + static_cast<std::ptrdiff_t>(count), [&](std::uint16_t a, std::uint16_t b) {
    return reached[a] != reached[b] ? reached[a] > reached[b] : a < b;
  });
  RankSet holders;
  for (std::size_t i = 0; i < count; ++i) {
    holders.insert(Rank{by_reach[i]});
    if (is_uniform_set(*view_, holders) || mutant(Mutant::uniform_at_one)) return reached[by_reach[i]];
  }
  return Seq{};
}

void Stability::recompute() {
  Seq least{~std::uint64_t{0}};
  Seq least_loaded = least;
  for (std::uint16_t r = 0; r < view_->size(); ++r) {
    const Member& member = view_->members[r];
    if (!member.holds_payload() && !mutant(Mutant::witness_must_hold)) continue;
    if (member.loaded || !mutant(Mutant::learners_need_nothing)) least = std::min(least, held_[r]);
    if (member.loaded) least_loaded = std::min(least_loaded, held_[r]);
  }
  uniform_ = std::max(uniform_, reached_by_uniform_set(held_));
  durable_ = std::max(durable_, reached_by_uniform_set(stored_));
  safe_ = mutant(Mutant::safe_at_uniform) ? uniform_ : std::max(safe_, least_loaded);
  stable_ = mutant(Mutant::stable_too_early) ? uniform_ : std::max(stable_, least);
}

}  // namespace vsync::protocol
