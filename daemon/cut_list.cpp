#include "daemon/cut_list.hpp"

#include <algorithm>

namespace vsync::daemon {

using protocol::Position;
using protocol::Seq;
using protocol::tail_begin;

void CutList::delivered(Position position) {
  now_ = position;
  if (ends_.empty()) return;
  End& end = ends_.back();
  Seq& last = position.seq < tail_begin ? end.ordinary : end.tail;
  last = std::max(last, position.seq);
}

void CutList::installed(protocol::ViewId view) {
  ends_.push_back({view.epoch, view.number, {}, {}, {}});
  if (ends_.size() > kept) ends_.pop_front();
  now_ = Position{view.epoch, view.number, {}, {}};
}

void CutList::cut_back(Position last_common) {
  for (End& end : ends_) {
    if (end.epoch != last_common.epoch || end.view != last_common.view) continue;
    if (last_common.seq < tail_begin) {
      end.ordinary = std::min(end.ordinary, last_common.seq);
      end.tail = {};
    } else {
      end.tail = std::min(end.tail, last_common.seq);
    }
  }
}

Position CutList::common_part(Position position) const {
  for (const End& end : ends_) {
    if (end.epoch != position.epoch || end.view != position.view) continue;
    if (position.seq < tail_begin) {
      position.seq = std::min(position.seq, end.ordinary);
    } else {
      position.seq = end.tail.value == 0 ? end.ordinary : std::min(position.seq, end.tail);
    }
  }
  return position;
}

}  // namespace vsync::daemon
