#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "survive.hpp"
#include "wire/log_file.hpp"

using namespace vsync;
using namespace vsync::wire;

namespace {

using Bytes = std::vector<std::byte>;

Bytes written(const LogFile& log) {
  Bytes file;
  append(log.head, file);
  for (const FoundRecord& found : log.records) {
    Bytes out;
    LogAppender appender(log.head.key, file.size(), out);
    appender.append(found.record);
    file.insert(file.end(), out.begin(), out.end());
  }
  return file;
}

/// Whoever knows how much of it was on disk finds the same, but takes no lack in that for the end of a crash.
void know_on_disk(const protocol::Payload& file, const LogFile& log, std::size_t on_disk) {
  const LogFile known = decode_log_file(file, on_disk);
  VSYNC_ASSERT(known.sound_bytes == log.sound_bytes && known.records.size() == log.records.size());
  VSYNC_ASSERT(known.end == (log.sound_bytes < on_disk ? LogFileEnd::damaged : log.end));
}

void survive(Bytes bytes) {
  const std::size_t size = bytes.size();
  const protocol::Payload file(std::move(bytes));
  const LogFile log = decode_log_file(file);
  know_on_disk(file, log, size / 2);
  know_on_disk(file, log, size + 1);
  VSYNC_ASSERT((log.end == LogFileEnd::clean) == log.why.empty());
  VSYNC_ASSERT(log.sound_bytes <= size);
  VSYNC_ASSERT(log.end != LogFileEnd::clean || log.sound_bytes == size);
  if (log.sound_bytes == 0) return;
  const Bytes once = written(log);
  const LogFile again = decode_log_file(protocol::Payload(once));
  VSYNC_ASSERT(again.end == LogFileEnd::clean && again.records.size() == log.records.size());
  VSYNC_ASSERT(written(again) == once);
}

/// What is read as a reach is the only way to write it.
void survive_reach(std::span<const std::byte> bytes) {
  const auto reach = decode_log_reach(bytes);
  if (!reach) return;
  Bytes again;
  append(*reach, again);
  VSYNC_ASSERT(std::ranges::equal(again, bytes));
}

template <class Value>
void put(Bytes& to, Value value) {
  to.resize(to.size() + sizeof value);
  std::memcpy(to.data() + to.size() - sizeof value, &value, sizeof value);
}

/// A file of one record with this content and sound checksums.
Bytes sealed(std::span<const std::byte> message, std::span<const std::byte> payload) {
  const LogFileHead head{.number = 1, .oldest = 1, .key = 9};
  Bytes file;
  append(head, file);
  const std::size_t at = file.size();
  Bytes content(message.begin(), message.end());
  content.insert(content.end(), payload.begin(), payload.end());
  const std::uint64_t seed = head.key + at;
  for (const char letter : {'V', 'S', 'L', 'R'}) put(file, letter);
  put(file, static_cast<std::uint32_t>(message.size()));
  put(file, static_cast<std::uint64_t>(payload.size()));
  put(file, static_cast<std::uint64_t>(at));
  put(file, std::uint64_t{0});
  put(file, static_cast<std::uint64_t>(XXH3_64bits_withSeed(content.data(), content.size(), seed)));
  put(file, static_cast<std::uint64_t>(XXH3_64bits_withSeed(file.data() + at, file.size() - at, seed)));
  file.insert(file.end(), content.begin(), content.end());
  file.resize((file.size() + 7) / 8 * 8);
  return file;
}

}  // namespace

/// The checksums would stop nearly every input: the input is a file or a reach, and it is the content of a record: u32 size of the
/// payloads, the payloads, the message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  survive(Bytes(bytes.begin(), bytes.end()));
  survive_reach(bytes);
  std::uint32_t wanted = 0;
  if (bytes.size() < sizeof wanted) return 0;
  std::memcpy(&wanted, bytes.data(), sizeof wanted);
  const auto parts = bytes.subspan(sizeof wanted);
  const std::size_t payload_bytes = std::min<std::size_t>(wanted, parts.size());
  survive(sealed(parts.subspan(payload_bytes), parts.first(payload_bytes)));
  return 0;
}
