#include "wire/checks.hpp"

#include "wire/record.hpp"
#include "wire/text.hpp"

namespace vsync::wire {

std::string read_text(capnp::Text::Reader in, std::size_t bytes_max, const char* field) {
  require(in.size() <= bytes_max, field, "the text is too long");
  require(valid_utf8(view_of(in)), field, "the text is not UTF-8");
  return std::string(view_of(in));
}

std::string read_application(capnp::Text::Reader in, const char* field) {
  require(in.size() <= application_bytes_max, field, "the application's name is too long");
  require(printable(view_of(in)), field, "the application's name has control characters or is not UTF-8");
  return std::string(view_of(in));
}

std::string read_group(capnp::Text::Reader in, const char* field) {
  require(valid_pattern(view_of(in)), field, "the group is neither a valid topic nor a valid pattern");
  return std::string(view_of(in));
}

std::string read_node_name(capnp::Text::Reader in, const char* field) {
  require(valid_node_name(view_of(in)), field, "the name of a node is not 1 to 63 of A-Z a-z 0-9 . _ -");
  return std::string(view_of(in));
}

void require_run(std::uint64_t first, std::uint64_t count, const char* field, std::uint64_t end) {
  require(first > 0, field, "the first number is 0");
  require(count > 0, field, "the count is 0");
  require(first < end && count <= end - first, field, "the numbers are out of range");
}

}  // namespace vsync::wire
