// Where the applications' socket may be put.

#include "daemon/local_socket.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "daemon/start_error.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using ::testing::HasSubstr;

/// What a daemon with its socket there is told; empty if it gets it.
std::string refusal(const std::string& path) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  std::string said;
  try {
    zmq::context_t context;
    Configuration configuration;
    configuration.socket = path;
    LocalSocket socket(&loop, context, configuration);
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::network);
    said = error.what();
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return said;
}

TEST(LocalSocketPlace, AFileThatIsNoSocketIsLeftAloneWithoutALockBesideIt) {
  TemporaryDirectory directory;
  const std::string file = directory.write("precious", "text");
  EXPECT_THAT(refusal(file), HasSubstr("exists and is no socket"));
  std::string text;
  std::ifstream(file) >> text;
  EXPECT_EQ(text, "text");
  EXPECT_FALSE(std::filesystem::exists(file + ".lock"));
}

// In a child that is an ordinary user: root may do as it likes.
TEST(LocalSocketPlace, ADirectoryThatOthersMayChangeIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make directories of other users";
  constexpr uid_t us = 65534, somebody = 1;
  TemporaryDirectory directory;
  const auto make = [&](const std::string& name, uid_t owner, mode_t mode) {
    EXPECT_EQ(mkdir((directory / name).c_str(), mode), 0);
    EXPECT_EQ(chown((directory / name).c_str(), owner, 0), 0);
    EXPECT_EQ(chmod((directory / name).c_str(), mode), 0);
  };
  ASSERT_EQ(chmod(directory.path().c_str(), 0755), 0);
  make("ours", us, 0755);
  make("theirs", somebody, 0777);
  make("theirs/ours", us, 0755);
  make("theirs_sticky", somebody, 01777);
  make("anybodys", 0, 0777);
  make("shared", 0, 01777);
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(us, us, us) != 0) _exit(99);
    const bool good = refusal(directory / "ours/s").empty() && refusal(directory / "shared/new/s").empty() &&
                      refusal(directory / "theirs/s").find("belongs to somebody else") != std::string::npos &&
                      refusal(directory / "theirs/ours/s").find("belongs to somebody else") != std::string::npos &&
                      refusal(directory / "theirs_sticky/s").find("belongs to somebody else") != std::string::npos &&
                      refusal(directory / "anybodys/s").find("anybody may change") != std::string::npos;
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace vsync::daemon
