#include <algorithm>

#include "survive.hpp"
#include "wire/record.hpp"

using namespace vsync::wire;

/// Every record that is read has one encoding: the bytes it was read from.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  RecordReader reader(bytes);
  Record record;
  std::vector<std::byte> rebuilt;
  std::uint32_t count = 0;
  std::uint32_t topic_runs = 0;
  while (reader.next(record)) {
    const auto headers = record.headers();
    const RecordInput input{.topic = record.new_topic ? record.topic : std::string_view(),
                            .key = record.key,
                            .headers = headers,
                            .published_at = record.published_at,
                            .data = record.data};
    VSYNC_ASSERT(check(input).has_value());
    append_record(rebuilt, input);
    ++count;
    topic_runs += record.new_topic;
  }
  VSYNC_ASSERT(std::equal(rebuilt.begin(), rebuilt.end(), bytes.begin()));
  VSYNC_ASSERT(check_body(bytes, count, topic_runs).has_value() == !reader.failed());
  return 0;
}
