#include "protocol/outcomes.hpp"

#include "protocol/assert.hpp"
#include "protocol/mutant.hpp"

namespace vsync::protocol {

void Outcomes::published(const Chunk& chunk) {
  waiting_.push_back({chunk.session, chunk.first_n, chunk.count, chunk.level, true, {}, {}});
}

void Outcomes::placed(Position stands_at, Position reported, bool known) {
  VSYNC_ASSERT(placed_ < waiting_.size());
  Publish& publish = waiting_[placed_++];
  publish.known = known;
  publish.stands_at = stands_at;
  publish.first = reported;
}

void Outcomes::resolve(const Publish& publish, Outcome outcome, std::vector<Event>& out) {
  out.push_back(Resolved{publish.session, publish.first_n, publish.count, outcome, publish.first});
}

void Outcomes::confirm(const Confirmed& confirmed, std::vector<Event>& out) {
  while (placed_ > 0) {
    const Publish& publish = waiting_.front();
    if (publish.stands_at > confirmed.for_outcome_of(publish.level) && !mutant(Mutant::outcome_before_uniform)) return;
    resolve(publish, publish.known ? Outcome::ok : Outcome::session_expired, out);
    waiting_.pop_front();
    --placed_;
  }
}

void Outcomes::abandon(std::vector<Event>& out) {
  for (const Publish& publish : waiting_) {
    if (!mutant(Mutant::unresolved_not_told)) resolve(publish, Outcome::unresolved, out);
  }
  waiting_.clear();
  placed_ = 0;
}

}  // namespace vsync::protocol
