#pragma once
// What the operator chose. config/vsyncd.toml says what every key means; a unit test keeps the two the same.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/log.hpp"
#include "protocol/config.hpp"

namespace vsync::daemon {

enum class Security : std::uint8_t { curve, none };

struct PeerConfiguration {
  std::string name;
  std::vector<std::string> endpoints;  ///< one, or two that lie in different networks
  std::string public_key;              ///< Z85, 40 characters; empty without CURVE
  bool operator==(const PeerConfiguration&) const = default;
};

/// What applications of this host may make the daemon hold.
struct SessionLimits {
  std::uint64_t sessions_max = 10'000;
  std::uint64_t groups_per_session_max = 4096;
  std::uint64_t queue_bytes_max = 64u << 20;
  std::uint64_t wait_for_bytes_per_s = 4u << 20;
  std::uint64_t window_bytes = 4u << 20;
  std::uint64_t held_publish_bytes_max = 4u << 20;
  std::uint64_t held_publish_messages_max = 1u << 17;
  protocol::Duration ping_every = std::chrono::seconds(2);
  protocol::Duration silent_after = std::chrono::seconds(30);
  protocol::Duration reconnect_within = std::chrono::seconds(2);
  bool operator==(const SessionLimits&) const = default;
};

struct Configuration {
  std::string node;
  std::string state_dir;
  std::string socket;
  std::uint32_t socket_mode = 0660;
  std::string socket_group;

  std::string listen = "tcp://127.0.0.1:5670";
  std::string security;  ///< as written; `effective_security` decides
  std::string secret_key_file;
  std::vector<PeerConfiguration> peers;
  std::uint64_t peer_queue_bytes_max = 64u << 20;

  protocol::Config protocol;
  protocol::Duration leave_within = std::chrono::seconds(5);
  SessionLimits sessions;

  Severity log_level = Severity::info;
  std::string trace_file;
  std::uint64_t flight_recorder_bytes = 4u << 20;  ///< 0: none
  std::uint32_t io_threads = 1;
  std::int32_t loop_cpu = -1;
  std::int32_t io_cpu = -1;

  [[nodiscard]] Security effective_security() const;
};

/// Reads `file` (if given), then each `key=value` of `settings` over it, fills in what depends on the host and the user, and
/// checks all of it. Throws StartError (usage) that names file, line, key and what is allowed.
[[nodiscard]] Configuration load_configuration(const std::optional<std::string>& file, const std::vector<std::string>& settings);

/// Where a daemon's configuration is written, so that it can be read again.
struct ConfigurationSource {
  std::optional<std::string> file;
  std::vector<std::string> settings;
  [[nodiscard]] Configuration load() const { return load_configuration(file, settings); }
};

/// The text of config/vsyncd.toml.
[[nodiscard]] std::string_view default_configuration_text();

/// Every key there is, for tests and completion.
[[nodiscard]] std::vector<std::string_view> configuration_keys();

/// tcp://HOST:PORT; IPv6 addresses in brackets.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);
[[nodiscard]] bool is_loopback(const Endpoint& endpoint);

}  // namespace vsync::daemon
