// Runs scripts and compares their transcripts with what is expected.

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tests/scenario/script.hpp"
#include "tests/scenario/variants.hpp"

namespace {

std::string read(const std::string& file, bool& found) {
  std::ifstream in(file);
  found = in.good();
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The first line that differs, with its number.
void tell_difference(const std::string& expected, const std::string& got) {
  std::istringstream left(expected), right(got);
  std::string a, b;
  for (int line = 1;; ++line) {
    const bool more_left = static_cast<bool>(std::getline(left, a));
    const bool more_right = static_cast<bool>(std::getline(right, b));
    if (!more_left && !more_right) return;
    if (more_left && more_right && a == b) continue;
    std::printf("line %d of the transcript:\n- %s\n+ %s\n", line, more_left ? a.c_str() : "(end)",
                more_right ? b.c_str() : "(end)");
    return;
  }
}

int run(const std::string& file, bool update) {
  bool found = false;
  const std::string text = read(file, found);
  if (!found) return std::printf("%s: no such script\n", file.c_str()), 2;
  std::string transcript;
  bool failed = false;
  for (const auto& [title, variant] : vsync::scenario::variants_of(text)) {
    std::vector<vsync::scenario::Failure> failures;
    if (!title.empty()) transcript += "== " + title + "\n";
    transcript += vsync::scenario::Script(variant, title.empty()).run(failures);
    for (const auto& failure : failures) {
      std::printf("%s:%zu: %s%s%s\n", file.c_str(), failure.line, title.c_str(), title.empty() ? "" : ": ", failure.text.c_str());
    }
    failed = failed || !failures.empty();
  }
  const std::string expected_file = file.substr(0, file.rfind('.')) + ".expected";
  if (update && !failed) std::ofstream(expected_file) << transcript;
  const std::string expected = read(expected_file, found);
  if (expected != transcript) tell_difference(expected, transcript);
  return !failed && expected == transcript ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const bool update = argc > 1 && std::strcmp(argv[1], "--update") == 0;
  int status = argc > (update ? 2 : 1) ? 0 : 2;
  if (status != 0) std::printf("usage: scenarios [--update] SCRIPT...\n");
  for (int i = update ? 2 : 1; i < argc; ++i) status = std::max(status, run(argv[i], update));
  return status;
}
