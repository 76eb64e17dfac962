#include "client/memberships.hpp"

namespace vsync::client {

Memberships::Membership* Memberships::add(std::string_view group, wire::DeliverOn deliver_on) {
  const auto [at, added] = groups_.try_emplace(std::string(group));
  if (!added) return nullptr;
  at->second.id = ++last_id_;
  at->second.deliver_on = deliver_on;
  return &at->second;
}

bool Memberships::remove(std::string_view group) {
  const auto at = groups_.find(group);
  if (at == groups_.end()) return false;
  groups_.erase(at);
  return true;
}

Memberships::Membership* Memberships::find(std::string_view group) {
  const auto at = groups_.find(group);
  return at == groups_.end() ? nullptr : &at->second;
}

bool Memberships::is(std::string_view group, std::uint64_t id) const {
  const auto at = groups_.find(group);
  return at != groups_.end() && at->second.id == id;
}

}  // namespace vsync::client
