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

void SessionQueue::release(protocol::Position up_to) {
  while (!held_.empty() && held_.front().last <= up_to) {
    Item item = std::move(held_.front());
    held_.pop_front();
    waiting_bytes_ -= item.charge();
    push(std::move(item.parcel), item.windowed);
  }
}

void SessionQueue::release_all() {
  while (!held_.empty()) release(held_.front().last);
}

void SessionQueue::drop_held_beyond(protocol::Position last_common) {
  while (!held_.empty() && held_.back().last > last_common) {
    waiting_bytes_ -= held_.back().charge();
    held_.pop_back();
  }
}

void SessionQueue::flush() {
  while (!queue_.empty()) {
    const std::uint64_t charge = queue_.front().charge();  // a sent parcel is empty
    if (!try_send(queue_.front())) return;
    waiting_bytes_ -= charge;
    queue_.pop_front();
  }
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
  waiting_bytes_ = 0;
  push(std::move(last_word));
}

}  // namespace vsync::daemon
