#include <string_view>

#include "checker/assemble.hpp"
#include "checker/check.hpp"
#include "checker/trace_text.hpp"
#include "protocol/assert.hpp"

using namespace vsync::checker;

namespace {

void survive_line(std::string_view line) {
  const auto event = parse_line(line);
  if (!event) return;
  const auto again = parse_line(to_line(*event));
  VSYNC_ASSERT(again && *again == *event);
}

/// What it takes to judge a trace is in proportion to the messages in it, which lines may be few of.
std::size_t messages_in(const Trace& trace) {
  std::size_t messages = 0;
  for (const TraceEvent& event : trace.events) {
    if (const auto* delivered = std::get_if<Delivered>(&event.body)) messages += delivered->count;
  }
  return messages;
}

}  // namespace

/// Traces lie on disks, and `vsync trace check` reads them wherever they come from: a damaged one is refused or judged. A form
/// feed stands between two files.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (std::size_t begin = 0, end = 0; (end = input.find('\n', begin)) != std::string_view::npos; begin = end + 1) {
    survive_line(input.substr(begin, end - begin));
  }
  std::vector<Trace> files;
  for (std::size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = input.find('\f', begin);
    auto trace = read_trace(input.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (trace) files.push_back(std::move(*trace));
  }
  const Assembled assembled = assemble(std::move(files));
  if (messages_in(assembled.trace) > 1u << 16) return 0;
  for (const Violation& violation : check(assembled.trace, assembled.options())) VSYNC_ASSERT(!violation.text.empty());
  return 0;
}
