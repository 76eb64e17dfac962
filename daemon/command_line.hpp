#pragma once
// vsyncd's command line.

#include <optional>
#include <string>
#include <vector>

namespace vsync::daemon {

struct CommandLine {
  enum class What { run, check, print_defaults, keygen } what = What::run;
  std::optional<std::string> configuration_file;
  std::vector<std::string> settings;  ///< key=value
  std::string key_directory;
};

/// Nothing: the line asked for help or the version, or was wrong; that has been said, and `status` is how to exit.
[[nodiscard]] std::optional<CommandLine> parse_command_line(int argc, char** argv, int& status);

}  // namespace vsync::daemon
