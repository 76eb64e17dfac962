#include "daemon/configuration.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <sstream>

#include "daemon/curve_keys.hpp"
#include "daemon/start_error.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* a_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

std::string error_of(const std::string& text, const std::vector<std::string>& settings = {}) {
  TemporaryDirectory directory;
  try {
    (void)load_configuration(directory.write("vsyncd.toml", text), settings);
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::usage);
    return error.what();
  }
  return "";
}

Configuration load(const std::string& text, const std::vector<std::string>& settings = {}) {
  TemporaryDirectory directory;
  return load_configuration(directory.write("vsyncd.toml", text), settings);
}

TEST(Configuration, NothingAtAllIsAClusterOfOneHost) {
  const Configuration configuration = load_configuration(std::nullopt, {});
  EXPECT_FALSE(configuration.node.empty());
  EXPECT_FALSE(configuration.socket.empty());
  EXPECT_FALSE(configuration.state_dir.empty());
  EXPECT_TRUE(configuration.peers.empty());
}

TEST(Configuration, UnknownKeyNamesFileLineAndWhatWasMeant) {
  EXPECT_THAT(error_of("node = \"a\"\nsocket_mod = \"0660\"\n"),
              AllOf(HasSubstr("vsyncd.toml:2"), HasSubstr("'socket_mod' is unknown"), HasSubstr("did you mean 'socket_mode'?")));
}

TEST(Configuration, AForgottenUnitIsRecognised) {
  EXPECT_THAT(error_of("heartbeat_every = 5\n"), HasSubstr("did you mean 'heartbeat_every_ms'?"));
}

TEST(Configuration, BadValueNamesKeyValueAndWhatIsAllowed) {
  EXPECT_THAT(error_of("\nweight = 0\n"), AllOf(HasSubstr("vsyncd.toml:2"), HasSubstr("'weight'"), HasSubstr("= 0"),
                                                HasSubstr("a whole number from 1 to 1000")));
  EXPECT_THAT(error_of("weight = \"heavy\"\n"), HasSubstr("a whole number from 1 to 1000"));
  EXPECT_THAT(error_of("weight = 1.5\n"), HasSubstr("a whole number"));
  EXPECT_THAT(error_of("socket_mode = 660\n"), HasSubstr("octal"));
  EXPECT_THAT(error_of("socket_mode = \"888\"\n"), HasSubstr("octal"));
  EXPECT_THAT(error_of("witness = 1\n"), HasSubstr("true or false"));
  EXPECT_THAT(error_of("node = \"a b\"\n"), HasSubstr("letters, digits"));
  EXPECT_THAT(error_of("listen = \"localhost\"\n"), HasSubstr("tcp://ADDRESS:PORT"));
  EXPECT_THAT(error_of("log_level = \"loud\"\n"), HasSubstr("\"debug\""));
}

TEST(Configuration, BrokenTomlNamesLineAndColumn) { EXPECT_THAT(error_of("node = \"a\"\nweight = \n"), HasSubstr("vsyncd.toml:2:")); }

TEST(Configuration, WhatIsQuotedOfTheFileBreaksNoLineAndDrivesNoTerminal) {
  for (const char* text : {"witness = fa\x19lse\n", "node = \"\"\"a\nb\"\"\"\n", "weight = [1,\n2]\n", "[[peer]]\nname = \"\\u001b[2J\"\n"}) {
    const std::string error = error_of(text);
    EXPECT_FALSE(error.empty()) << text;
    EXPECT_EQ(std::count_if(error.begin(), error.end(), [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; }), 0) << error;
  }
}

