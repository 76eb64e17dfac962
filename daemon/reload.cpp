#include "daemon/reload.hpp"

#include <algorithm>

#include "daemon/configuration_keys.hpp"
#include "daemon/start_error.hpp"

namespace vsync::daemon {

namespace {

[[noreturn]] void refuse(const std::string& line) { throw StartError(ExitStatus::usage, line); }

const PeerConfiguration* find(const std::vector<PeerConfiguration>& peers, const std::string& name) {
  const auto found = std::find_if(peers.begin(), peers.end(), [&](const PeerConfiguration& peer) { return peer.name == name; });
  return found == peers.end() ? nullptr : &*found;
}

std::string shown(const PeerConfiguration& peer) {
  std::string text;
  for (const std::string& endpoint : peer.endpoints) text += (text.empty() ? "" : ", ") + endpoint;
  if (!peer.public_key.empty()) text += " with the key " + peer.public_key;
  return text;
}

void compare_peers(const Configuration& running, const Configuration& wanted, std::vector<Reload::Change>& changed) {
  for (const PeerConfiguration& peer : running.peers) {
    const PeerConfiguration* now = find(wanted.peers, peer.name);
    if (now == nullptr) {
      changed.push_back({"peer " + peer.name, shown(peer), "none"});
    } else if (*now != peer) {
      changed.push_back({"peer " + peer.name, shown(peer), shown(*now)});
    }
  }
  for (const PeerConfiguration& peer : wanted.peers) {
    if (find(running.peers, peer.name) == nullptr) changed.push_back({"peer " + peer.name, "none", shown(peer)});
  }
}

// How the daemon meets its peers is settled when it begins to listen.
bool is_of_listening(std::string_view key) { return key == "listen" || key == "security" || key == "secret_key_file"; }

// New peers must not be met in a way that is meant to have ended, nor one that can't reach them.
void check_with_what_stays(const Configuration& running, const Configuration& wanted) {
  const std::string later = ": the new peers need it, and it takes a restart; nothing was changed";
  if (wanted.security != running.security) {
    refuse("key 'security' becomes \"" + wanted.security + "\" and was \"" + running.security + "\"" + later);
  }
  if (!is_loopback(*parse_endpoint(running.listen))) return;
  for (const PeerConfiguration& peer : wanted.peers) {
    for (const std::string& endpoint : peer.endpoints) {
      if (is_loopback(*parse_endpoint(endpoint))) continue;
      refuse("key 'listen' becomes '" + wanted.listen + "' and was '" + running.listen + "', which '" + peer.name + "' can't reach" +
             later);
    }
  }
}

}  // namespace

Reload plan_reload(const Configuration& running, const Configuration& read, bool listening) {
  Configuration wanted = read;
  if (wanted.security.empty()) wanted.security = running.security;  // nothing depends on it without peers
  if (wanted.node != running.node) {
    refuse("key 'node': this daemon is '" + running.node + "', and the file is now that of '" + wanted.node +
           "'; write its own name, or restart it; nothing was changed");
  }
  Reload reload;
  reload.configuration = running;
  for (const Key& key : keys()) {
    const Reload::Change change{std::string(key.name), key.show(running), key.show(wanted)};
    if (change.from == change.to) continue;
    if (key.at_start_only && (listening || !is_of_listening(key.name))) {
      reload.at_restart.push_back(change);
    } else {
      key.copy(reload.configuration, wanted);
      if (!is_of_listening(key.name) || !wanted.peers.empty()) reload.changed.push_back(change);
    }
  }
  if (listening && running.peers != wanted.peers && !wanted.peers.empty()) check_with_what_stays(running, wanted);
  compare_peers(running, wanted, reload.changed);
  reload.configuration.peers = wanted.peers;
  reload.configuration.protocol.peers = wanted.protocol.peers;
  return reload;
}

std::string text_of(const Reload::Change& change) { return change.key + ": " + change.from + " -> " + change.to; }

}  // namespace vsync::daemon
