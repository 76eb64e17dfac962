#pragma once
// Records: the encoding of application messages, built once by the publisher's library and read by every subscriber's. What lies
// between passes them on as bytes. Fixed little-endian layout instead of Cap'n Proto: a received body has no alignment, and 64-byte
// messages must not cost a copy or 56 bytes of framing.
//
//   u32 size          of the whole record
//   u32 data_bytes
//   i64 published_at  wall clock, ns since 1970
//   u8  topic_bytes   0: the topic of the record before
//   u8  key_bytes
//   u8  header_count
//   u8  reserved      0
//   topic, key, then per header: u16 name_bytes, u16 value_bytes, name, value; then data
//
// A body is records one after the other. Its first record names its topic.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vsync/result.hpp"

namespace vsync::wire {

struct Header {
  std::string_view name;
  std::string_view value;
};

/// One message to encode. Everything is borrowed.
struct RecordInput {
  std::string_view topic;  ///< empty: as the record before
  std::string_view key;
  std::span<const Header> headers;
  std::int64_t published_at = 0;
  std::span<const std::byte> data;
};

/// One message as read; views into the body.
struct Record {
  std::string_view topic;  ///< resolved, never empty
  bool new_topic = false;  ///< this record named its topic
  std::string_view key;
  std::uint8_t header_count = 0;
  std::span<const std::byte> raw_headers;
  std::int64_t published_at = 0;
  std::span<const std::byte> data;

  [[nodiscard]] std::vector<Header> headers() const;  ///< allocates; only for who asks
};

enum class RecordError : std::uint8_t {
  truncated,
  bad_size,
  no_topic,
  bad_topic,
  reserved_bits,
  bad_headers,
  too_large,
  count_mismatch,
};
[[nodiscard]] const char* describe(RecordError error);

[[nodiscard]] std::size_t encoded_size(const RecordInput& input);
/// Appends a record. The caller has checked the limits (`check`).
void append_record(std::vector<std::byte>& body, const RecordInput& input);
/// What would be wrong with this message, for the publisher's library.
[[nodiscard]] Result<void, RecordError> check(const RecordInput& input);

/// Reads a body record by record. After `next()` said false, `error()` tells whether the end was a clean one.
class RecordReader {
 public:
  explicit RecordReader(std::span<const std::byte> body) : rest_(body) {}
  bool next(Record& record);
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] RecordError error() const { return error_; }

 private:
  std::span<const std::byte> rest_;
  std::string_view topic_;
  bool failed_ = false;
  RecordError error_ = RecordError::truncated;
};

/// Checks a whole body from an untrusted publisher: `count` sound records, of which `topic_runs` name their topic.
[[nodiscard]] Result<void, RecordError> check_body(std::span<const std::byte> body, std::uint32_t count, std::uint32_t topic_runs);

/// A topic: levels separated by '.', no empty level, no control characters or spaces; '*' and '>' only in patterns
/// (as whole levels, '>' last). UTF-8. A topic is also a valid pattern, which matches itself; '*' is one level, '>' one or more.
[[nodiscard]] bool valid_topic(std::string_view topic);
[[nodiscard]] bool valid_pattern(std::string_view pattern);
/// For whoever named what is neither.
inline constexpr const char* topic_rules =
    "a topic or a pattern has at most 255 bytes in at most 32 levels, parted by single dots and without spaces; in patterns '*' is one "
    "level, and '>', the last, one or more";
[[nodiscard]] bool is_pattern(std::string_view name);
[[nodiscard]] bool matches(std::string_view pattern, std::string_view topic);

}  // namespace vsync::wire
