#include "protocol/audit.hpp"

#include <xxhash.h>

#include <algorithm>

#include "protocol/digest.hpp"

namespace vsync::protocol {

namespace {

Digest begin_place(std::uint64_t before, Seq first, const NodeId& publisher, const Chunk& chunk) {
  Digest digest;
  digest.add(before).add(first.value).add(chunk.count).add(publisher.incarnation.counter).add(publisher.incarnation.random);
  return digest;
}

}  // namespace

LaneAudit::LaneAudit(const ViewId& view, std::uint64_t carried)
    : digest_(Digest().add(carried).add(view.epoch.number).add(view.epoch.random).add(view.number).value()), recent_{{Seq{}, digest_}} {}

void LaneAudit::add(Seq first, const NodeId& publisher, const Chunk& chunk, std::uint32_t markers) {
  const auto bytes = chunk.payload.bytes();
  digest_ = begin_place(digest_, first, publisher, chunk)
                .add(chunk.session)
                .add(chunk.first_n)
                .add(markers)
                .add(XXH3_64bits(bytes.data(), bytes.size()))
                .value();
  close(first, chunk);
}

void LaneAudit::add_records(Seq first, const NodeId& publisher, const Chunk& chunk, std::uint64_t groups_digest) {
  digest_ = begin_place(digest_, first, publisher, chunk).add(groups_digest).value();
  close(first, chunk);
}

void LaneAudit::close(Seq first, const Chunk& chunk) {
  const AuditPlace place{first + (chunk.count - 1), digest_};
  const auto remember = [&](std::deque<AuditPlace>& places) {
    places.push_back(place);
    if (places.size() > kept) places.pop_front();
  };
  remember(recent_);
  if (place.last.value / stride != (first.value - 1) / stride) remember(strides_);
}

std::vector<AuditPlace> LaneAudit::latest() const {
  std::vector<AuditPlace> places;
  if (!strides_.empty()) places.push_back(strides_.back());
  if (!recent_.empty() && (strides_.empty() || recent_.back() != strides_.back())) places.push_back(recent_.back());
  return places;
}

std::vector<AuditPlace> LaneAudit::trail() const {
  std::vector<AuditPlace> places;
  const auto by_position = [](const AuditPlace& x, const AuditPlace& y) { return x.last < y.last; };
  std::set_union(strides_.begin(), strides_.end(), recent_.begin(), recent_.end(), std::back_inserter(places), by_position);
  return places;
}

std::optional<std::uint64_t> LaneAudit::at(Seq last) const {
  for (const std::deque<AuditPlace>* places : {&recent_, &strides_}) {
    const auto found = std::lower_bound(places->begin(), places->end(), last, [](const AuditPlace& place, Seq seq) { return place.last < seq; });
    if (found != places->end() && found->last == last) return found->digest;
  }
  return std::nullopt;
}

void Audit::heard(Rank member, Lane lane, const LaneAudit& own, std::vector<AuditPlace> places) {
  std::optional<Seq> agreed;
  for (const AuditPlace& place : places) {
    const auto here = own.at(place.last);
    if (!here) continue;
    if (*here == place.digest) {
      agreed = place.last;
      continue;
    }
    if (!found_) found_ = Divergence{lane, agreed, place.last};
    if (found_->lane == lane && place.last <= found_->differs) found_ = Divergence{lane, std::max(agreed, found_->agreed), place.last};
    break;
  }
  told_[lane][member] = std::move(places);
}

std::map<Rank, std::vector<AuditPlace>> Audit::told(Rank self, const LaneAudit& own) const {
  std::map<Rank, std::vector<AuditPlace>> all;
  if (const auto found = told_.find(found_->lane); found != told_.end()) all = found->second;
  all[self] = own.trail();
  return all;
}

RankSet wrong_ones(const View& view, const std::map<Rank, std::vector<AuditPlace>>& told, RankSet holders) {
  struct Place {
    std::map<std::uint64_t, RankSet> camps;  ///< by digest
    RankSet known_to;
  };
  std::map<Seq, Place> places;
  for (const auto& [rank, its] : told) {
    for (const AuditPlace& each : its) {
      places[each.last].camps[each.digest].insert(rank);
      places[each.last].known_to.insert(rank);
    }
  }
  const Place* best = nullptr;
  for (const auto& [last, place] : places) {
    if (place.camps.size() > 1 && (best == nullptr || place.known_to.size() >= best->known_to.size())) best = &place;
  }
  if (best == nullptr) return {};
  const auto weight_of = [&](RankSet set) {
    std::uint64_t weight = 0;
    for (const Rank rank : set) weight += view.at(rank).weight;
    return weight;
  };
  for (const auto& [digest, camp] : best->camps) {
    if (weight_of(camp) * 2 > weight_of(holders | best->known_to)) return best->known_to.minus(camp);
  }
  return best->known_to.contains(holders) ? best->known_to.minus(RankSet{best->known_to.front()}) : RankSet{};
}

}  // namespace vsync::protocol
