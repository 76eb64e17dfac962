#pragma once
// The groups a connection is in or has asked for: what is joined again after a reconnect, and what the stream lets through.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "vsync/events.hpp"
#include "wire/local.hpp"

namespace vsync::client {

class Memberships {
 public:
  struct Membership {
    std::uint64_t id = 0;           ///< of this join; a leave and a new join make another
    wire::DeliverOn deliver_on = wire::DeliverOn::order;
    Position joined_at;
    bool joined = false;            ///< granted once
  };

  /// Nullptr: there is one already.
  Membership* add(std::string_view group, wire::DeliverOn deliver_on);
  bool remove(std::string_view group);
  [[nodiscard]] Membership* find(std::string_view group);
  [[nodiscard]] bool is(std::string_view group, std::uint64_t id) const;
  [[nodiscard]] const std::map<std::string, Membership, std::less<>>& all() const { return groups_; }

 private:
  std::map<std::string, Membership, std::less<>> groups_;
  std::uint64_t last_id_ = 0;
};

}  // namespace vsync::client
