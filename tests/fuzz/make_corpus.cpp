// Writes seeds for one fuzz target: make-corpus TARGET DIRECTORY

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

#include "checker/trace_text.hpp"
#include "daemon/configuration.hpp"
#include "random.hpp"
#include "tests/unit/checker/traces.hpp"
#include "wire/log_file.hpp"
#include "wire/peer.hpp"

namespace {

using namespace vsync::wire;
using Bytes = std::vector<std::byte>;

constexpr std::size_t seeds = 200;
constexpr std::size_t seeds_of_slow_ones = 30;  ///< targets of which each input costs milliseconds
constexpr std::string_view slow_targets[] = {"engine", "sessions", "trace"};
constexpr std::size_t seed_bytes_max = 4096;
constexpr std::size_t tries = 300;  ///< for one that isn't longer: of some kinds of frames most are

Bytes local_seed(test::Random& random, std::size_t i) {
  Bytes bytes;
  const std::size_t kind = i % (test::to_daemon_kinds + test::to_client_kinds);
  if (kind < test::to_daemon_kinds) {
    encode(test::random_to_daemon(random, kind), bytes);
  } else {
    encode(test::random_to_client(random, kind - test::to_daemon_kinds), bytes);
  }
  return bytes;
}

Bytes peer_seed(test::Random& random, std::size_t i) {
  const auto frame = test::random_frame(random, i % test::frame_kinds);
  const auto body = body_of(frame);
  const auto body_bytes = static_cast<std::uint32_t>(body.size());
  Bytes envelope;
  encode(frame, envelope);
  Bytes bytes(sizeof body_bytes);
  std::memcpy(bytes.data(), &body_bytes, sizeof body_bytes);
  bytes.insert(bytes.end(), body.bytes().begin(), body.bytes().end());
  bytes.insert(bytes.end(), envelope.begin(), envelope.end());
  return bytes;
}

Bytes record_seed(test::Random& random, std::size_t) { return test::random_records(random, 5).bytes; }

Bytes persistent_seed(test::Random& random, std::size_t) {
  Bytes bytes;
  encode(test::random_persistent(random), bytes);
  return bytes;
}

constexpr std::uint64_t log_key = 9;

/// As a crash leaves a file of the log: some of its sectors were never written, or its end is missing.
Bytes torn_log(test::Random& random) {
  constexpr std::size_t sector_bytes = 512;
  Bytes file;
  append(LogFileHead{.number = 1, .oldest = 1, .key = log_key}, file);
  for (std::size_t syncs = 1 + random.size(2); syncs > 0; --syncs) {
    Bytes out;
    LogAppender appender(log_key, file.size(), out);
    for (std::size_t records = 1 + random.size(2); records > 0; --records) appender.append(test::random_log_record(random));
    file.insert(file.end(), out.begin(), out.end());
  }
  const std::size_t at = random.size(file.size() / sector_bytes) * sector_bytes;
  if (random.coin()) {
    file.resize(at + random.size(file.size() - at));
  } else {
    std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(at), std::min(sector_bytes, file.size() - at), std::byte{0});
  }
  return file;
}

/// A file, a torn one, a reach, or the content of a file's only record, as log_fuzz.cpp wants it.
Bytes log_seed(test::Random& random, std::size_t i) {
  constexpr std::size_t record_head_bytes = 48;
  if (i % 4 == 1) return torn_log(random);
  Bytes file;
  if (i % 20 == 3) {
    append(LogReach{.file = random.bits(), .bytes = random.bits()}, file);
    return file;
  }
  append(LogFileHead{.number = 1, .oldest = 1, .key = log_key}, file);
  Bytes out;
  LogAppender(log_key, file.size(), out).append(test::random_log_record(random));
  if (i % 2 == 0) {
    file.insert(file.end(), out.begin(), out.end());
    return file;
  }
  std::uint32_t message_bytes = 0;
  std::uint32_t payload_bytes = 0;
  std::memcpy(&message_bytes, out.data() + 4, sizeof message_bytes);
  std::memcpy(&payload_bytes, out.data() + 8, sizeof payload_bytes);
  const auto message = out.begin() + record_head_bytes;
  const auto payload = message + message_bytes;
  Bytes content(sizeof payload_bytes);
  std::memcpy(content.data(), &payload_bytes, sizeof payload_bytes);
  content.insert(content.end(), payload, payload + payload_bytes);
  content.insert(content.end(), message, payload);
  return content;
}

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

