#pragma once
// The answers to an application's questions, as JSON text.

#include <optional>
#include <span>
#include <string>

#include "daemon/counters.hpp"
#include "daemon/link_report.hpp"
#include "daemon/reload.hpp"
#include "protocol/directory.hpp"
#include "protocol/engine.hpp"

namespace vsync::daemon {

[[nodiscard]] const char* name_of(protocol::ComponentState state);
[[nodiscard]] std::string name_of(const protocol::ViewId& view);

[[nodiscard]] std::string status_json(const protocol::Status& status, const protocol::Directory& directory, std::size_t sessions,
                                      const Counters& counters, std::span<const LinkReport> links);
/// Bounded by what an envelope may hold; "truncated" says so.
[[nodiscard]] std::string groups_json(const protocol::Directory& directory);
/// Nothing: no such group.
[[nodiscard]] std::optional<std::string> members_json(const protocol::Directory& directory, const std::string& group);

[[nodiscard]] std::string reload_json(const Reload& reload);
[[nodiscard]] std::string dump_json(const std::string& file);

}  // namespace vsync::daemon
