// trace-check FILE...: the checker's verdict on what real daemons wrote. The daemons of one machine share the boot clock, so that
// their files merge by time into one trace.

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "checker/check.hpp"
#include "checker/trace_text.hpp"

namespace {

using vsync::checker::Trace;

// A daemon that was killed while it wrote leaves half a line at the end of its file, and only there.
bool append_file(const std::string& path, Trace& trace) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::cerr << path << ": can't be read\n";
    return false;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::size_t number = 0;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    ++number;
    auto event = vsync::checker::parse_line(std::string_view(text).substr(begin, end - begin));
    if (!event) {
      std::cerr << path << ":" << number << ": " << vsync::checker::describe(event.error()) << "\n";
      return false;
    }
    trace.events.push_back(std::move(*event));
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: trace-check FILE...\n";
    return 2;
  }
  Trace trace;
  for (int i = 1; i < argc; ++i) {
    if (!append_file(argv[i], trace)) return 2;
  }
  // Stable: events of one node at one time stay in the order in which they happened.
  std::stable_sort(trace.events.begin(), trace.events.end(),
                   [](const auto& one, const auto& other) { return one.time < other.time; });
  const auto violations = vsync::checker::check(trace);
  for (const auto& violation : violations) std::cout << violation.property << ": " << violation.text << "\n";
  std::cout << trace.events.size() << " events, " << violations.size() << " violations\n";
  return violations.empty() ? 0 : 1;
}