TEST(Configuration, AFlightRecorderIsOffOrLargeEnoughToBeOfUse) {
  for (const char* bytes : {"1", "65535", "-1", "1073741825", "\"4M\""}) {
    EXPECT_THAT(error_of(std::string("flight_recorder_bytes = ") + bytes + "\n"), HasSubstr("allowed is 0 or a whole number from 65536 to 1073741824"));
  }
  for (const char* bytes : {"0", "65536", "1073741824"}) {
    EXPECT_EQ(load_configuration(std::nullopt, {std::string("flight_recorder_bytes=") + bytes}).flight_recorder_bytes, std::stoull(bytes));
  }
}

TEST(Configuration, MissingFileIsNamed) {
  try {
    (void)load_configuration("/nowhere/vsyncd.toml", {});
    FAIL();
  } catch (const StartError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/vsyncd.toml"));
  }
  TemporaryDirectory directory;
  try {
    (void)load_configuration(directory.path(), {});
    FAIL();
  } catch (const StartError& error) {
    EXPECT_THAT(error.what(), HasSubstr("is a directory: allowed is a file"));
  }
}

// Its beginning could be a configuration of its own, of a cluster of one host somewhere else.
TEST(Configuration, AFileThatCannotBeReadToItsEndIsNoConfiguration) {
  try {
    (void)load_configuration("/proc/self/mem", {});  // nothing is at its beginning
    FAIL();
  } catch (const StartError& error) {
    EXPECT_STREQ(error.what(), "/proc/self/mem: Input/output error: allowed is a file that can be read");
  }
}

TEST(Configuration, ASettingGoesOverTheFile) {
  EXPECT_EQ(load("node = \"a\"\nweight = 2\n", {"weight=3"}).protocol.weight, 3u);
  EXPECT_EQ(load("node = \"a\"\n", {"node=b"}).node, "b");
  EXPECT_THAT(error_of("", {"wait=3"}), HasSubstr("--set wait"));
  EXPECT_THAT(error_of("", {"weight"}), HasSubstr("key=value"));
}

TEST(Configuration, WhatMustBeThereIsNamedWithFileLineKeyAndWhatIsAllowed) {
  const auto named = [](const std::string& key) { return AllOf(HasSubstr("vsyncd.toml:2: key '" + key + "'"), HasSubstr("allowed")); };
  const std::string peer = "\n[[peer]]\nname = \"b\"\nendpoint = \"tcp://127.0.0.1:1\"\npublic_key = \"" + std::string(a_key) + "\"\n";
  EXPECT_THAT(error_of("node = \"a\"\nsecret_key_file = \"/nowhere\"" + peer), AllOf(named("secret_key_file"), HasSubstr("/nowhere")));
  EXPECT_THAT(error_of("[[peer]]\npublic_key_file = \"/nowhere\"\n"), AllOf(named("peer.public_key_file"), HasSubstr("/nowhere")));
  EXPECT_THAT(error_of("\nsocket_group = \"no such group\"\n"), named("socket_group"));
  EXPECT_THAT(error_of("\nloop_cpu = 1023\n"), named("loop_cpu"));
  EXPECT_THAT(error_of("\nio_cpu = 1023\n"), named("io_cpu")) << "libzmq would abort";
  EXPECT_THAT(error_of("\nsocket = \"/" + std::string(107, 's') + "\"\n"), HasSubstr("vsyncd.toml:2: key 'socket'"));
}

TEST(Configuration, AKeyOfTheDaemonBehindAPeerIsRecognised) {
  EXPECT_THAT(error_of("[[peer]]\nname = \"b\"\nendpoint = \"tcp://b:1\"\nweight = 2\n"),
              AllOf(HasSubstr(":4: key 'peer.weight'"), HasSubstr("before the first [[peer]]")));
}

