// Records: written by the publisher's library, read by the subscriber's, checked by the daemon in between.

#include "wire/record.hpp"

#include <bit>
#include <cstring>

#include "wire/limits.hpp"

namespace vsync::wire {
namespace {

constexpr std::size_t head_bytes = 20;
constexpr std::size_t header_lengths_bytes = 4;

static_assert(std::endian::native == std::endian::little, "records are little-endian and copied as they lie in memory");

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
std::byte* store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

std::byte* store(std::byte* to, const void* bytes, std::size_t size) {
  if (size != 0) std::memcpy(to, bytes, size);
  return to + size;
}

std::string_view text_at(const std::byte* at, std::size_t size) { return {reinterpret_cast<const char*>(at), size}; }

/// Takes one header off the front of `rest`. False when there is no whole one within the limits.
bool take_header(std::span<const std::byte>& rest, Header& header) {
  if (rest.size() < header_lengths_bytes) return false;
  const std::size_t name_bytes = load<std::uint16_t>(rest.data());
  const std::size_t value_bytes = load<std::uint16_t>(rest.data() + 2);
  if (name_bytes == 0 || name_bytes + value_bytes > header_bytes_max) return false;
  if (rest.size() - header_lengths_bytes < name_bytes + value_bytes) return false;
  header.name = text_at(rest.data() + header_lengths_bytes, name_bytes);
  header.value = text_at(rest.data() + header_lengths_bytes + name_bytes, value_bytes);
  rest = rest.subspan(header_lengths_bytes + name_bytes + value_bytes);
  return true;
}

bool sound_headers(std::span<const std::byte> rest, std::size_t count) {
  if (count > headers_max) return false;
  Header header;
  for (std::size_t i = 0; i < count; ++i) {
    if (!take_header(rest, header)) return false;
  }
  return rest.empty();
}

}  // namespace

const char* describe(RecordError error) {
  switch (error) {
    case RecordError::truncated: return "a record ends beyond the end of its body";
    case RecordError::bad_size: return "a record's size does not fit its parts";
    case RecordError::no_topic: return "the first record names no topic";
    case RecordError::bad_topic: return "a record's topic is not a valid topic name";
    case RecordError::reserved_bits: return "a record's reserved byte is not zero";
    case RecordError::bad_headers: return "a record's headers are too many, too long, unnamed or do not fill their room";
    case RecordError::too_large: return "a record's data, its key or the whole body is larger than allowed";
    case RecordError::count_mismatch: return "a body has another number of records or of topic changes than announced";
  }
  return "unknown record error";
}

std::vector<Header> Record::headers() const {
  std::vector<Header> headers(header_count);
  std::span<const std::byte> rest = raw_headers;
  for (Header& header : headers) {
    if (!take_header(rest, header)) break;  // cannot happen in a record that RecordReader gave
  }
  return headers;
}

std::size_t encoded_size(const RecordInput& input) {
  std::size_t size = head_bytes + input.topic.size() + input.key.size() + input.data.size();
  for (const Header& header : input.headers) size += header_lengths_bytes + header.name.size() + header.value.size();
  return size;
}

void append_record(std::vector<std::byte>& body, const RecordInput& input) {
  const std::size_t size = encoded_size(input);
  const std::size_t start = body.size();
  body.resize(start + size);
  std::byte* to = body.data() + start;
  to = store(to, static_cast<std::uint32_t>(size));
  to = store(to, static_cast<std::uint32_t>(input.data.size()));
  to = store(to, input.published_at);
  to = store(to, static_cast<std::uint8_t>(input.topic.size()));
  to = store(to, static_cast<std::uint8_t>(input.key.size()));
  to = store(to, static_cast<std::uint8_t>(input.headers.size()));
  to = store(to, std::uint8_t{0});
  to = store(to, input.topic.data(), input.topic.size());
  to = store(to, input.key.data(), input.key.size());
  for (const Header& header : input.headers) {
    to = store(to, static_cast<std::uint16_t>(header.name.size()));
    to = store(to, static_cast<std::uint16_t>(header.value.size()));
    to = store(to, header.name.data(), header.name.size());
    to = store(to, header.value.data(), header.value.size());
  }
  store(to, input.data.data(), input.data.size());
}

Result<void, RecordError> check(const RecordInput& input) {
  if (!input.topic.empty() && !valid_topic(input.topic)) return Unexpected{RecordError::bad_topic};
  if (input.key.size() > key_bytes_max || input.data.size() > message_bytes_max) return Unexpected{RecordError::too_large};
  if (input.headers.size() > headers_max) return Unexpected{RecordError::bad_headers};
  for (const Header& header : input.headers) {
    if (header.name.empty() || header.name.size() > header_bytes_max) return Unexpected{RecordError::bad_headers};
    if (header.value.size() > header_bytes_max - header.name.size()) return Unexpected{RecordError::bad_headers};
  }
  return {};
}

bool RecordReader::next(Record& record) {
  if (failed_ || rest_.empty()) return false;
  const auto fail = [&](RecordError error) {
    failed_ = true;
    error_ = error;
    return false;
  };
  if (rest_.size() < head_bytes) return fail(RecordError::truncated);
  const std::byte* const head = rest_.data();
  const std::size_t size = load<std::uint32_t>(head);
  const std::size_t data_bytes = load<std::uint32_t>(head + 4);
  const std::size_t topic_bytes = load<std::uint8_t>(head + 16);
  const std::size_t key_bytes = load<std::uint8_t>(head + 17);
  const std::size_t fixed_bytes = head_bytes + topic_bytes + key_bytes;
  if (size > rest_.size()) return fail(RecordError::truncated);
  if (data_bytes > message_bytes_max) return fail(RecordError::too_large);
  if (size < fixed_bytes + data_bytes) return fail(RecordError::bad_size);
  if (head[19] != std::byte{0}) return fail(RecordError::reserved_bits);

  record.new_topic = topic_bytes != 0;
  if (record.new_topic) {
    topic_ = text_at(head + head_bytes, topic_bytes);
    if (!valid_topic(topic_)) return fail(RecordError::bad_topic);
  } else if (topic_.empty()) {
    return fail(RecordError::no_topic);
  }
  record.header_count = load<std::uint8_t>(head + 18);
  record.raw_headers = rest_.subspan(fixed_bytes, size - fixed_bytes - data_bytes);
  if (record.header_count == 0 && !record.raw_headers.empty()) return fail(RecordError::bad_size);
  if (!sound_headers(record.raw_headers, record.header_count)) return fail(RecordError::bad_headers);
  record.topic = topic_;
  record.key = text_at(head + head_bytes + topic_bytes, key_bytes);
  record.published_at = load<std::int64_t>(head + 8);
  record.data = rest_.subspan(size - data_bytes, data_bytes);
  rest_ = rest_.subspan(size);
  return true;
}

Result<void, RecordError> check_body(std::span<const std::byte> body, std::uint32_t count, std::uint32_t topic_runs) {
  if (body.size() > batch_bytes_max) return Unexpected{RecordError::too_large};
  RecordReader reader(body);
  Record record;
  std::uint64_t records = 0;
  std::uint64_t runs = 0;
  while (reader.next(record)) {
    ++records;
    runs += record.new_topic;
  }
  if (reader.failed()) return Unexpected{reader.error()};
  if (records != count || runs != topic_runs) return Unexpected{RecordError::count_mismatch};
  return {};
}

}  // namespace vsync::wire
