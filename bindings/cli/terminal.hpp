#pragma once
// Output that is pleasant on a terminal and plain elsewhere.

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace vsync::cli {

enum class Colour { none, dim, bold, red, green, yellow, cyan };

/// Colours are for terminals only, and only for people who want them (NO_COLOR, https://no-color.org).
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  [[nodiscard]] static Paint for_stream(std::FILE* stream);
  [[nodiscard]] std::string operator()(Colour colour, std::string_view text) const;

 private:
  bool on_;
};

/// Bytes as text that can't disturb a terminal: what isn't printable UTF-8 is shown as \xNN.
[[nodiscard]] std::string printable(std::string_view bytes);

/// Rows as columns, two spaces apart, each as wide as its widest cell; the first row is the heading.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows, const Paint& paint);

/// "vsync: <text>" on standard error.
void complain(std::string_view text);

}  // namespace vsync::cli
