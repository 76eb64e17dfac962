#include "random.hpp"

#include <array>

#include "wire/limits.hpp"
#include "wire/record.hpp"

namespace vsync::wire::test {

std::uint64_t Random::number(std::uint64_t least, std::uint64_t most) {
  switch (engine_() % 8) {
    case 0: return least;
    case 1: return most;
    default: return std::uniform_int_distribution<std::uint64_t>(least, most)(engine_);
  }
}

std::string Random::node_name() {
  constexpr std::string_view characters = "ABCXYZabcxyz0189._-";
  std::string name(number(1, name_bytes_max), ' ');
  for (char& c : name) c = characters[bits() % characters.size()];
  return name;
}

std::string Random::topic() {
  constexpr std::array<std::string_view, 6> levels{"news", "stocks", "MSFT", "x", "\xc3\xa9t\xc3\xa9", "a-b_c/d"};
  std::string topic;
  const std::size_t count = number(1, topic_levels_max);
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) topic += '.';
    topic += levels[bits() % levels.size()];
  }
  return topic;
}

std::string Random::pattern() {
  std::string pattern = coin() ? "*" : "stocks";
  const std::size_t count = number(0, topic_levels_max - 2);
  for (std::size_t i = 0; i < count; ++i) pattern += coin() ? ".*" : ".a";
  return coin() ? pattern + ".>" : pattern;
}

std::string Random::text(std::size_t most) {
  std::string text(size(most), ' ');
  for (char& c : text) c = static_cast<char>(' ' + bits() % 95);
  return text;
}

std::vector<std::byte> Random::bytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(bits());
  return bytes;
}

protocol::Position Random::position() {
  return {.epoch = {.number = bits(), .random = bits()},
          .view = bits(),
          .lane = {static_cast<std::uint16_t>(number(0, lanes_max - 1))},
          .seq = {number(0, number_end - 1)}};
}

RandomBody random_records(Random& random, std::size_t most) {
  RandomBody body;
  const std::size_t count = random.number(1, most);
  for (std::size_t i = 0; i < count; ++i) {
    const bool names_topic = i == 0 || random.coin();
    const std::string topic = names_topic ? random.topic() : "";
    const std::string key = random.text(40);
    const std::string value = random.text(40);
    const std::vector<Header> headers(random.size(3), Header{"name", value});
    const std::vector<std::byte> data = random.bytes(random.size(200));
    append_record(body.bytes, {.topic = topic, .key = key, .headers = headers, .published_at = static_cast<std::int64_t>(random.bits()), .data = data});
    ++body.count;
    body.topic_runs += names_topic;
  }
  return body;
}

}  // namespace vsync::wire::test
