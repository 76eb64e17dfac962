#include "daemon/address_choice.hpp"

#include <algorithm>

namespace vsync::daemon {

namespace {
constexpr std::size_t patience_max = 4;
}

void AddressChoice::connected() {
  failures_ = 0;
  patience_ = 1;
  refused_.assign(refused_.size(), false);
}

bool AddressChoice::lost() { return go_over(); }

// At first every address has one attempt: if the other network failed long ago, unnoticed, a loss in this one is healed here
// before the silence is suspected. A peer that is away must not cost an endless chain of first attempts, which follow each other
// without a pause, so then each address has more of them, and the pauses between these grow.
bool AddressChoice::failed() {
  if (++failures_ < patience_) return false;
  patience_ = std::min(2 * patience_, patience_max);
  return go_over();
}

bool AddressChoice::refused(std::size_t address) {
  if (refused_[address]) return false;
  refused_[address] = true;
  return true;
}

bool AddressChoice::all_refuse() const { return std::find(refused_.begin(), refused_.end(), false) == refused_.end(); }

bool AddressChoice::go_over() {
  failures_ = 0;
  current_ = (current_ + 1) % refused_.size();
  return refused_.size() > 1;
}

}  // namespace vsync::daemon
