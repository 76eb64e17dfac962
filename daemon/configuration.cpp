#include "daemon/configuration.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "daemon/configuration_keys.hpp"
#include "daemon/curve_keys.hpp"
#include "daemon/start_error.hpp"

namespace vsync::daemon {

namespace {

[[noreturn]] void refuse(const std::string& line) { throw StartError(ExitStatus::usage, line); }

// "FILE:12" or "--set node": where a value was written.
struct Source {
  std::string file;
  bool command_line = false;
  [[nodiscard]] std::string at(const toml::source_region& region, std::string_view key) const {
    if (command_line) return "--set " + std::string(key);
    return file + ":" + std::to_string(region.begin.line) + ": key '" + std::string(key) + "'";
  }
};

std::string shown(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& n) {
    if constexpr (requires { out << n; }) out << n;
  });
  return out.str();
}

std::string suggestion(std::string_view name, std::span<const std::string_view> known) {
  auto near = nearest(name, known);
  return near ? "; did you mean '" + std::string(*near) + "'?" : "; `vsyncd --print-defaults` shows every key";
}

PeerConfiguration take_peer(const toml::node& node, const Source& source) {
  static constexpr std::string_view known[] = {"name", "endpoint", "public_key", "public_key_file"};
  const toml::table* table = node.as_table();
  if (table == nullptr) refuse(source.at(node.source(), "peer") + ": allowed is a table, written as [[peer]]");
  PeerConfiguration peer;
  for (auto&& [key, value] : *table) {
    std::string where = source.at(value.source(), "peer." + std::string(key.str()));
    auto text = value.value<std::string>();
    if (std::find(std::begin(known), std::end(known), key.str()) == std::end(known)) {
      refuse(where + " is unknown" + suggestion(key.str(), known));
    }
    if (!value.is_string()) refuse(where + " = " + shown(value) + ": allowed is text in quotes");
    if (key == "name") peer.name = *text;
    if (key == "public_key") {
      if (!valid_public_key(*text)) refuse(where + ": allowed are the 40 characters of the peer's public.key");
      peer.public_key = *text;
    }
    if (key == "public_key_file") peer.public_key = read_public_key(*text, where);
    if (key == "endpoint") {
      if (!parse_endpoint(*text)) refuse(where + " = '" + *text + "': allowed is tcp://HOST:PORT");
      peer.endpoint = *text;
    }
  }
  std::string where = source.at(table->source(), "peer");
  if (peer.name.empty() || peer.endpoint.empty()) refuse(where + ": a peer needs 'name' and 'endpoint'");
  return peer;
}

void take_table(Configuration& configuration, const toml::table& table, const Source& source) {
  for (auto&& [key, value] : table) {
    if (key == "peer") {
      const toml::array* peers = value.as_array();
      if (peers == nullptr) refuse(source.at(value.source(), "peer") + ": allowed are tables, written as [[peer]]");
      configuration.peers.clear();
      for (const toml::node& peer : *peers) configuration.peers.push_back(take_peer(peer, source));
      continue;
    }
    auto known = std::find_if(keys().begin(), keys().end(), [&, name = key.str()](const Key& k) { return k.name == name; });
    std::string where = source.at(value.source(), key.str());
    if (known == keys().end()) {
      auto names = configuration_keys();
      refuse(where + " is unknown" + suggestion(key.str(), names));
    }
    if (!known->take(configuration, value)) refuse(where + " = " + shown(value) + ": allowed is " + known->allowed);
  }
}

void take_setting(Configuration& configuration, const std::string& setting) {
  auto equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) refuse("--set " + setting + ": allowed is key=value");
  std::string key = setting.substr(0, equals);
  std::string value = setting.substr(equals + 1);
  toml::table table;
  try {
    table = toml::parse(key + " = " + value);
  } catch (const toml::parse_error&) {
    table.insert(key, value);  // text without quotes, as a shell hands it over
  }
  take_table(configuration, table, {"", true});
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void fill_in(Configuration& c) {
  const bool root = geteuid() == 0;
  const std::string uid = std::to_string(geteuid());
  if (c.node.empty()) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    c.node = host;
    if (auto dot = c.node.find('.'); dot != std::string::npos && dot > 0) c.node.resize(dot);
    if (c.node.empty()) refuse("this host has no name: give one with the key 'node'");
  }
  if (c.socket.empty()) {
    std::string runtime = environment("XDG_RUNTIME_DIR");
    if (runtime.empty()) runtime = "/tmp/vsync-" + uid;
    c.socket = root ? "/run/vsync/vsync.sock" : runtime + "/vsync/vsync.sock";
  }
  if (c.state_dir.empty()) {
    std::string state = environment("XDG_STATE_HOME");
    if (state.empty() && !environment("HOME").empty()) state = environment("HOME") + "/.local/state";
    if (!root && state.empty()) refuse("no directory for the state: give one with the key 'state_dir', or set HOME");
    c.state_dir = root ? "/var/lib/vsync" : state + "/vsync";
  }
}

