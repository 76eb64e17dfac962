#include "daemon/configuration.hpp"

#include <grp.h>
#include <sched.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "daemon/configuration_keys.hpp"
#include "daemon/curve_keys.hpp"
#include "daemon/start_error.hpp"
#include "wire/limits.hpp"
#include "wire/text.hpp"

namespace vsync::daemon {

namespace {

constexpr std::size_t endpoints_max = 2;

[[noreturn]] void refuse(const std::string& line) { throw StartError(ExitStatus::usage, line); }

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

bool known_key(std::string_view name) {
  return std::any_of(keys().begin(), keys().end(), [&](const Key& key) { return key.name == name; });
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// libzmq's threads abort on a processor that isn't there, and only trying tells: this process may be kept to some of them.
bool processor_exists(int number) {
  cpu_set_t before, wanted;
  CPU_ZERO(&wanted);
  CPU_SET(static_cast<std::size_t>(number), &wanted);
  if (sched_getaffinity(0, sizeof before, &before) != 0) return true;
  const bool exists = sched_setaffinity(0, sizeof wanted, &wanted) == 0;
  sched_setaffinity(0, sizeof before, &before);
  return exists;
}

// Takes what was written where, and remembers it: a complaint about keys that don't fit together names the place, too.
class Loader {
 public:
  void take_file(const std::string& file);
  void take_setting(const std::string& setting);
  Configuration finish();

 private:
  void take_table(const toml::table& table);
  std::vector<std::string> take_endpoints(const toml::node& value, const std::string& place);
  PeerConfiguration take_peer(const toml::node& node);
  void fill_in();
  void check_places();
  void check_peers();
  void check_keys();
  void check_times();

  // "FILE:12: key 'node'" or "--set node": where a value was written.
  [[nodiscard]] std::string at(const toml::source_region& region, std::string_view key) const {
    if (file_.empty()) return "--set " + std::string(key);
    return file_ + ":" + std::to_string(region.begin.line) + ": key '" + std::string(key) + "'";
  }
  // `rule` is about `keys`; the first of them that somebody wrote is to blame.
  void require(bool good, std::initializer_list<std::string_view> keys, const std::string& rule) const {
    if (good) return;
    for (const std::string_view key : keys) {
      const auto written = written_.find(key);
      if (written != written_.end()) refuse(written->second.place + " = " + written->second.value + ": " + rule);
    }
    refuse(rule);
  }

  struct Written {
    std::string place;
    std::string value;
  };

  Configuration configuration_;
  std::string file_;  ///< being read; empty: the command line
  std::map<std::string, Written, std::less<>> written_;  ///< by key
  std::vector<std::string> peers_at_;  ///< of each peer
};

std::vector<std::string> Loader::take_endpoints(const toml::node& value, const std::string& place) {
  std::vector<std::string> endpoints;
  const auto take = [&](const toml::node& node) {
    const auto text = node.value<std::string>();
    const auto endpoint = node.is_string() ? parse_endpoint(*text) : std::nullopt;
    if (!endpoint || endpoint->host == "*") {
      const std::string given = node.is_string() ? "'" + *text + "'" : shown(node);
      refuse(place + " = " + given + ": allowed is tcp://HOST:PORT, or a list of two of them");
    }
    endpoints.push_back(*text);
  };
  if (const toml::array* list = value.as_array()) {
    for (const toml::node& node : *list) take(node);
  } else {
    take(value);
  }
  const bool twice = endpoints.size() == 2 && endpoints[0] == endpoints[1];
  if (endpoints.empty() || endpoints.size() > endpoints_max || twice) refuse(place + ": allowed are one or two different addresses");
  return endpoints;
}

PeerConfiguration Loader::take_peer(const toml::node& node) {
  static constexpr std::string_view known[] = {"name", "endpoint", "public_key", "public_key_file"};
  const toml::table* table = node.as_table();
  if (table == nullptr) refuse(at(node.source(), "peer") + ": allowed is a table, written as [[peer]]");
  PeerConfiguration peer;
  for (auto&& [key, value] : *table) {
    std::string place = at(value.source(), "peer." + std::string(key.str()));
    auto text = value.value<std::string>();
    if (std::find(std::begin(known), std::end(known), key.str()) == std::end(known)) {
      if (known_key(key.str())) refuse(place + " is no key of a peer: the daemon's own keys stand before the first [[peer]]");
      refuse(place + " is unknown" + suggestion(key.str(), known));
    }
    if (key == "endpoint") {
      peer.endpoints = take_endpoints(value, place);
      continue;
    }
    if (!value.is_string()) refuse(place + " = " + shown(value) + ": allowed is text in quotes");
    if (key == "name") {
      if (!wire::valid_node_name(*text)) refuse(place + " = '" + *text + "': allowed is a name of 1 to 63 letters, digits, '-', '_', '.'");
      peer.name = *text;
    }
    if (key == "public_key") {
      if (!valid_public_key(*text)) refuse(place + ": allowed are the 40 characters of the peer's public.key");
      peer.public_key = *text;
    }
    if (key == "public_key_file") peer.public_key = read_public_key(*text, place);
  }
  std::string place = at(table->source(), "peer");
  if (peer.name.empty() || peer.endpoints.empty()) refuse(place + ": a peer needs 'name' and 'endpoint'");
  return peer;
}

void Loader::take_table(const toml::table& table) {
  for (auto&& [key, value] : table) {
    std::string place = at(value.source(), key.str());
    if (key == "peer") {
      const toml::array* peers = value.as_array();
      if (peers == nullptr) refuse(place + ": allowed are tables, written as [[peer]]");
      configuration_.peers.clear();
      peers_at_.clear();
      for (const toml::node& peer : *peers) {
        configuration_.peers.push_back(take_peer(peer));
        peers_at_.push_back(at(peer.source(), "peer"));
      }
      continue;
    }
    auto known = std::find_if(keys().begin(), keys().end(), [&, name = key.str()](const Key& k) { return k.name == name; });
    if (known == keys().end()) {
      auto names = configuration_keys();
      refuse(place + " is unknown" + suggestion(key.str(), names));
    }
    if (!known->take(configuration_, value)) refuse(place + " = " + shown(value) + ": allowed is " + known->allowed);
    written_.insert_or_assign(std::string(key.str()), Written{place, shown(value)});
  }
}

void Loader::take_file(const std::string& file) {
  const std::string allowed = ": allowed is a file that can be read";
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) refuse(file + ": no such configuration file" + allowed);
  if (std::filesystem::is_directory(status)) refuse(file + " is a directory" + allowed);
  // Before it is parsed: a file that can be read in part only would be a configuration of its own, an empty one even.
  errno = 0;
  std::ifstream input(file);
  std::string text;
  for (char piece[4096]; input.read(piece, sizeof piece), input.gcount() > 0;) text.append(piece, static_cast<std::size_t>(input.gcount()));
  if (input.bad() || !input.eof()) refuse(file + ": " + std::strerror(errno) + allowed);
  file_ = file;
  toml::table table;
  try {
    table = toml::parse(text, file);
  } catch (const toml::parse_error& problem) {
    refuse(file + ":" + std::to_string(problem.source().begin.line) + ":" + std::to_string(problem.source().begin.column) + ": " +
           std::string(problem.description()));
  }
  take_table(table);
  file_.clear();
}

void Loader::take_setting(const std::string& setting) {
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
  take_table(table);
}

Configuration Loader::finish() {
  fill_in();
  check_places();
  check_peers();
  check_keys();
  check_times();
  return std::move(configuration_);
}

void Loader::fill_in() {
  Configuration& c = configuration_;
  const bool root = geteuid() == 0;
  const std::string uid = std::to_string(geteuid());
  if (c.node.empty()) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    c.node = host;
    if (auto dot = c.node.find('.'); dot != std::string::npos && dot > 0) c.node.resize(dot);
    if (!wire::valid_node_name(c.node)) refuse("this host's name '" + c.node + "' can't be a node's: give one with the key 'node'");
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

void Loader::check_places() {
  const Configuration& c = configuration_;
  require(c.socket.size() < sizeof sockaddr_un{}.sun_path, {"socket"}, "a socket's path has at most 107 bytes: " + c.socket);
  require(c.socket_group.empty() || getgrnam(c.socket_group.c_str()) != nullptr, {"socket_group"}, "allowed is a group of this host");
  for (const auto& [key, processor] : {std::pair{"loop_cpu", c.loop_cpu}, std::pair{"io_cpu", c.io_cpu}}) {
    require(processor < 0 || processor_exists(processor), {key}, "allowed is -1 or the number of a processor of this machine");
  }
}

void Loader::check_peers() {
  Configuration& c = configuration_;
  std::map<std::string, std::size_t> names;
  std::map<std::string, std::size_t> public_keys;
  std::map<std::string, std::size_t> addresses;
  bool all_loopback = is_loopback(*parse_endpoint(c.listen));
  for (std::size_t i = 0; i < c.peers.size(); ++i) {
    const PeerConfiguration& peer = c.peers[i];
    const std::string place = peers_at_[i] + ": '" + peer.name + "' ";
    if (peer.name == c.node) refuse(place + "is this node's own name: allowed are the other daemons");
    if (!names.emplace(peer.name, i).second) refuse(place + "is named twice");
    if (!peer.public_key.empty()) {
      const auto [other, fresh] = public_keys.emplace(peer.public_key, i);
      if (!fresh) refuse(place + "has the public key of '" + c.peers[other->second].name + "': allowed is one of its own");
    }
    for (const std::string& endpoint : peer.endpoints) {
      all_loopback = all_loopback && is_loopback(*parse_endpoint(endpoint));
      const auto [other, fresh] = addresses.emplace(endpoint, i);
      if (!fresh) refuse(place + "has the address " + endpoint + " of '" + c.peers[other->second].name + "': allowed is one of its own");
    }
    c.protocol.peers.push_back(peer.name);
  }
  const std::string& tie_breaker = c.protocol.tie_breaker;
  require(tie_breaker.empty() || tie_breaker == c.node || names.contains(tie_breaker), {"tie_breaker"},
          "allowed are the names of this node and of its peers");
  if (c.peers.empty()) return;
  if (c.peers.size() >= wire::members_max) {
    refuse(peers_at_[wire::members_max - 1] + ": allowed are at most " + std::to_string(wire::members_max - 1));
  }
  require(!is_loopback(*parse_endpoint(c.listen)) || all_loopback, {"listen"},
          "'" + c.listen + "' is loopback, but a peer is on another host and could not reach it: allowed is an address that it reaches, or '*'");
  if (c.security.empty()) c.security = all_loopback && c.secret_key_file.empty() ? "none" : "curve";
}

void Loader::check_keys() {
  const Configuration& c = configuration_;
  if (c.effective_security() == Security::none) return;
  require(!c.secret_key_file.empty(), {"security", "listen"},
          "encryption needs 'secret_key_file' (`vsyncd keygen DIR` makes one), or write security = \"none\"");
  (void)read_secret_key(c.secret_key_file, written_.at("secret_key_file").place);
  for (std::size_t i = 0; i < c.peers.size(); ++i) {
    if (c.peers[i].public_key.empty()) refuse(peers_at_[i] + ": '" + c.peers[i].name + "' needs its 'public_key' for encryption");
  }
}

void Loader::check_times() {
  const Configuration& c = configuration_;
  const protocol::Config& p = c.protocol;
  require(p.suspect_after_max >= p.suspect_after_min, {"suspect_after_max_ms", "suspect_after_min_ms"},
          "suspect_after_max_ms must not be less than suspect_after_min_ms");
  require(p.lease < p.suspect_after_min, {"lease_ms", "suspect_after_min_ms"}, "lease_ms must be less than suspect_after_min_ms");
  require(p.heartbeat_every * 2 <= p.lease, {"heartbeat_every_ms", "lease_ms"}, "heartbeat_every_ms must be at most half of lease_ms");
  require(p.lag_exclude_after > p.suspect_after_min, {"lag_exclude_after_ms", "suspect_after_min_ms"},
          "lag_exclude_after_ms must be more than suspect_after_min_ms");
  require(p.admit_after > p.suspect_after_min, {"admit_after_ms", "suspect_after_min_ms"},
          "admit_after_ms must be more than suspect_after_min_ms");
  require(p.heartbeat_every * 3 <= p.suspect_after_min, {"heartbeat_every_ms", "suspect_after_min_ms"},
          "heartbeat_every_ms must be at most a third of suspect_after_min_ms");
  require(c.sessions.silent_after > c.sessions.ping_every, {"session_silent_after_ms", "session_ping_every_ms"},
          "session_silent_after_ms must be more than session_ping_every_ms");
}

}  // namespace

Security Configuration::effective_security() const { return security == "none" || peers.empty() ? Security::none : Security::curve; }

std::vector<std::string_view> configuration_keys() {
  std::vector<std::string_view> names{"peer"};
  for (const Key& key : keys()) names.push_back(key.name);
  return names;
}

Configuration load_configuration(const std::optional<std::string>& file, const std::vector<std::string>& settings) {
  Loader loader;
  if (file) loader.take_file(*file);
  for (const std::string& setting : settings) loader.take_setting(setting);
  return loader.finish();
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
