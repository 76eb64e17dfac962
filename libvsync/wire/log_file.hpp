#pragma once
// The durable log on disk, as bytes: files of records, each framed so that a sound one is told from a torn and from a damaged one.
// peer.capnp says what the bytes are (LogRecord); protocol/log_record.hpp are the values.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/log_record.hpp"
#include "protocol/payload.hpp"

namespace vsync::wire {

/// What a file begins with.
struct LogFileHead {
  std::uint64_t number = 0;  ///< of this file; the next one's is one more
  std::uint64_t oldest = 0;  ///< of the files that were kept when this one was begun
  std::uint64_t key = 0;     ///< random: no other file has a record that is sound here
  std::uint32_t former_bytes = 0;  ///< size of the file before, all of it on disk; 0: not said
  bool operator==(const LogFileHead&) const = default;
};
inline constexpr std::size_t log_file_head_bytes = 48;

/// Appends to `out`, whose first byte is to stand at offset 0 of the file.
void append(const LogFileHead& head, std::vector<std::byte>& out);

/// Records on their way to the end of a file: appended to `out`, whose first byte is to stand at offset `at` of the file. All of the
/// file before `at` is on disk.
class LogAppender {
 public:
  LogAppender(std::uint64_t key, std::uint64_t at, std::vector<std::byte>& out) : key_(key), at_(at), base_(out.size()), out_(out) {}
  void append(const protocol::LogRecord& record);

 private:
  std::uint64_t key_;
  std::uint64_t at_;
  std::size_t base_;  ///< what `out` held already doesn't count
  std::vector<std::byte>& out_;
  std::vector<std::byte> message_;
};

/// A record as found in a file.
struct FoundRecord {
  std::uint64_t offset = 0;
  protocol::LogRecord record;
};

enum class LogFileEnd : std::uint8_t {
  clean,
  torn,     ///< what stands behind `sound_bytes` was cut off by a crash before anybody was told that it is on disk
  damaged,  ///< what stands behind `sound_bytes` was on disk, and isn't any more
};

struct LogFile {
  LogFileHead head;                  ///< a default value if the head itself isn't sound
  std::vector<FoundRecord> records;  ///< their payloads are slices of the file's bytes
  std::uint64_t sound_bytes = 0;     ///< where the sound part ends
  LogFileEnd end = LogFileEnd::clean;
  std::string why;                   ///< (not clean) what is wrong there
};

/// Any bytes, any alignment; never throws. Of the file its first `on_disk` bytes were once on disk for certain: what isn't sound in them is
/// damaged.
[[nodiscard]] LogFile decode_log_file(const protocol::Payload& file, std::uint64_t on_disk = 0);

/// How much of the log was on disk for certain when this was written: so much of its newest file, and all before it. An end that is cut
/// off can't tell by itself whether it was told to somebody.
struct LogReach {
  std::uint64_t file = 0;
  std::uint64_t bytes = 0;
  bool operator==(const LogReach&) const = default;
};
inline constexpr std::size_t log_reach_bytes = 32;
void append(const LogReach& reach, std::vector<std::byte>& out);
/// Nothing: it isn't one, or damaged.
[[nodiscard]] std::optional<LogReach> decode_log_reach(std::span<const std::byte> bytes);

}  // namespace vsync::wire