vsync::checker::Trace sound_trace() {
  using namespace vsync::checker;
  using namespace vsync::checker::testing;
  Story story = one_message();
  story.hold({a, b, c}, 1, 1)
      .tell(a, vsync::checker::Marked{.up_to = at(1, 1), .of_view = view_id(1)})
      .resolve(b, 1, Outcome::ok, at(1, 1));
  story.publish(b, 2).deliver({a, b}, fifo_message(at(1, 1), b, 2, 2)).deliver({a, b}, fifo_marker(at(1, 2), b, 2, 2));
  story.tell(a, vsync::checker::SessionChanged{.session = session, .node = b, .open = true});
  story.tell(a, vsync::checker::StateChanged{vsync::protocol::ComponentState::primary});
  story.tell(a, vsync::checker::GroupView{
                    .position = at(1, 2), .group = "eq.us.>", .number = 1, .members = {session, {1, 2}}, .digest = 7});
  story.ballot(1, {.round = 2, .coordinator = Rank{0}}, second_view, {a, b}, {a, b})
      .tell(c, Crashed{})
      .install({a, b}, second_view);
  story.publish(a, 3).deliver({a, b}, message(in_tail(2, 0), a, 1, 3)).tell(b, Stored{.view = view_id(2), .stored = Seq{1}});
  story.tell(b, Logged{.runs = {{.first = at(1, 1), .count = 1, .session = session, .first_n = 1, .digest = 1001}}});
  story.tell(b, Resumed{.paused_ns = 5})
      .tell(b, vsync::checker::Resynced{.last_common = at(1, 1), .orphaned_from = at(1, 2), .orphaned_to = at(1, 2)});
  story.tell(a, vsync::checker::Diverged{.agreed = at(1, 1), .differs = at(1, 2), .wrong = {b}}).tell(a, Interrupted{});
  story.tell(a, Continued{.view = second_view, .clock = 0});
  return story.trace();
}

/// An operator made c a primary by itself, out of a view that the others went on from.
vsync::checker::Trace parted_trace() {
  using namespace vsync::checker;
  using namespace vsync::checker::testing;
  constexpr Ballot ballot{.round = 1, .coordinator = Rank{2}};
  View alone = view(2, {c});
  alone.id.epoch = {2, 5};
  alone.forced = {{.epoch = alone.id.epoch, .from = first_view.id, .by = "c", .at = 1}};
  Story story = one_message();
  story.ballot(1, ballot, alone, {c}, {c}).tell(c, vsync::checker::ViewInstalled{.view = alone, .restart = true, .forced = true});
  story.ballot(1, {.round = 2, .coordinator = Rank{0}}, second_view, {a, b}, {a, b}).install({a, b}, second_view);
  story.publish(a, 2).deliver({a, b}, message(at(2, 1), a, 1, 2));
  story.publish(c, 2).deliver({c}, message({alone.id.epoch, 2, {}, Seq{1}}, c, 1, 2, 0));
  return story.trace();
}

/// The first two are whole. The others lack some events, and some are in two files of which the second begins before the first
/// ends, or in one of each daemon.
Bytes trace_seed(test::Random& random, std::size_t i) {
  static const vsync::checker::Trace traces[] = {sound_trace(), parted_trace()};
  const auto& events = traces[i % std::size(traces)].events;
  const std::uint64_t lost = i < std::size(traces) ? 0 : random.number(0, 2);  // of twenty
  const auto file_of = [&](const auto& has) {
    std::string text;
    for (std::size_t at = 0; at < events.size(); ++at) {
      if (has(at) && random.bits() % 20 >= lost) text += vsync::checker::to_line(events[at]) + '\n';
    }
    return text;
  };
  switch (i / 2 % 3) {
    case 0:
      return bytes_of(file_of([](std::size_t) { return true; }));
    case 1: {
      const std::size_t begin = random.bits() % events.size();
      const std::size_t end = begin + random.bits() % (events.size() - begin);
      return bytes_of(file_of([&](std::size_t at) { return at <= end; }) + '\f' +
                      file_of([&](std::size_t at) { return at >= begin; }));
    }
    default:
      std::string text;
      for (const char* name : {"a", "b", "c"})
        text += file_of([&](std::size_t at) { return events[at].node.name == name; }) + '\f';
      return bytes_of(text);
  }
}

/// Some keys of the commented configuration, with the values that they have there, and peers, of which some may not be so.
std::string configuration_text(test::Random& random) {
  std::string text = random.coin() ? "security = \"none\"\n" : "";
  std::string_view rest = vsync::daemon::default_configuration_text();
  for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    std::string_view line = rest.substr(0, end);
    if (!line.starts_with('#') || line.find(" = ") == std::string_view::npos) continue;
    line.remove_prefix(1);
    const bool of_peers = line.starts_with("name") || line.starts_with("endpoint") || line.starts_with("public_key");
    if (!line.starts_with(' ') && !of_peers && !line.starts_with("security") && random.bits() % 10 == 0)
      text += std::string(line) + '\n';
  }
  constexpr std::string_view wrong[] = {"endpoint = \"tcp://[::1\"",
                                        "endpoint = 5671",
                                        "endpoint = \"tcp://10.0.0.1:5671\"",
                                        "weight = 2",
                                        "key = 1",
                                        "public_key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\""};  // of RFC 32's example
  for (std::size_t peers = random.size(3); peers > 0; --peers) {
    const std::string number = std::to_string(peers);
    const std::string address = "\"tcp://127.0.0.1:567" + number + '"';
    text += "[[peer]]\nname = \"peer" + number + "\"\n";
    const std::string_view amiss = random.bits() % 8 == 0 ? wrong[random.bits() % std::size(wrong)] : "";
    text += std::string(amiss) + '\n';
    if (amiss.starts_with("endpoint")) continue;
    text += "endpoint = " + (random.coin() ? address : "[" + address + ", \"tcp://[::1]:567" + number + "\"]") + '\n';
  }
  if (random.coin()) text += "\fweight=2\fnode=n";
  return text;
}