TEST(Configuration, SeveralHostsNeedKeysOrAWrittenNone) {
  TemporaryDirectory keys;
  write_key_pair(keys.path());
  const std::string secret = "secret_key_file = \"" + keys / "secret.key" + "\"\n";
  const std::string peer = "listen = \"tcp://*:5670\"\n[[peer]]\nname = \"b\"\nendpoint = \"tcp://192.0.2.2:5670\"\n";
  EXPECT_THAT(error_of("node = \"a\"\n" + peer), HasSubstr("secret_key_file"));
  EXPECT_THAT(error_of("node = \"a\"\n" + secret + peer), HasSubstr(":4: key 'peer': 'b' needs its 'public_key'"));
  EXPECT_EQ(load("node = \"a\"\nsecurity = \"none\"\n" + peer).effective_security(), Security::none);
  EXPECT_EQ(load("node = \"a\"\n" + secret + peer + "public_key = \"" + a_key + "\"\n").effective_security(),
            Security::curve);
}

TEST(Configuration, LoopbackMayGoWithoutKeys) {
  const Configuration configuration = load("node = \"a\"\n[[peer]]\nname = \"b\"\nendpoint = \"tcp://127.0.0.1:5671\"\n");
  EXPECT_EQ(configuration.effective_security(), Security::none);
  EXPECT_THAT(configuration.protocol.peers, ::testing::ElementsAre("b"));
}

TEST(Configuration, APeerMayHaveAnAddressInEachOfTwoNetworks) {
  const Configuration configuration =
      load("node = \"a\"\n[[peer]]\nname = \"b\"\nendpoint = [\"tcp://127.0.0.1:5671\", \"tcp://127.0.0.2:5671\"]\n");
  ASSERT_EQ(configuration.peers.size(), 1u);
  EXPECT_THAT(configuration.peers[0].endpoints, ::testing::ElementsAre("tcp://127.0.0.1:5671", "tcp://127.0.0.2:5671"));
}

TEST(Configuration, PeersAreChecked) {
  const std::string b = "[[peer]]\nname = \"b\"\nendpoint = \"tcp://127.0.0.1:1\"\n";
  EXPECT_THAT(error_of("node = \"b\"\n" + b), AllOf(HasSubstr("vsyncd.toml:2"), HasSubstr("own name")));
  EXPECT_THAT(error_of("node = \"a\"\n" + b + b), AllOf(HasSubstr("vsyncd.toml:5"), HasSubstr("named twice")));
  const std::string key = std::string("public_key = \"") + a_key + "\"\n";
  EXPECT_THAT(error_of(b + "[[peer]]\nname = \"c\"\nendpoint = [\"tcp://127.0.0.1:2\", \"tcp://127.0.0.1:1\"]\n"),
              HasSubstr("has the address tcp://127.0.0.1:1 of 'b'"));
  EXPECT_THAT(error_of(b + key + "[[peer]]\nname = \"c\"\nendpoint = \"tcp://127.0.0.1:2\"\n" + key), HasSubstr("has the public key of 'b'"));
  EXPECT_THAT(error_of("[[peer]]\nname = \"b c\"\n"), AllOf(HasSubstr(":2: key 'peer.name'"), HasSubstr("letters, digits")));
  EXPECT_THAT(error_of("[[peer]]\nendpoint = \"tcp://*:1\"\n"), HasSubstr("tcp://HOST:PORT"));
  EXPECT_THAT(error_of("[[peer]]\nendpoint = [\"tcp://b:1\", 7]\n"), AllOf(HasSubstr(":2: key 'peer.endpoint' = 7"), HasSubstr("a list of two")));
  EXPECT_THAT(error_of("[[peer]]\nendpoint = []\n"), HasSubstr("allowed are one or two different addresses"));
  EXPECT_THAT(error_of("[[peer]]\nendpoint = [\"tcp://b:1\", \"tcp://b:1\"]\n"), HasSubstr("one or two different addresses"));
  EXPECT_THAT(error_of("[[peer]]\nendpoint = [\"tcp://b:1\", \"tcp://c:1\", \"tcp://d:1\"]\n"), HasSubstr("one or two different addresses"));
  std::string many;
  for (int i = 0; i < 64; ++i) many += "[[peer]]\nname = \"p" + std::to_string(i) + "\"\nendpoint = \"tcp://127.0.0.1:" + std::to_string(i + 1) + "\"\n";
  EXPECT_THAT(error_of(many), HasSubstr("at most 63"));
  EXPECT_THAT(error_of("[[peer]]\nname = \"b\"\n"), HasSubstr("'endpoint'"));
  EXPECT_THAT(error_of("[[peer]]\nnaem = \"b\"\n"), AllOf(HasSubstr(":2"), HasSubstr("did you mean 'name'")));
  EXPECT_THAT(error_of("[[peer]]\nname = \"b\"\nendpoint = \"b:5670\"\n"), HasSubstr("tcp://HOST:PORT"));
  EXPECT_THAT(error_of("[[peer]]\nname = \"b\"\nendpoint = \"tcp://b:1\"\npublic_key = \"short\"\n"), HasSubstr("40 characters"));
  EXPECT_THAT(error_of("node = \"a\"\ntie_breaker = \"z\"\n"), HasSubstr("tie_breaker"));
  EXPECT_THAT(error_of("node = \"a\"\nsecurity = \"none\"\n[[peer]]\nname = \"b\"\nendpoint = \"tcp://192.0.2.1:1\"\n"),
              HasSubstr("is loopback"));
}

