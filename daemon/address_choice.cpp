#include "daemon/address_choice.hpp"

#include <algorithm>

namespace vsync::daemon {

namespace {
constexpr std::size_t attempts_each = 4;
}

void AddressChoice::connected() {
  failures_ = 0;
  refused_.assign(refused_.size(), false);
}

bool AddressChoice::lost() { return go_over(); }

// A new connection's attempts follow each other closely at first; with a few for each address, a peer that is away doesn't cost
// more.
bool AddressChoice::failed() { return ++failures_ == attempts_each && go_over(); }

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
