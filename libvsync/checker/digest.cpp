#include "checker/digest.hpp"

namespace vsync::checker {
namespace {

void add(Digest& digest, const protocol::ViewId& id) { digest.add(id.epoch.number).add(id.epoch.random).add(id.number); }

void add(Digest& digest, const protocol::NodeId& node) {
  digest.add(std::string_view(node.name)).add(node.incarnation.counter).add(node.incarnation.random);
}

void add(Digest& digest, const protocol::View& view) {
  add(digest, view.id);
  digest.add(view.members.size());
  for (const protocol::Member& member : view.members) {
    add(digest, member.node);
    digest.add(member.weight).add(member.full_weight).add(member.witness).add(member.loaded).add(member.speaks.oldest).add(member.speaks.newest);
  }
  digest.add(view.tie_breaker.value).add(view.min_weight).add(view.version).add(view.sequencers.size());
  for (const protocol::Rank rank : view.sequencers) digest.add(rank.value);
  for (const protocol::Forced& forced : view.forced) digest.add(forced.epoch.random).add(forced.by);
}

void add(Digest& digest, const protocol::LaneCut& lane) {
  digest.add(lane.base.value).add(lane.runs.size());
  for (const protocol::OrderedRun& run : lane.runs) {
    digest.add(run.first.value).add(run.publisher.value).add(run.first_seqno.value).add(run.count);
  }
  digest.add(lane.first_missing.has_value()).add(lane.first_missing.value_or(protocol::Seq{}).value).add(lane.held.size());
  for (const protocol::Seqno held : lane.held) digest.add(held.value);
  for (const protocol::Rank rank : lane.holder) digest.add(rank.value);
}

}  // namespace

std::uint64_t digest_of(const protocol::View& view) {
  Digest digest;
  add(digest, view);
  return digest.value();
}

std::uint64_t digest_of(const protocol::Value& value) {
  Digest digest;
  add(digest, value.next);
  for (const protocol::LaneCut& lane : value.cut.lanes) add(digest, lane);
  for (const protocol::Rank rank : value.loaded) digest.add(rank.value);
  digest.add(value.restart);
  return digest.value();
}

}  // namespace vsync::checker