TEST(Configuration, TimesFitTogether) {
  EXPECT_THAT(error_of("\nlease_ms = 900\n"), HasSubstr("vsyncd.toml:2: key 'lease_ms' = 900: lease_ms must be less than suspect_after_min_ms"));
  EXPECT_THAT(error_of("suspect_after_min_ms = 200\n"), HasSubstr(":1: key 'suspect_after_min_ms' = 200: lease_ms must be less"));
  EXPECT_THAT(error_of("", {"lease_ms=900"}), HasSubstr("--set lease_ms = 900: lease_ms must be less"));
  EXPECT_THAT(error_of("admit_after_ms = 100\n"), HasSubstr("admit_after_ms must be more"));
  EXPECT_THAT(error_of("heartbeat_every_ms = 500\n"), HasSubstr("at most half of lease_ms"));
  EXPECT_THAT(error_of("heartbeat_every_ms = 250\nlease_ms = 550\n"), HasSubstr("a third"));
}

TEST(Configuration, EndpointsWithNamesAndIpv6) {
  EXPECT_EQ(parse_endpoint("tcp://host.example:1")->host, "host.example");
  EXPECT_EQ(parse_endpoint("tcp://[2001:db8::1]:5670")->host, "2001:db8::1");
  EXPECT_EQ(parse_endpoint("tcp://*:5670")->port, 5670);
  for (const char* bad : {"tcp://h", "tcp://:1", "tcp://h:0", "tcp://h:70000", "tcp://h:1x", "udp://h:1", "tcp://1::2:3", ""}) {
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
  }
}

