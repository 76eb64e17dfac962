#include "vsync/message.hpp"

#include "wire/record.hpp"

namespace vsync {

std::vector<Header> Headers::list() const {
  wire::Record record;
  record.raw_headers = raw_;
  record.header_count = count_;
  std::vector<Header> headers;
  headers.reserve(count_);
  for (const wire::Header& header : record.headers()) headers.push_back({header.name, header.value});
  return headers;
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  if (empty()) return std::nullopt;
  for (const Header& header : list()) {
    if (header.name == name) return header.value;
  }
  return std::nullopt;
}

}  // namespace vsync
