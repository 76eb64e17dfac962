#include "daemon/session_queue.hpp"

namespace vsync::daemon {

// The window is asked before a send and not after it, so that a body larger than the window still passes.
bool SessionQueue::try_send(Item& item) {
  if (gone_) return false;
  if (item.windowed && handed_out_ - taken_ >= window_bytes_) return false;
  const std::size_t body_bytes = item.parcel.body.size();
  switch (socket_.send(route_, item.parcel)) {
    case LocalSocket::Sent::yes:
      if (item.windowed) handed_out_ += body_bytes;
      stuck_ = false;
      return true;
    case LocalSocket::Sent::full:
      stuck_ = true;
      return false;
    case LocalSocket::Sent::gone:
      gone_ = true;
      return false;
  }
  return false;
}

void SessionQueue::enqueue(Item item) {
  waiting_bytes_ += item.charge();
  queue_.push_back(std::move(item));
}

void SessionQueue::push(Parcel parcel, bool windowed) {
  Item item{std::move(parcel), windowed};
  if (queue_.empty() && try_send(item)) return;
  enqueue(std::move(item));
}

void SessionQueue::hold(Parcel parcel, bool windowed, protocol::Position last) {
  Item item{std::move(parcel), windowed, last};
  waiting_bytes_ += item.charge();
  held_.push_back(std::move(item));
}

void SessionQueue::push_behind(Parcel parcel) {
  if (held_.empty()) return push(std::move(parcel), true);
  hold(std::move(parcel), true, held_.back().last);
  held_.back().confirmed_by_nothing = true;
}

void SessionQueue::release(protocol::Position up_to) {
  while (!held_.empty() && held_.front().last <= up_to) {
    Item item = std::move(held_.front());
    held_.pop_front();
    waiting_bytes_ -= item.charge();
    if (item.replay) {
      begin_replay(std::move(item));
    } else {
      push(std::move(item.parcel), item.windowed);
    }
  }
}

void SessionQueue::release_all() {
  while (!held_.empty()) release(held_.front().last);
}

void SessionQueue::drop_held_beyond(protocol::Position last_common) {
  std::erase_if(held_, [&](const Item& item) {
    const bool in_vain = item.last > last_common || item.confirmed_by_nothing;
    if (in_vain) waiting_bytes_ -= item.charge();
    return in_vain;
  });
}

void SessionQueue::push_replay(Replay replay, ReplaySource& source) {
  Item item;
  item.replay = std::make_unique<Replay>(std::move(replay));
  item.source = &source;
  if (held_.empty()) return begin_replay(std::move(item));
  // What it gives comes later in the order than what is held.
  item.last = held_.back().last;
  waiting_bytes_ += item.charge();
  held_.push_back(std::move(item));
}

void SessionQueue::begin_replay(Item item) {
  ++replays_;
  enqueue(std::move(item));
  if (queue_.size() == 1) flush();
}

void SessionQueue::cut_replays_back(protocol::Position last_common) {
  for (std::deque<Item>* items : {&queue_, &held_}) {
    for (Item& item : *items) {
      if (item.replay) item.replay->cut_back(last_common);
    }
  }
}

void SessionQueue::flush() {
  stuck_ = false;
  while (!queue_.empty()) {
    if (queue_.front().replay) {
      if (!advance_replay()) return;
      continue;
    }
    const std::uint64_t charge = queue_.front().charge();  // a sent parcel is empty
    if (!try_send(queue_.front())) return;
    waiting_bytes_ -= charge;
    queue_.pop_front();
  }
}

/// One more parcel in front of the replay at the front, or its end. False: not now.
bool SessionQueue::advance_replay() {
  if (gone_ || handed_out_ - taken_ >= window_bytes_) return false;
  Item next;
  const Item& front = queue_.front();
  switch (front.source->next(*this, *front.replay, next.parcel, next.windowed)) {
    case Replayed::parcel:
      waiting_bytes_ += next.charge();
      queue_.push_front(std::move(next));
      return true;
    case Replayed::waits: return false;
    case Replayed::later: stuck_ = true; return false;
    case Replayed::end:
      waiting_bytes_ -= front.charge();
      queue_.pop_front();
      --replays_;
      return true;
  }
  return false;
}

bool SessionQueue::taken(std::uint64_t bytes) {
  if (bytes < taken_ || bytes > handed_out_) return false;
  taken_ = bytes;
  flush();
  return true;
}

void SessionQueue::finish(Parcel last_word) {
  queue_.clear();
  held_.clear();
  replays_ = 0;
  waiting_bytes_ = 0;
  push(std::move(last_word));
}

}  // namespace vsync::daemon
