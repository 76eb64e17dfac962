#include "protocol/view_ends.hpp"

#include <algorithm>

namespace vsync::protocol {

void ViewEnds::add(const ViewEnd& end) {
  ends_.push_back(end);
  if (ends_.size() > kept) ends_.pop_front();
}

void ViewEnds::learn(const std::vector<ViewEnd>& ends) {
  ends_.clear();
  for (const ViewEnd& end : ends) add(end);
}

const ViewEnd* ViewEnds::find(const Position& position) const {
  const auto end = std::find_if(ends_.begin(), ends_.end(), [&](const ViewEnd& each) {
    return each.view == ViewId{position.epoch, position.view} && each.lane == position.lane;
  });
  return end == ends_.end() ? nullptr : &*end;
}

bool ViewEnds::knows(const Position& position) const { return find(position) != nullptr; }

Position ViewEnds::common_part(Position position) const {
  const ViewEnd* end = find(position);
  if (end == nullptr) return position;
  const bool in_tail = position.seq >= tail_begin && end->tail != Seq{};
  position.seq = std::min(position.seq, in_tail ? end->tail : end->ordinary);
  return position;
}

}  // namespace vsync::protocol
