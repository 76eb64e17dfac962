#pragma once
// A membership in a group, or a subscription to a pattern.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "vsync/api.hpp"
#include "vsync/errors.hpp"
#include "vsync/events.hpp"
#include "vsync/options.hpp"
#include "vsync/position.hpp"
#include "vsync/result.hpp"

namespace vsync {

namespace client {
class Session;
}

/// A handle: copying it doesn't join again, destroying it doesn't leave. It may outlive its connection; its calls then say
/// `closed`. Thread-safety: as Connection's functions of the same names.
class VSYNC_API Group {
 public:
  /// The topic or pattern.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// The first join's place in the order: what is ordered behind it comes.
  [[nodiscard]] const Position& joined_at() const { return joined_at_; }

  /// Connection::leave of this group.
  [[nodiscard]] Result<void, RequestError> leave();
  /// Connection::publish to this group's topic; bad_topic if it is a pattern.
  [[nodiscard]] Result<PublishId, PublishError> publish(std::span<const std::byte> data, const PublishOptions& options = {});
  [[nodiscard]] Result<PublishId, PublishError> publish(std::string_view text, const PublishOptions& options = {});

 private:
  friend class Connection;
  Group(std::shared_ptr<client::Session> session, std::string name, Position joined_at);

  std::shared_ptr<client::Session> session_;
  std::string name_;
  Position joined_at_;
};

}  // namespace vsync
