#include "client/event_queue.hpp"

#include <utility>

namespace vsync::client {
namespace {

std::size_t bytes_of(const Incoming& item) {
  if (const auto* batch = std::get_if<DeliveredBatch>(&item)) return sizeof(Incoming) + batch->body.size();
  const auto* received = std::get_if<ReceivedView>(&item);
  if (received == nullptr) return sizeof(Incoming);
  const GroupView& view = received->view;
  return sizeof(Incoming) + (view.members.size() + view.joined.size() + view.left.size()) * sizeof(Member);
}

/// A later mark says all that an earlier one of the same lane, level and view says.
bool supersedes(const Mark& later, const Mark& earlier) {
  return later.level == earlier.level && later.view == earlier.view && later.up_to.epoch == earlier.up_to.epoch &&
         later.up_to.view == earlier.up_to.view && later.up_to.lane == earlier.up_to.lane && later.up_to.seq >= earlier.up_to.seq &&
         later.member_lost_before == earlier.member_lost_before;
}

bool extends(const Outcome& later, const Outcome& earlier) {
  return later.kind == earlier.kind && later.first_n == earlier.first_n + earlier.count && later.reason == earlier.reason;
}

template <class Wanted>
Wanted* as_event(Incoming& item) {
  auto* event = std::get_if<Event>(&item);
  return event == nullptr ? nullptr : std::get_if<Wanted>(event);
}

}  // namespace

bool EventQueue::merged(const Incoming& item) {
  const auto* event = std::get_if<Event>(&item);
  if (event == nullptr || items_.empty()) return false;
  if (const auto* mark = std::get_if<Mark>(event)) {
    Mark* last = as_event<Mark>(items_.back());
    if (last == nullptr || !supersedes(*mark, *last)) return false;
    *last = *mark;
    return true;
  }
  const auto* outcome = std::get_if<Outcome>(event);
  if (outcome == nullptr || !last_outcome_ || outcomes_ < outcomes_apart_max) return false;
  Outcome* last = as_event<Outcome>(items_[*last_outcome_]);
  if (last == nullptr || !extends(*outcome, *last)) return false;
  last->count += outcome->count;
  last->position.reset();
  return true;
}

void EventQueue::push(std::vector<Incoming>& items) {
  if (items.empty()) return;
  const std::lock_guard lock(mutex_);
  for (Incoming& item : items) {
    if (merged(item)) continue;
    bytes_ += bytes_of(item);
    items_.push_back(std::move(item));
    if (as_event<Outcome>(items_.back()) != nullptr) {
      last_outcome_ = items_.size() - 1;
      ++outcomes_;
    }
  }
  items.clear();
  // Under the lock: raised after a take() that found nothing, it would stay readable with nothing to take.
  if (!std::exchange(raised_, true)) flag_.raise();
}

void EventQueue::push(Event event) {
  std::vector<Incoming> items;
  items.emplace_back(std::move(event));
  push(items);
}

bool EventQueue::take(std::vector<Incoming>& out) {
  const std::lock_guard lock(mutex_);
  if (items_.empty()) {
    if (std::exchange(raised_, false)) flag_.lower();
    return false;
  }
  items_.swap(out);
  bytes_ = 0;
  outcomes_ = 0;
  last_outcome_.reset();
  return true;
}

bool EventQueue::full() const {
  const std::lock_guard lock(mutex_);
  return bytes_ > bytes_max;
}

}  // namespace vsync::client
