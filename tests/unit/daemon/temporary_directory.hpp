#pragma once
// A directory of its own for each test, gone with it.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace vsync::daemon {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/vsyncd-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name) << text;
    return *this / name;
  }

 private:
  std::string path_;
};

}  // namespace vsync::daemon
