#pragma once
// The keys of the configuration as a table: name, what is allowed in words, how a value is taken, shown and copied.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <toml++/toml.h>

#include "daemon/configuration.hpp"

namespace vsync::daemon {

struct Key {
  std::string_view name;
  std::string allowed;
  std::function<bool(Configuration&, const toml::node&)> take;  ///< false: not what is allowed
  std::function<std::string(Configuration)> show;               ///< as it could be written
  std::function<void(Configuration& to, Configuration from)> copy;
  bool at_start_only = false;  ///< a change takes effect with the next start
};

[[nodiscard]] std::span<const Key> keys();

/// The known name nearest to `name`, if it is near enough to have been meant.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace vsync::daemon
