#include "terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "json.hpp"

namespace vsync::cli {
namespace {

const char* code_of(Colour colour) {
  switch (colour) {
    case Colour::none: return "";
    case Colour::dim: return "2";
    case Colour::bold: return "1";
    case Colour::red: return "31";
    case Colour::green: return "32";
    case Colour::yellow: return "33";
    case Colour::cyan: return "36";
  }
  return "";
}

/// Characters, not bytes; wide ones count as one.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

Paint Paint::for_stream(std::FILE* stream) {
  const char* unwanted = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return Paint(::isatty(::fileno(stream)) == 1 && !dumb && (unwanted == nullptr || *unwanted == '\0'));
}

std::string Paint::operator()(Colour colour, std::string_view text) const {
  if (!on_ || colour == Colour::none) return std::string(text);
  return "\033[" + std::string(code_of(colour)) + "m" + std::string(text) + "\033[0m";
}

std::string printable(std::string_view bytes) {
  const bool text = valid_utf8(bytes);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    // U+0080 to U+009F are control characters too: 0xc2 and a byte below 0xa0.
    const bool high_control = c == 0xc2 && i + 1 < bytes.size() && static_cast<unsigned char>(bytes[i + 1]) < 0xa0;
    const bool after_high_control = i > 0 && static_cast<unsigned char>(bytes[i - 1]) == 0xc2 && c < 0xa0;
    const bool plain = (c >= 0x20 && c < 0x7f) || c == '\t' || (text && c >= 0x80 && !high_control && !after_high_control);
    if (plain) {
      out += bytes[i];
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(c));
    out += escaped;
  }
  return out;
}

std::string table(const std::vector<std::vector<std::string>>& rows, const Paint& paint) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      line += rows[r][i];
      if (i + 1 < rows[r].size()) line.append(widths[i] - width_of(rows[r][i]) + 2, ' ');
    }
    out += paint(r == 0 ? Colour::dim : Colour::none, line) + "\n";
  }
  return out;
}

void complain(std::string_view text) {
  const Paint paint = Paint::for_stream(stderr);
  std::fprintf(stderr, "%s %s\n", paint(Colour::red, "vsync:").c_str(), printable(text).c_str());
}

}  // namespace vsync::cli
