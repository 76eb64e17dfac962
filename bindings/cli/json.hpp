#pragma once
// JSON as it is written: one object per line, at the speed of the stream, for data that may be any bytes.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vsync::cli {

[[nodiscard]] bool valid_utf8(std::string_view text);
[[nodiscard]] std::string base64(std::string_view bytes);

/// Appends to a string that it is given; commas are its business, the caller's are the names.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& name(std::string_view name);
  /// Of text that is UTF-8; what isn't is replaced by U+FFFD.
  JsonWriter& text(std::string_view text);
  JsonWriter& number(std::uint64_t number);
  JsonWriter& number(std::int64_t number);
  JsonWriter& boolean(bool value);
  JsonWriter& null();

  /// `"<name>": text`, or `"<name>_base64"` when the bytes are no UTF-8.
  JsonWriter& bytes(std::string_view name, std::string_view bytes);

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void quote(std::string_view text);

  std::string& out_;
  bool first_ = true;  ///< nothing stands before the next value in its object or array
};

}  // namespace vsync::cli
