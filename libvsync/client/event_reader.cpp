#include "client/event_reader.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "client/convert.hpp"

namespace vsync::client {

const Event* EventReader::try_next() {
  if (lent_ != nullptr) take_members_back();
  while (true) {
    if (batch_ != nullptr) {
      if (const Event* event = next_message()) return event;
      continue;
    }
    if (closed_) return nullptr;
    if (next_item_ == items_.size()) {
      items_.clear();
      next_item_ = 0;
      if (!queue_.take(items_)) return nullptr;
    }
    if (const Event* event = open_item(items_[next_item_++])) return event;
  }
}

const Event* EventReader::next(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    if (const Event* event = try_next()) return event;
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - std::chrono::steady_clock::now());
    if (closed_ || left.count() <= 0) return nullptr;
    pollfd wanted{queue_.descriptor(), POLLIN, 0};
    const timespec wait{static_cast<time_t>(left.count() / 1'000'000'000), static_cast<long>(left.count() % 1'000'000'000)};
    // A signal ends the wait, so that an application's handler gets its turn.
    if (::ppoll(&wanted, 1, &wait, nullptr) < 0 && errno == EINTR) return try_next();
  }
}

const Event* EventReader::open_item(Incoming& item) {
  if (auto* batch = std::get_if<DeliveredBatch>(&item)) {
    begin_batch(*batch);
    return nullptr;
  }
  if (auto* joined = std::get_if<JoinedGroup>(&item)) {
    forget_left_groups();  // before: the group may have been left and joined again
    if (!owner_.still_member(*joined)) return nullptr;
    filter_.add(joined->event.group);
    event_ = std::move(joined->event);
    return &event_;
  }
  if (auto* view = std::get_if<ReceivedView>(&item)) return open_view(*view);
  event_ = std::move(std::get<Event>(item));
  if (const auto* removed = std::get_if<Removed>(&event_)) forget(removed->group);
  closed_ = std::holds_alternative<Closed>(event_);
  return &event_;
}

// The members of a large group are never copied: they move into the event and back.
const Event* EventReader::open_view(ReceivedView& received) {
  GroupView& view = received.view;
  const auto known = members_.find(view.group);
  if (received.change) {
    if (known == members_.end()) return nullptr;  // the group was left before this was read
    if (known->second.number + 1 != view.number) {
      event_ = Gap{view.position, view.position, "a view of " + view.group + " that doesn't follow the one before"};
      return &event_;
    }
    view.members = std::move(known->second.list);
    const auto left = [&](const Member& member) {
      return std::ranges::any_of(view.left, [&](const auto& departure) { return departure.member.session == member.session; });
    };
    if (!view.left.empty()) std::erase_if(view.members, left);
    view.members.insert(view.members.end(), view.joined.begin(), view.joined.end());
  }
  if (filter_.has(view.group)) {
    lent_ = &members_[view.group];
    lent_->number = view.number;
  } else if (known != members_.end()) {
    members_.erase(known);
  }
  event_ = std::move(view);
  return &event_;
}

void EventReader::take_members_back() { std::exchange(lent_, nullptr)->list = std::move(std::get<GroupView>(event_).members); }

void EventReader::begin_batch(DeliveredBatch& batch) {
  forget_left_groups();
  batch_ = &batch;
  records_ = wire::RecordReader({static_cast<const std::byte*>(batch.body.data()), batch.body.size()});
  record_ = 0;
  topic_wanted_ = true;
}

void EventReader::forget_left_groups() {
  for (const std::string& group : owner_.left_groups()) {
    forget(group);
    has_left_ = true;
  }
}

void EventReader::forget(const std::string& group) {
  filter_.remove(group);
  members_.erase(group);
}

const Event* EventReader::next_message() {
  wire::Record record;
  const wire::Deliver& head = batch_->head;
  while (records_.next(record)) {
    if (record_ == head.count) break;
    if (record.new_topic && (head.filter || has_left_)) topic_wanted_ = filter_.wants(record.topic);
    const std::uint32_t index = record_++;
    if (index < head.skip || !topic_wanted_) continue;
    auto* message = std::get_if<Message>(&event_);
    if (message == nullptr) message = &event_.emplace<Message>();
    message->position = to_public(head.first);
    if (head.level != wire::Level::fifo) message->position.seq += index;
    fill_message(record);
    return &event_;
  }
  return end_batch();
}

void EventReader::fill_message(const wire::Record& record) {
  auto& message = *std::get_if<Message>(&event_);
  const wire::Deliver& head = batch_->head;
  message.topic = record.topic;
  message.key = record.key;
  message.headers.raw_ = record.raw_headers;
  message.headers.count_ = record.header_count;
  message.data = record.data;
  message.publisher = {to_public(head.publisher_session), head.publisher_node};
  message.published_at = Timestamp(std::chrono::nanoseconds(record.published_at));
  message.ordered_at.reset();
  if (head.ordered_at != 0) message.ordered_at = Timestamp(std::chrono::nanoseconds(head.ordered_at));
  message.level = to_public(head.level);
}

const Event* EventReader::end_batch() {
  DeliveredBatch& batch = *std::exchange(batch_, nullptr);
  owner_.consumed(batch.line, batch.body.size());
  batch.body.rebuild();
  if (record_ == batch.head.count && !records_.failed()) return nullptr;
  // The daemon checked the body when it was published; what can't be read here was damaged since, and is a loss to be told.
  Gap gap{.from = to_public(batch.head.first), .to = to_public(batch.head.first)};
  gap.from.seq += record_;
  gap.to.seq += batch.head.count == 0 ? 0 : batch.head.count - 1;
  gap.reason = std::string("unreadable batch: ") +
               wire::describe(records_.failed() ? records_.error() : wire::RecordError::count_mismatch);
  event_ = std::move(gap);
  return &event_;
}

}  // namespace vsync::client
