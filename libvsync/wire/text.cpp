#include "wire/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "wire/limits.hpp"

namespace vsync::wire {
namespace {

constexpr char32_t no_character = 0xffffffff;

/// Takes the character at the front of `text`; `no_character` when the bytes there are none.
char32_t take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) {
    text.remove_prefix(1);
    return lead;
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return no_character;
  char32_t character = lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return no_character;
    character = (character << 6) | (byte(i) & 0x3f);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (character < least[length] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff)) return no_character;
  text.remove_prefix(length);
  return character;
}

bool is_control(char32_t character) { return character < 0x20 || (character >= 0x7f && character < 0xa0); }

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    if (take_character(text) == no_character) return false;
  }
  return true;
}

bool printable(std::string_view text) {
  while (!text.empty()) {
    const char32_t character = take_character(text);
    if (character == no_character || is_control(character)) return false;
  }
  return true;
}

bool valid_node_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max && std::all_of(name.begin(), name.end(), is_name_character);
}

}  // namespace vsync::wire