// What people read and what is in force must not drift apart.
TEST(Configuration, TheCommentedFileNamesEveryKeyWithItsDefault) {
  const std::string text(default_configuration_text());
  std::istringstream lines(text);
  std::ostringstream uncommented;
  std::vector<std::string> named;
  const std::regex assignment("#([a-z_]+) = .*");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line == "#[[peer]]") named.emplace_back("peer");
    if (!std::regex_match(line, match, assignment)) continue;
    const std::string key = match[1];
    if (key == "name" || key == "endpoint" || key == "public_key") continue;  // of the example peer
    named.push_back(key);
    uncommented << line.substr(1) << "\n";
  }
  std::vector<std::string> known;
  for (std::string_view key : configuration_keys()) known.emplace_back(key);
  EXPECT_THAT(named, ::testing::UnorderedElementsAreArray(known));

  const Configuration written = load(uncommented.str());
  const Configuration built_in = load_configuration(std::nullopt, {});
  EXPECT_EQ(written.sessions, built_in.sessions);
  EXPECT_EQ(written.listen, built_in.listen);
  EXPECT_EQ(written.socket, built_in.socket);
  EXPECT_EQ(written.socket_mode, built_in.socket_mode);
  EXPECT_EQ(written.state_dir, built_in.state_dir);
  EXPECT_EQ(written.peer_queue_bytes_max, built_in.peer_queue_bytes_max);
  EXPECT_EQ(written.leave_within, built_in.leave_within);
  EXPECT_EQ(written.log_level, built_in.log_level);
  EXPECT_EQ(written.io_threads, built_in.io_threads);
  EXPECT_EQ(written.loop_cpu, built_in.loop_cpu);
  const protocol::Config& a = written.protocol;
  const protocol::Config b;
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ(a.min_weight, b.min_weight);
  EXPECT_EQ(a.heartbeat_every, b.heartbeat_every);
  EXPECT_EQ(a.suspect_after_min, b.suspect_after_min);
  EXPECT_EQ(a.suspect_after_max, b.suspect_after_max);
  EXPECT_EQ(a.lease, b.lease);
  EXPECT_EQ(a.ack_every, b.ack_every);
  EXPECT_EQ(a.fetch_again_after, b.fetch_again_after);
  EXPECT_EQ(a.fetch_tries, b.fetch_tries);
  EXPECT_EQ(a.admit_after, b.admit_after);
  EXPECT_EQ(a.raise_after, b.raise_after);
  EXPECT_EQ(a.lag_exclude_after, b.lag_exclude_after);
  EXPECT_EQ(a.window_bytes, b.window_bytes);
  EXPECT_EQ(a.window_messages, b.window_messages);
  EXPECT_EQ(a.fetch_bytes_max, b.fetch_bytes_max);
  EXPECT_EQ(a.session_window, b.session_window);
  EXPECT_EQ(a.session_expires_after, b.session_expires_after);
}

TEST(CurveKeys, APairIsMadeOnceAndReadBack) {
  TemporaryDirectory directory;
  write_key_pair(directory / "keys");
  const KeyPair pair = read_secret_key(directory / "keys/secret.key", "");
  EXPECT_EQ(pair.public_key, read_public_key(directory / "keys/public.key", ""));
  EXPECT_THROW(write_key_pair(directory / "keys"), StartError) << "keys must never be overwritten";
}

TEST(CurveKeys, APairIsWrittenWholeOrNotAtAll) {
  TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "keys/public.key");  // in its way
  EXPECT_THROW(write_key_pair(directory / "keys"), StartError);
  EXPECT_FALSE(std::filesystem::exists(directory / "keys/secret.key"));
  std::filesystem::remove(directory / "keys/public.key");
  EXPECT_NO_THROW(write_key_pair(directory / "keys"));
}

TEST(CurveKeys, ASecretThatOthersMayReadIsRefused) {
  TemporaryDirectory directory;
  write_key_pair(directory / "keys");
  const std::string file = directory / "keys/secret.key";
  for (const unsigned mode : {0644u, 0604u, 0620u, 0660u}) {
    std::filesystem::permissions(file, std::filesystem::perms{mode});
    EXPECT_THROW((void)read_secret_key(file, ""), StartError) << std::oct << mode;
  }
}

// systemd/vsync.tmpfiles gives the keys in /etc to root, readable for the daemon's group.
TEST(CurveKeys, OneGroupMayReadASecretOfRoots) {
  TemporaryDirectory directory;
  write_key_pair(directory / "keys");
  const std::string file = directory / "keys/secret.key";
  std::filesystem::permissions(file, std::filesystem::perms{0640});
  if (geteuid() == 0) {
    EXPECT_NO_THROW((void)read_secret_key(file, ""));
  } else {
    EXPECT_THROW((void)read_secret_key(file, ""), StartError) << "the file of anybody else";
  }
}

}  // namespace
}  // namespace vsync::daemon