void check_peers(Configuration& c) {
  std::set<std::string> names{c.node};
  bool all_loopback = is_loopback(*parse_endpoint(c.listen));
  for (const PeerConfiguration& peer : c.peers) {
    if (!names.insert(peer.name).second) {
      refuse("peer '" + peer.name + "': " + (peer.name == c.node ? "that is this node's own name" : "named twice"));
    }
    all_loopback = all_loopback && is_loopback(*parse_endpoint(peer.endpoint));
    c.protocol.peers.push_back(peer.name);
  }
  if (!c.protocol.tie_breaker.empty() && !names.contains(c.protocol.tie_breaker)) {
    refuse("key 'tie_breaker' = '" + c.protocol.tie_breaker + "': allowed are 'node' and the names of the peers");
  }
  if (c.peers.empty()) return;
  if (is_loopback(*parse_endpoint(c.listen)) && !all_loopback) {
    refuse("key 'listen' = '" + c.listen + "' is loopback, but a peer is on another host and could not reach it");
  }
  if (c.security.empty()) c.security = all_loopback && c.secret_key_file.empty() ? "none" : "curve";
  if (c.security == "none") return;
  if (c.secret_key_file.empty()) {
    refuse("security = \"curve\" needs 'secret_key_file' (`vsyncd keygen DIR` makes one), or write security = \"none\"");
  }
  for (const PeerConfiguration& peer : c.peers) {
    if (peer.public_key.empty()) refuse("peer '" + peer.name + "': security = \"curve\" needs its 'public_key'");
  }
}

void check_times(const Configuration& c) {
  const protocol::Config& p = c.protocol;
  if (p.suspect_after_max < p.suspect_after_min) refuse("suspect_after_max_ms must not be less than suspect_after_min_ms");
  if (p.lease >= p.suspect_after_min) refuse("lease_ms must be less than suspect_after_min_ms");
  if (p.heartbeat_every * 2 > p.lease) refuse("heartbeat_every_ms must be at most half of lease_ms");
  if (p.admit_after <= p.suspect_after_min) refuse("admit_after_ms must be more than suspect_after_min_ms");
  if (p.heartbeat_every * 3 > p.suspect_after_min) refuse("heartbeat_every_ms must be at most a third of suspect_after_min_ms");
  if (c.sessions.silent_after <= c.sessions.ping_every) refuse("session_silent_after_ms must be more than session_ping_every_ms");
}

}  // namespace

Security Configuration::effective_security() const { return security == "none" || peers.empty() ? Security::none : Security::curve; }

std::vector<std::string_view> configuration_keys() {
  std::vector<std::string_view> names{"peer"};
  for (const Key& key : keys()) names.push_back(key.name);
  return names;
}

Configuration load_configuration(const std::optional<std::string>& file, const std::vector<std::string>& settings) {
  Configuration configuration;
  if (file) {
    if (!std::filesystem::is_regular_file(*file)) refuse(*file + ": no such configuration file");
    toml::table table;
    try {
      table = toml::parse_file(*file);
    } catch (const toml::parse_error& error) {
      refuse(*file + ":" + std::to_string(error.source().begin.line) + ":" + std::to_string(error.source().begin.column) + ": " +
             std::string(error.description()));
    }
    take_table(configuration, table, {*file, false});
  }
  for (const std::string& setting : settings) take_setting(configuration, setting);
  fill_in(configuration);
  check_peers(configuration);
  check_times(configuration);
  return configuration;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  constexpr std::string_view scheme = "tcp://";
  if (!text.starts_with(scheme)) return std::nullopt;
  text.remove_prefix(scheme.size());
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  std::string_view port = text.substr(colon + 1);
  if (host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  Endpoint endpoint{std::string(host), 0};
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc{} || end != port.data() + port.size() || endpoint.port == 0) return std::nullopt;
  return endpoint;
}

bool is_loopback(const Endpoint& endpoint) {
  return endpoint.host == "localhost" || endpoint.host == "::1" || endpoint.host.starts_with("127.");
}

}  // namespace vsync::daemon