/// One, and every other time another one that is read again.
Bytes configuration_seed(test::Random& random, std::size_t i) {
  const std::string text = configuration_text(random);
  return bytes_of(i % 2 == 0 ? text : text + '\v' + configuration_text(random));
}

Bytes topic_seed(test::Random& random, std::size_t) {
  std::string text;
  for (std::size_t names = random.size(5); names > 0; --names) text += random.group() + '\n';
  return bytes_of(text + random.topic());
}

/// What is said to ZeroMQ, as its libraries do and nearly so: a greeting, READY, messages, a command.
Bytes zmtp_seed(test::Random& random, std::size_t i) {
  using namespace std::string_literals;
  const auto frame = [&](char flags, const std::string& body) {
    const std::size_t size = body.size();
    if (size < 256 && random.coin()) return flags + (static_cast<char>(size) + body);
    return static_cast<char>(flags | 2) +
           ("\0\0\0\0\0\0"s + static_cast<char>(size / 256) + static_cast<char>(size % 256) + body);
  };
  const auto property = [](const std::string& name, const std::string& value) {
    return static_cast<char>(name.size()) + name + "\0\0\0"s + static_cast<char>(value.size()) + value;
  };
  const char version = i % 16 == 0 ? static_cast<char>(random.size(3)) : '\3';
  std::string said = (i % 16 == 1 ? "\x0b\0\0\0\0\0\0\0\0"s : "\xff\0\0\0\0\0\0\0\0"s) + (i % 16 == 2 ? '\0' : '\x7f') + version;
  said += (i % 16 == 4 ? "\0CURV"s : "\0NULL"s) + std::string(16 + 32, '\0');
  std::string ready = "\5READY" + property("Socket-Type", "DEALER");
  if (random.coin()) ready += property("Identity", random.coin() ? "" : random.text(100));
  constexpr std::size_t ready_bytes_max = 256;
  if (i % 8 == 3) ready += property("X", std::string(ready_bytes_max - ready.size() - random.size(10), 'x'));
  said += frame('\4', ready);
  for (std::size_t parts = random.size(6); parts > 0; --parts) said += frame(random.coin() ? '\1' : '\0', random.text(300));
  if (random.coin()) said += frame('\4', "\4PING\0\0"s + random.text(10)) + frame('\0', "text");
  return bytes_of(said);
}

Bytes text_seed(test::Random& random, std::size_t) { return bytes_of(random.text(200)); }

/// For what takes choices, one after the other.
Bytes choices_seed(test::Random& random, std::size_t) { return random.bytes(random.size(2000)); }

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<Bytes(test::Random&, std::size_t)>> makers{
      {"local", local_seed},   {"peer", peer_seed},   {"record", record_seed},    {"persistent", persistent_seed},
      {"log", log_seed},       {"trace", trace_seed}, {"topic", topic_seed},      {"configuration", configuration_seed},
      {"terminal", text_seed}, {"zap", choices_seed}, {"sessions", choices_seed}, {"engine", choices_seed},
      {"zmtp", zmtp_seed}};
  if (argc != 3 || !makers.contains(argv[1])) {
    std::cerr << "usage: make-corpus";
    for (const auto& [target, maker] : makers) std::cerr << (target == makers.begin()->first ? " " : "|") << target;
    std::cerr << " DIRECTORY\n";
    return 2;
  }
  const std::string_view target = argv[1];
  const std::filesystem::path directory = argv[2];
  std::filesystem::create_directories(directory);
  test::Random random(1);
  const bool slow = std::ranges::find(slow_targets, target) != std::end(slow_targets);
  for (std::size_t i = 0; i < (slow ? seeds_of_slow_ones : seeds); ++i) {
    Bytes seed = makers.at(argv[1])(random, i);
    for (std::size_t tried = 1; seed.size() > seed_bytes_max && tried < tries; ++tried) seed = makers.at(argv[1])(random, i);
    if (seed.size() > seed_bytes_max) continue;
    std::ofstream(directory / std::to_string(i), std::ios::binary)
        .write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
  }
}
