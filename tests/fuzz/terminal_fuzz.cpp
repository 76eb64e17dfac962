#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "json.hpp"
#include "protocol/assert.hpp"
#include "terminal.hpp"

using namespace vsync::cli;

/// What publishers send, the command line prints: as JSON that any reader takes, and as text that drives no terminal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string out;
  JsonWriter json(out);
  const std::string name = "key " + std::string(input);  // no second "data"
  json.begin_object().bytes("data", input).name("text").text(input).name(name).number(std::uint64_t{1}).end_object();
  const auto read = nlohmann::json::parse(out, nullptr, false);
  VSYNC_ASSERT(!read.is_discarded());
  VSYNC_ASSERT(!valid_utf8(input) || (read.value("data", "") == input && read.value("text", "") == input));
  VSYNC_ASSERT(valid_utf8(input) || read.contains("data_base64"));

  const std::string shown = printable(input);
  VSYNC_ASSERT(valid_utf8(shown));
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto c = static_cast<unsigned char>(shown[i]);
    VSYNC_ASSERT((c >= ' ' && c != 0x7f) || c == '\t');
    VSYNC_ASSERT(c != 0xc2 || static_cast<unsigned char>(shown[i + 1]) >= 0xa0);
  }
  VSYNC_ASSERT(!table({{"one", "two"}, {shown, shown}}, Paint(false)).empty());
  return 0;
}
