// Which daemon an application means that names none.

#include "client/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "fake_daemon.hpp"

namespace vsync::client {
namespace {

using ::testing::HasSubstr;

class Environment {
 public:
  Environment(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Environment() { set(before_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    if (value) {
      ::setenv(name_, value->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

TEST(Endpoint, TheOneChosenGoesBeforeTheEnvironment) {
  const Environment environment("VSYNC_ENDPOINT", "ipc:///from/environment");
  EXPECT_EQ(resolve_endpoint("ipc:///chosen"), "ipc:///chosen");
  EXPECT_EQ(resolve_endpoint(""), "ipc:///from/environment");
}

TEST(Endpoint, WithoutASystemDaemonItIsThatOfTheUserIfThere) {
  if (std::filesystem::exists("/run/vsync/vsync.sock")) GTEST_SKIP() << "there is a system daemon on this machine";
  const testing::SocketDirectory runtime;
  const Environment endpoint("VSYNC_ENDPOINT", std::nullopt);
  const Environment directory("XDG_RUNTIME_DIR", runtime.path().string());
  EXPECT_EQ(resolve_endpoint(""), "ipc:///run/vsync/vsync.sock");
  std::filesystem::create_directory(runtime.path() / "vsync");
  std::ofstream(runtime.path() / "vsync" / "vsync.sock");
  EXPECT_EQ(resolve_endpoint(""), "ipc://" + (runtime.path() / "vsync/vsync.sock").string());
}

TEST(Endpoint, ARefusalIsExplainedByWhatIsThere) {
  const testing::SocketDirectory directory;
  EXPECT_THAT(explain_refusal(directory.endpoint()).text, HasSubstr("no such socket"));
  std::ofstream(directory.path() / "daemon.sock") << "plain file";
  EXPECT_EQ(explain_refusal(directory.endpoint()).code, ConnectError::Code::bad_options);
  std::filesystem::remove(directory.path() / "daemon.sock");
  ASSERT_EQ(::mknod((directory.path() / "daemon.sock").c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_THAT(explain_refusal(directory.endpoint()).text, HasSubstr("nobody behind it"));
}

}  // namespace
}  // namespace vsync::client
