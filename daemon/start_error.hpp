#pragma once
// A start that can't go on: one line for a person, one exit status for a script.

#include <algorithm>
#include <stdexcept>
#include <string>

namespace vsync::daemon {

enum class ExitStatus : int {
  success = 0,
  failure = 1,                ///< nothing of the below
  usage = 2,                  ///< command line or configuration
  in_use = 3,                 ///< another daemon has the socket, the state directory or the address
  state_unusable = 4,         ///< the state directory can't be written, or holds what can't be read
  network = 5,                ///< the address for peers, or the socket, can't be listened on
  state_lost = 6,             ///< a write of the state failed while running
};

class StartError : public std::runtime_error {
 public:
  /// What `line` quotes of a file is shown without its control characters: it stays one line, and drives no terminal.
  StartError(ExitStatus status, const std::string& line) : std::runtime_error(printable(line)), status_(status) {}
  [[nodiscard]] ExitStatus status() const { return status_; }

 private:
  static std::string printable(std::string line) {
    std::replace_if(line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, '?');
    return line;
  }
  ExitStatus status_;
};

}  // namespace vsync::daemon
