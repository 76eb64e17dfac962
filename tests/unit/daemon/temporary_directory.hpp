#pragma once
// A directory of its own for each test, gone with it.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace vsync::daemon {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : TemporaryDirectory("/tmp") {}
  /// In memory, where there is such a place: a sync costs nothing.
  static TemporaryDirectory in_memory() { return TemporaryDirectory(std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp"); }
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
  explicit TemporaryDirectory(const std::string& where) : path_(where + "/vsyncd-test-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary directory in " + where);
  }
  std::string path_;
};

}  // namespace vsync::daemon
