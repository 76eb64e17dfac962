#include "protocol/audit.hpp"

#include <xxhash.h>

#include <algorithm>

#include "protocol/digest.hpp"
#include "protocol/primary.hpp"

namespace vsync::protocol {

namespace {

bool by_position(const AuditPlace& x, const AuditPlace& y) { return x.last < y.last; }

Digest begin_place(std::uint64_t before, Seq first, const NodeId& publisher, const Chunk& chunk) {
  Digest digest;
  digest.add(before).add(first.value).add(chunk.count).add(publisher.incarnation.counter).add(publisher.incarnation.random);
  return digest;
}

}  // namespace

std::uint64_t digest_of(const Payload& payload) { return XXH3_64bits(payload.bytes().data(), payload.size()); }

LaneAudit::LaneAudit(const ViewId& view, std::uint64_t carried)
    : digest_(Digest().add(carried).add(view.epoch.number).add(view.epoch.random).add(view.number).value()), begin_{Seq{}, digest_} {}

void LaneAudit::add(Seq first, const NodeId& publisher, const Chunk& chunk, std::uint32_t markers, std::uint64_t payload_digest) {
  digest_ = begin_place(digest_, first, publisher, chunk)
                .add(chunk.session)
                .add(chunk.first_n)
                .add(markers)
                .add(payload_digest)
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
  if (recent_.empty()) places.push_back(begin_);
  if (!strides_.empty()) places.push_back(strides_.back());
  if (!recent_.empty() && (strides_.empty() || recent_.back() != strides_.back())) places.push_back(recent_.back());
  return places;
}

std::vector<AuditPlace> LaneAudit::trail() const {
  std::vector<AuditPlace> places{begin_};
  std::set_union(strides_.begin(), strides_.end(), recent_.begin(), recent_.end(), std::back_inserter(places), by_position);
  return places;
}

std::optional<std::uint64_t> LaneAudit::at(Seq last) const {
  if (last == begin_.last) return begin_.digest;
  for (const std::deque<AuditPlace>* places : {&recent_, &strides_}) {
    const auto found = std::lower_bound(places->begin(), places->end(), last, [](const AuditPlace& place, Seq seq) { return place.last < seq; });
    if (found != places->end() && found->last == last) return found->digest;
  }
  return std::nullopt;
}

void Audit::heard(Rank member, Lane lane, const LaneAudit& own, std::vector<AuditPlace> places) {
  const bool differs = std::any_of(places.begin(), places.end(), [&](const AuditPlace& place) {
    const auto here = own.at(place.last);
    return here && *here != place.digest;
  });
  if (differs && !found_) found_ = lane;
  std::vector<AuditPlace>& told = told_[lane][member];
  if (found_ != lane) {
    told = std::move(places);
    return;
  }
  add(told, places);
  add(own_, own.trail());
}

void Audit::add(std::vector<AuditPlace>& to, const std::vector<AuditPlace>& places) {
  std::vector<AuditPlace> all;
  std::set_union(to.begin(), to.end(), places.begin(), places.end(), std::back_inserter(all), by_position);
  if (all.size() > kept) all.resize(kept);
  to = std::move(all);
}

AuditsTold Audit::told(Rank self, const LaneAudit& own) const {
  AuditsTold all;
  if (const auto found = told_.find(*found_); found != told_.end()) all = found->second;
  all[self] = own_;
  add(all[self], own.trail());
  return all;
}

namespace {

struct Place {
  std::map<std::uint64_t, RankSet> camps;  ///< by digest
  RankSet known_to;
};

std::map<Seq, Place> places_of(const AuditsTold& told, RankSet holders) {
  std::map<Seq, Place> places;
  for (const auto& [rank, its] : told) {
    if (!holders.contains(rank)) continue;
    for (const AuditPlace& each : its) {
      places[each.last].camps[each.digest].insert(rank);
      places[each.last].known_to.insert(rank);
    }
  }
  return places;
}

RankSet wrong_at(const View& view, const std::map<Seq, Place>& places, RankSet holders) {
  for (const auto& [last, place] : places) {
    if (place.camps.size() == 1) continue;
    for (const auto& [digest, camp] : place.camps) {
      if (weight_of(view, camp) * 2 > weight_of(view, holders)) return place.known_to.minus(camp);
    }
  }
  for (const auto& [last, place] : places) {
    if (place.camps.size() > 1 && place.known_to == holders) return holders.minus(RankSet{holders.front()});
  }
  return {};
}

}  // namespace

std::optional<Divergence> divergence(const View& view, const AuditsTold& told, RankSet holders) {
  const std::map<Seq, Place> places = places_of(told, holders);
  Divergence found;
  for (const auto& [last, place] : places) {
    if (place.camps.size() > 1) {
      found.differs = last;
      found.wrong = wrong_at(view, places, holders);
      return found;
    }
    if (place.known_to.size() > 1) found.agreed = last;
  }
  return std::nullopt;
}

}  // namespace vsync::protocol
