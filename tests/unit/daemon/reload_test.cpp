// What follows from a configuration that was read again.

#include "daemon/reload.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "daemon/configuration_keys.hpp"
#include "daemon/start_error.hpp"
#include "protocol/engine.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* b = "[[peer]]\nname = \"b\"\nendpoint = \"tcp://127.0.0.1:1\"\n";
constexpr const char* far = "[[peer]]\nname = \"far\"\nendpoint = \"tcp://192.0.2.1:1\"\n";

Configuration read(const std::string& text) {
  TemporaryDirectory directory;
  return load_configuration(directory.write("vsyncd.toml", "node = \"a\"\n" + text), {});
}

Reload reload(const std::string& from, const std::string& to, bool listening = true) {
  return plan_reload(read(from), read(to), listening);
}

std::string refusal(const std::string& from, const std::string& to) {
  try {
    (void)reload(from, to);
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
  return "";
}

std::vector<std::string> texts(const std::vector<Reload::Change>& changes) {
  std::vector<std::string> out;
  for (const Reload::Change& change : changes) out.push_back(text_of(change));
  return out;
}

TEST(Reload, NothingIsNothing) {
  const Reload done = reload(std::string("weight = 2\n") + b, std::string("weight = 2\n") + b);
  EXPECT_THAT(done.changed, IsEmpty());
  EXPECT_THAT(done.at_restart, IsEmpty());
}

TEST(Reload, WhatChangesIsTakenKeyByKey) {
  const Reload done = reload("lease_ms = 200\n", "weight = 5\nsocket_mode = \"0600\"\nlog_level = \"debug\"\nmin_weight = 2\n");
  EXPECT_THAT(texts(done.changed), ElementsAre("socket_mode: \"0660\" -> \"0600\"", "weight: 1 -> 5", "min_weight: 1 -> 2", "lease_ms: 200 -> 300",
                                               "log_level: \"info\" -> \"debug\""));
  EXPECT_EQ(done.configuration.protocol.weight, 5u);
  EXPECT_EQ(done.configuration.protocol.lease, std::chrono::milliseconds(300));
  EXPECT_EQ(done.configuration.log_level, Severity::debug);
}

TEST(Reload, WhatNeedsARestartIsNamedAndStaysAsItWas) {
  const Reload done = reload("", "witness = true\nweight = 5\nio_threads = 2\nstate_dir = \"/elsewhere\"\n");
  EXPECT_THAT(texts(done.changed), ElementsAre("weight: 1 -> 5"));
  EXPECT_THAT(done.at_restart, ::testing::SizeIs(3));
  EXPECT_FALSE(done.configuration.protocol.witness);
  EXPECT_EQ(done.configuration.io_threads, 1u);
}

TEST(Reload, PeersAreToldByName) {
  const std::string c = "[[peer]]\nname = \"c\"\nendpoint = \"tcp://127.0.0.1:2\"\n";
  EXPECT_THAT(texts(reload(b, b + c).changed), ElementsAre("peer c: none -> tcp://127.0.0.1:2"));
  const Reload done = reload(b + c, "[[peer]]\nname = \"c\"\nendpoint = [\"tcp://127.0.0.1:3\", \"tcp://127.0.0.2:3\"]\n");
  EXPECT_THAT(texts(done.changed),
              ElementsAre("peer b: tcp://127.0.0.1:1 -> none", "peer c: tcp://127.0.0.1:2 -> tcp://127.0.0.1:3, tcp://127.0.0.2:3"));
  EXPECT_THAT(done.configuration.protocol.peers, ElementsAre("c"));
}

TEST(Reload, AnotherDaemonsFileIsRefused) {
  TemporaryDirectory directory;
  const Configuration others = load_configuration(directory.write("vsyncd.toml", "node = \"b\"\n"), {});
  EXPECT_THROW((void)plan_reload(read(""), others, false), StartError);
}

TEST(Reload, NewPeersAreNotMetInAWayThatWasMeantToEnd) {
  const std::string far_peer = std::string("security = \"none\"\n") + "listen = \"tcp://*:5670\"\n" + far;
  EXPECT_THAT(refusal(b, far_peer), HasSubstr("'far' can't reach"));
  Configuration encrypted = read(b);
  encrypted.security = "curve";
  encrypted.peers = {};
  encrypted.peers.push_back({"c", {"tcp://127.0.0.1:7"}, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"});
  EXPECT_THROW((void)plan_reload(read(b), encrypted, true), StartError);
}

TEST(Reload, ADaemonThatNeverListenedTakesItsAddressWithItsFirstPeers) {
  const Reload done = reload("", std::string("listen = \"tcp://127.0.0.1:77\"\n") + b, false);
  EXPECT_EQ(done.configuration.listen, "tcp://127.0.0.1:77");
  EXPECT_THAT(done.at_restart, IsEmpty());
  EXPECT_EQ(reload(b, std::string("listen = \"tcp://127.0.0.1:77\"\n") + b).configuration.listen, "tcp://127.0.0.1:5670");
}

TEST(Reload, EveryKeyCanBeShownAndCopied) {
  const Configuration defaults = read("");
  for (const Key& key : keys()) {
    Configuration copy;
    key.copy(copy, defaults);
    EXPECT_EQ(key.show(copy), key.show(defaults)) << key.name;
    const toml::table table = toml::parse(std::string(key.name) + " = " + key.show(defaults));
    EXPECT_TRUE(key.take(copy, *table.get(key.name))) << key.name << ": what is shown can be written";
  }
}

TEST(Reload, TheProtocolRefusesNothingThatIsTaken) {
  Configuration changed = read("");
  const Configuration running = changed;
  for (const Key& key : keys()) {
    if (key.at_start_only) continue;
    // Of each kind another value: the bounds don't matter here.
    key.copy(changed, read(key.show(running).starts_with('"') || key.show(running) == "true" || key.show(running) == "false"
                               ? ""
                               : "weight = 2\nmin_weight = 2\nlease_ms = 200\nsuspect_after_min_ms = 500\nwindow_bytes = 1048576\n"));
  }
  EXPECT_TRUE(protocol::may_reconfigure(running.protocol, changed.protocol));
}

}  // namespace
}  // namespace vsync::daemon
