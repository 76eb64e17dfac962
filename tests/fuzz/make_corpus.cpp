// Writes seeds for one fuzz target: make-corpus local|peer|record|persistent|log DIRECTORY

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

#include "random.hpp"
#include "wire/log_file.hpp"
#include "wire/peer.hpp"

namespace {

using namespace vsync::wire;
using Bytes = std::vector<std::byte>;

constexpr std::size_t seeds = 200;
constexpr std::size_t seed_bytes_max = 4096;

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

/// Every other one is a file; the others are the content of its only record, as log_fuzz.cpp wants it.
Bytes log_seed(test::Random& random, std::size_t i) {
  constexpr std::size_t record_head_bytes = 48;
  constexpr std::uint64_t key = 9;
  Bytes file;
  append(LogFileHead{.number = 1, .oldest = 1, .key = key}, file);
  Bytes out;
  LogAppender(key, file.size(), out).append(test::random_log_record(random));
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

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<Bytes(test::Random&, std::size_t)>> makers{
      {"local", local_seed}, {"peer", peer_seed}, {"record", record_seed}, {"persistent", persistent_seed}, {"log", log_seed}};
  if (argc != 3 || !makers.contains(argv[1])) {
    std::cerr << "usage: make-corpus local|peer|record|persistent|log DIRECTORY\n";
    return 2;
  }
  const std::filesystem::path directory = argv[2];
  std::filesystem::create_directories(directory);
  test::Random random(1);
  for (std::size_t i = 0; i < seeds; ++i) {
    const Bytes seed = makers.at(argv[1])(random, i);
    if (seed.size() > seed_bytes_max) continue;
    std::ofstream(directory / std::to_string(i), std::ios::binary)
        .write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
  }
}
