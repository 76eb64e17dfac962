#include "protocol/cut.hpp"

#include <algorithm>
#include <tuple>

#include "protocol/mutant.hpp"

namespace vsync::protocol {

Seq LaneCut::end() const { return runs.empty() ? base : runs.back().first + runs.back().count - 1; }

namespace {

Seq end_of(const LaneHoldings& lane) {
  return lane.runs.empty() ? lane.base : lane.runs.back().first + lane.runs.back().count - 1;
}

void keep_prefix(const LaneHoldings& longest, LaneCut& cut) {
  cut.base = longest.base;
  for (OrderedRun run : longest.runs) {
    const Seqno held = cut.held[run.publisher.value];
    const Seqno last = run.first_seqno + run.count - 1;
    if (held < last && !mutant(Mutant::cut_keeps_what_is_lost)) {
      run.count = held < run.first_seqno ? 0 : static_cast<std::uint32_t>(held - run.first_seqno + 1);
      cut.first_missing = run.first + run.count;
      if (run.count > 0) cut.runs.push_back(run);
      return;
    }
    cut.runs.push_back(run);
  }
}

}  // namespace

LaneCut compute_cut(std::size_t members, std::span<const Holdings> answers) {
  LaneCut cut;
  cut.held.resize(members);
  cut.holder.resize(members);
  const LaneHoldings* longest = nullptr;
  for (const Holdings& answer : answers) {
    if (longest == nullptr || end_of(*answer.lane) > end_of(*longest)) longest = answer.lane;
    for (std::size_t r = 0; r < members && r < answer.lane->received.size(); ++r) {
      const Seqno received = answer.lane->received[r];
      const bool shorter = &answer != &answers.front() && received < cut.held[r];
      if (received <= cut.held[r] && !(shorter && mutant(Mutant::shortest_prefix_kept))) continue;
      if (received > cut.held[r] && &answer != &answers.front() && mutant(Mutant::shortest_prefix_kept)) continue;
      cut.held[r] = received;
      cut.holder[r] = answer.rank;
    }
  }
  if (longest != nullptr) keep_prefix(mutant(Mutant::cut_ignores_holdings) ? *answers.front().lane : *longest, cut);
  return cut;
}

std::vector<TailChunk> compute_tail(const LaneCut& cut, std::span<const Stream> streams, std::span<const Seqno> delivered) {
  struct Placed {
    Seq after;  ///< grows along a stream
    TailChunk entry;
  };
  std::vector<Placed> placed;
  for (std::uint16_t r = 0; r < streams.size() && !mutant(Mutant::cut_without_tail); ++r) {
    Seq after;
    for (const Chunk& chunk : streams[r].chunks()) {
      if (chunk.first <= delivered[r]) continue;
      if (chunk.last() > cut.held[r]) break;
      if (chunk.level != Level::fifo) after = std::max(after, chunk.after);
      if (after > cut.end() && !mutant(Mutant::tail_keeps_orphan_causes)) break;
      placed.push_back({after, {Rank{r}, &chunk}});
    }
  }
  std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::tie(a.after, a.entry.publisher, a.entry.chunk->first) < std::tie(b.after, b.entry.publisher, b.entry.chunk->first);
  });
  std::vector<TailChunk> tail;
  tail.reserve(placed.size());
  for (const Placed& each : placed) tail.push_back(each.entry);
  return tail;
}

}  // namespace vsync::protocol
