#pragma once
// Checks and conversions that the codecs of both protocols share. Each throws Malformed (envelope.hpp) and names `field`.

#include <capnp/blob.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/envelope.hpp"

namespace vsync::wire {

inline std::string_view view_of(capnp::Text::Reader text) { return {text.begin(), text.size()}; }
inline kj::StringPtr text_of(const std::string& text) { return {text.c_str(), text.size()}; }

/// Valid UTF-8 up to `bytes_max`.
[[nodiscard]] std::string read_text(capnp::Text::Reader in, std::size_t bytes_max, const char* field);
/// What an application calls itself: printable.
[[nodiscard]] std::string read_application(capnp::Text::Reader in, const char* field);
/// A topic or a pattern.
[[nodiscard]] std::string read_group(capnp::Text::Reader in, const char* field);
[[nodiscard]] std::string read_node_name(capnp::Text::Reader in, const char* field);

/// `count` numbers from `first` on: both at least 1, all below `end`.
void require_run(std::uint64_t first, std::uint64_t count, const char* field, std::uint64_t end = number_end);

/// Our enumerations number their values as the schemas do (asserted where they are used); a newer sender may know more.
template <class Value, class Schema>
[[nodiscard]] Value read_enum(Schema in, Value last, const char* field) {
  require(static_cast<unsigned>(in) <= static_cast<unsigned>(last), field, "is no value that this version knows");
  return static_cast<Value>(in);
}

}  // namespace vsync::wire
