#include "daemon/configuration_keys.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <type_traits>
#include <utility>

#include "wire/text.hpp"

namespace vsync::daemon {

namespace {

std::string shown(const std::string& text) { return '"' + text + '"'; }
std::string shown(bool value) { return value ? "true" : "false"; }
template <class T>
  requires std::is_arithmetic_v<T>
std::string shown(T value) {
  return std::to_string(value);
}

template <class T>
using Setting = std::function<T&(Configuration&)>;

template <class T, class Show>
Key key(std::string_view name, std::string allowed, Setting<T> field, std::function<bool(Configuration&, const toml::node&)> take,
        Show show) {
  return {name, std::move(allowed), std::move(take), [=](Configuration c) { return show(field(c)); },
          [=](Configuration& to, Configuration from) { field(to) = field(from); }};
}

template <class T>
Key number(std::string_view name, std::int64_t least, std::int64_t most, Setting<T> field) {
  return key<T>(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most), field,
                [=](Configuration& c, const toml::node& node) {
                  auto value = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
                  if (!value || *value < least || *value > most) return false;
                  field(c) = static_cast<T>(*value);
                  return true;
                },
                [](T value) { return shown(value); });
}

Key milliseconds(std::string_view name, std::int64_t least, std::int64_t most, Setting<protocol::Duration> field) {
  return key<protocol::Duration>(name, "milliseconds from " + std::to_string(least) + " to " + std::to_string(most), field,
                                 [=](Configuration& c, const toml::node& node) {
                                   auto value = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
                                   if (!value || *value < least || *value > most) return false;
                                   field(c) = std::chrono::milliseconds(*value);
                                   return true;
                                 },
                                 [](protocol::Duration value) { return shown(value / std::chrono::milliseconds(1)); });
}

Key boolean(std::string_view name, Setting<bool> field) {
  return key<bool>(name, "true or false", field,
                   [=](Configuration& c, const toml::node& node) {
                     const auto value = node.is_boolean() ? node.value<bool>() : std::nullopt;
                     if (value) field(c) = *value;
                     return value.has_value();
                   },
                   [](bool value) { return shown(value); });
}

Key text(std::string_view name, std::string allowed, Setting<std::string> field,
         std::function<bool(const std::string&)> good = [](const std::string&) { return true; }) {
  return key<std::string>(name, std::move(allowed), field,
                          [=](Configuration& c, const toml::node& node) {
                            auto value = node.value<std::string>();
                            if (!node.is_string() || !value || !good(*value)) return false;
                            field(c) = *value;
                            return true;
                          },
                          [](const std::string& value) { return shown(value); });
}

bool take_mode(Configuration& c, const toml::node& node) {
  auto value = node.value<std::string>();
  if (!node.is_string() || !value || value->size() < 3 || value->size() > 4) return false;
  std::uint32_t mode = 0;
  for (char digit : *value) {
    if (digit < '0' || digit > '7') return false;
    mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  }
  if (mode > 0777) return false;
  c.socket_mode = mode;
  return true;
}

std::string shown_mode(std::uint32_t mode) {
  std::string digits = "\"0000\"";
  for (std::size_t i = 4; i > 0; --i, mode /= 8) digits[i] = static_cast<char>('0' + mode % 8);
  return digits;
}

constexpr std::pair<std::string_view, Severity> log_levels[] = {{"debug", Severity::debug},
                                                                {"info", Severity::info},
                                                                {"notice", Severity::notice},
                                                                {"warning", Severity::warning},
                                                                {"error", Severity::error}};

bool take_log_level(Configuration& c, const toml::node& node) {
  for (auto& [name, severity] : log_levels) {
    if (node.value<std::string_view>() == name) {
      c.log_level = severity;
      return true;
    }
  }
  return false;
}

std::string shown_level(Severity level) {
  for (auto& [name, severity] : log_levels) {
    if (severity == level) return shown(std::string(name));
  }
  return "";
}

constexpr std::int64_t recorder_least = 64 << 10, recorder_most = 1 << 30;

bool take_flight_recorder(Configuration& c, const toml::node& node) {
  const auto value = node.is_integer() ? node.value<std::int64_t>() : std::nullopt;
  if (!value || (*value != 0 && (*value < recorder_least || *value > recorder_most))) return false;
  c.flight_recorder_bytes = static_cast<std::uint64_t>(*value);
  return true;
}

bool name_or_empty(const std::string& name) { return name.empty() || wire::valid_node_name(name); }

// Who the daemon is, what it has opened, and what replicas and logs are built by. All else can change while it runs.
constexpr std::string_view at_start_only[] = {"node",       "state_dir",          "socket",           "listen",     "security",
                                              "witness",    "secret_key_file",    "self_audit",       "trace_file", "flight_recorder_bytes",
                                              "io_threads", "durable_keep_bytes", "session_runs_kept", "loop_cpu",  "io_cpu"};

std::vector<Key> make_keys() {
  constexpr std::int64_t kib = 1 << 10, mib = 1 << 20, gib = 1 << 30, day_ms = 86'400'000;
  const std::string a_name = "a name of at most 63 letters, digits, '-', '_', '.'";
  const std::string a_path = "a path";
  return {
      text("node", a_name, [](auto& c) -> auto& { return c.node; }, name_or_empty),
      text("state_dir", a_path, [](auto& c) -> auto& { return c.state_dir; }),
      text("socket", a_path, [](auto& c) -> auto& { return c.socket; }),
      key<std::uint32_t>("socket_mode", "an octal mode such as \"0660\"", [](auto& c) -> auto& { return c.socket_mode; }, take_mode,
                         shown_mode),
      text("socket_group", "the name of a group, or \"\"", [](auto& c) -> auto& { return c.socket_group; }),
      text("listen", "tcp://ADDRESS:PORT", [](auto& c) -> auto& { return c.listen; },
           [](const std::string& value) { return parse_endpoint(value).has_value(); }),
      text("security", "\"curve\", \"none\" or \"\"", [](auto& c) -> auto& { return c.security; },
           [](const std::string& value) { return value.empty() || value == "curve" || value == "none"; }),
      text("secret_key_file", a_path, [](auto& c) -> auto& { return c.secret_key_file; }),
      number<std::uint64_t>("peer_queue_bytes_max", mib, 4 * gib, [](auto& c) -> auto& { return c.peer_queue_bytes_max; }),
      number<std::uint32_t>("weight", 1, 1000, [](auto& c) -> auto& { return c.protocol.weight; }),
      boolean("witness", [](auto& c) -> auto& { return c.protocol.witness; }),
      boolean("self_audit", [](auto& c) -> auto& { return c.protocol.self_audit; }),
      number<std::uint32_t>("min_weight", 1, 1'000'000, [](auto& c) -> auto& { return c.protocol.min_weight; }),
      text("tie_breaker", a_name, [](auto& c) -> auto& { return c.protocol.tie_breaker; }, name_or_empty),
      milliseconds("heartbeat_every_ms", 1, 10'000, [](auto& c) -> auto& { return c.protocol.heartbeat_every; }),
      milliseconds("suspect_after_min_ms", 10, 600'000, [](auto& c) -> auto& { return c.protocol.suspect_after_min; }),
      milliseconds("suspect_after_max_ms", 10, 600'000, [](auto& c) -> auto& { return c.protocol.suspect_after_max; }),
      milliseconds("lease_ms", 5, 600'000, [](auto& c) -> auto& { return c.protocol.lease; }),
      milliseconds("ack_every_ms", 0, 1000, [](auto& c) -> auto& { return c.protocol.ack_every; }),
      milliseconds("fetch_again_after_ms", 1, 10'000, [](auto& c) -> auto& { return c.protocol.fetch_again_after; }),
      number<std::uint32_t>("fetch_tries", 1, 100, [](auto& c) -> auto& { return c.protocol.fetch_tries; }),
      milliseconds("lag_exclude_after_ms", 100, 3'600'000, [](auto& c) -> auto& { return c.protocol.lag_exclude_after; }),
      milliseconds("admit_after_ms", 10, 600'000, [](auto& c) -> auto& { return c.protocol.admit_after; }),
      milliseconds("raise_after_ms", 0, 30 * day_ms, [](auto& c) -> auto& { return c.protocol.raise_after; }),
      milliseconds("leave_within_ms", 0, 600'000, [](auto& c) -> auto& { return c.leave_within; }),
      number<std::uint64_t>("window_bytes", mib, gib, [](auto& c) -> auto& { return c.protocol.window_bytes; }),
      number<std::uint64_t>("window_messages", kib, 16 * mib, [](auto& c) -> auto& { return c.protocol.window_messages; }),
      number<std::uint32_t>("fetch_bytes_max", 4 * kib, 16 * mib, [](auto& c) -> auto& { return c.protocol.fetch_bytes_max; }),
      number<std::uint64_t>("durable_keep_bytes", mib, 16 * gib, [](auto& c) -> auto& { return c.protocol.durable_keep_bytes; }),
      number<std::uint64_t>("sessions_max", 1, 1'000'000, [](auto& c) -> auto& { return c.sessions.sessions_max; }),
      number<std::uint64_t>("groups_per_session_max", 1, 1'000'000,
                            [](auto& c) -> auto& { return c.sessions.groups_per_session_max; }),
      number<std::uint64_t>("session_queue_bytes_max", mib, 4 * gib,
                            [](auto& c) -> auto& { return c.sessions.queue_bytes_max; }),
      number<std::uint64_t>("session_wait_for_bytes_per_s", 0, 1024 * gib,
                            [](auto& c) -> auto& { return c.sessions.wait_for_bytes_per_s; }),
      number<std::uint64_t>("session_window_bytes", 64 * kib, gib, [](auto& c) -> auto& { return c.sessions.window_bytes; }),
      number<std::uint64_t>("held_publish_bytes_max", 2 * mib, gib,
                            [](auto& c) -> auto& { return c.sessions.held_publish_bytes_max; }),
      number<std::uint64_t>("held_publish_messages_max", 128 * kib, 16 * mib,
                            [](auto& c) -> auto& { return c.sessions.held_publish_messages_max; }),
      milliseconds("session_ping_every_ms", 10, 600'000, [](auto& c) -> auto& { return c.sessions.ping_every; }),
      milliseconds("session_silent_after_ms", 10, day_ms, [](auto& c) -> auto& { return c.sessions.silent_after; }),
      milliseconds("session_reconnect_within_ms", 0, 600'000, [](auto& c) -> auto& { return c.sessions.reconnect_within; }),
      milliseconds("session_expires_after_ms", 100, day_ms, [](auto& c) -> auto& { return c.protocol.session_expires_after; }),
      number<std::uint32_t>("session_runs_kept", 16, mib, [](auto& c) -> auto& { return c.protocol.session_window; }),
      key<Severity>("log_level", "\"debug\", \"info\", \"notice\", \"warning\" or \"error\"", [](auto& c) -> auto& { return c.log_level; },
                    take_log_level, shown_level),
      text("trace_file", a_path, [](auto& c) -> auto& { return c.trace_file; }),
      key<std::uint64_t>("flight_recorder_bytes",
                         "0 or a whole number from " + std::to_string(recorder_least) + " to " + std::to_string(recorder_most),
                         [](auto& c) -> auto& { return c.flight_recorder_bytes; }, take_flight_recorder,
                         [](std::uint64_t value) { return shown(value); }),
      number<std::uint32_t>("io_threads", 1, 16, [](auto& c) -> auto& { return c.io_threads; }),
      number<std::int32_t>("loop_cpu", -1, 1023, [](auto& c) -> auto& { return c.loop_cpu; }),
      number<std::int32_t>("io_cpu", -1, 1023, [](auto& c) -> auto& { return c.io_cpu; }),
  };
}

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> table = [] {
    std::vector<Key> made = make_keys();
    for (Key& each : made) {
      each.at_start_only = std::find(std::begin(at_start_only), std::end(at_start_only), each.name) != std::end(at_start_only);
    }
    return made;
  }();
  return table;
}

std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> known) {
  std::optional<std::string_view> best;
  std::size_t best_distance = 0;
  for (std::string_view candidate : known) {
    // A unit left away or a word in front is what people forget most.
    bool part = name.size() >= 4 && candidate.find(name) != std::string_view::npos;
    std::size_t d = part ? 1 : distance(name, candidate);
    if (d <= std::max<std::size_t>(2, name.size() / 3) && (!best || d < best_distance)) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace vsync::daemon
