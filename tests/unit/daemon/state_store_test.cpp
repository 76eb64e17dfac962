#include "daemon/state_store.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "daemon/start_error.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

protocol::PersistentState state_of(std::uint64_t counter) {
  protocol::PersistentState state;
  state.incarnation_counter = counter;
  state.cluster = {1, 2};
  return state;
}

template <class Action>
StartError failure_of(Action action) {
  try {
    action();
  } catch (const StartError& error) {
    return error;
  }
  return {ExitStatus::success, "nothing failed"};
}

struct LoopedStore {
  uv_loop_t loop;
  StateStore store;
  std::string failure;
  explicit LoopedStore(const std::string& path) : store(path) {
    uv_loop_init(&loop);
    store.attach(&loop, [this](const std::string& why) { failure = why; });
  }
  ~LoopedStore() {
    run();
    uv_loop_close(&loop);
  }
  void run() { uv_run(&loop, UV_RUN_DEFAULT); }
  void write(protocol::WriteToken token, std::uint64_t counter) {
    std::vector<protocol::Write> writes{{token, state_of(counter)}};
    store.write(writes);
  }
};

TEST(StateStore, ANewDirectoryIsMadeAndHoldsNothing) {
  TemporaryDirectory directory;
  StateStore store(directory / "deep/er");
  EXPECT_EQ(store.load(), protocol::PersistentState{});
}

TEST(StateStore, WhatWasWrittenIsFoundAgain) {
  TemporaryDirectory directory;
  { StateStore(directory / "state").write_now(state_of(7)); }
  EXPECT_EQ(StateStore(directory / "state").load(), state_of(7));
}

TEST(StateStore, ASecondDaemonIsToldThatTheDirectoryIsInUse) {
  TemporaryDirectory directory;
  StateStore first(directory / "state");
  const StartError error = failure_of([&] { StateStore second(directory / "state"); });
  EXPECT_EQ(error.status(), ExitStatus::in_use);
  EXPECT_THAT(error.what(), HasSubstr("in use"));
}

TEST(StateStore, DamagedStateStopsTheStart) {
  TemporaryDirectory directory;
  { StateStore(directory / "state").write_now(state_of(7)); }
  const std::string path = directory / "state/state";
  const auto size = std::filesystem::file_size(path);
  for (std::uintmax_t length = 0; length < size; ++length) {  // torn at any length
    std::filesystem::resize_file(path, size);
    { StateStore(directory / "state").write_now(state_of(7)); }
    std::filesystem::resize_file(path, length);
    const StartError error = failure_of([&] { (void)StateStore(directory / "state").load(); });
    ASSERT_EQ(error.status(), ExitStatus::state_unusable) << "torn at " << length;
    ASSERT_THAT(error.what(), HasSubstr("damaged"));
  }
}

TEST(StateStore, AFlippedBitStopsTheStart) {
  TemporaryDirectory directory;
  { StateStore(directory / "state").write_now(state_of(7)); }
  const std::string path = directory / "state/state";
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path));
  for (std::streamoff at = 0; at < size; ++at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get());
    file.seekp(at).put(static_cast<char>(byte ^ 0x10)).flush();
    ASSERT_EQ(failure_of([&] { (void)StateStore(directory / "state").load(); }).status(), ExitStatus::state_unusable) << at;
    file.seekp(at).put(byte).flush();
  }
  EXPECT_EQ(StateStore(directory / "state").load(), state_of(7));
}

TEST(StateStore, AHalfWrittenReplacementIsIgnored) {
  TemporaryDirectory directory;
  { StateStore(directory / "state").write_now(state_of(7)); }
  directory.write("state/state.new", "half of someth");
  EXPECT_EQ(StateStore(directory / "state").load(), state_of(7));
}

TEST(StateStore, AFileInPlaceOfTheDirectoryIsNamed) {
  TemporaryDirectory directory;
  directory.write("state", "");
  const StartError error = failure_of([&] { StateStore store(directory / "state"); });
  EXPECT_EQ(error.status(), ExitStatus::state_unusable);
  EXPECT_THAT(error.what(), HasSubstr(directory / "state"));
}

// In a child with a mount namespace of its own: root may write to any directory but one on a read-only or a full file system.
template <class Action>
int status_on_mount(const std::string& options, unsigned long flags, const std::string& where, Action action) {
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", where.c_str(), "tmpfs", flags, options.c_str()) != 0) {
      _exit(99);
    }
    _exit(static_cast<int>(failure_of(action).status()));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST(StateStore, AReadOnlyDirectoryStopsTheStart) {
  TemporaryDirectory directory;
  const int status = status_on_mount("", MS_RDONLY, directory.path(), [&] { StateStore store(directory / "state"); });
  if (status == 99) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(status, static_cast<int>(ExitStatus::state_unusable));
}

TEST(StateStore, AFullDiskStopsTheStart) {
  TemporaryDirectory directory;
  const int status = status_on_mount("size=4k", 0, directory.path(), [&] {
    StateStore store(directory / "state");
    std::ofstream(directory / "filler") << std::string(1 << 16, 'x');
    store.write_now(state_of(1));
  });
  if (status == 99) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(status, static_cast<int>(ExitStatus::state_unusable));
}

TEST(StateStore, TokensComeWhenTheStateIsOnDisk) {
  TemporaryDirectory directory;
  LoopedStore s(directory / "state");
  s.write(1, 11);
  std::vector<protocol::WriteToken> tokens;
  s.store.take_persisted(tokens);
  EXPECT_THAT(tokens, ElementsAre()) << "not before the loop ran";
  s.run();
  s.store.take_persisted(tokens);
  EXPECT_THAT(tokens, ElementsAre(1u));
  EXPECT_EQ(s.store.load(), state_of(11));
}

TEST(StateStore, WritesThatWaitBecomeOneAndKeepTheirOrder) {
  TemporaryDirectory directory;
  LoopedStore s(directory / "state");
  for (std::uint64_t i = 1; i <= 100; ++i) s.write(i, i);
  s.run();
  std::vector<protocol::WriteToken> tokens;
  s.store.take_persisted(tokens);
  ASSERT_EQ(tokens.size(), 100u);
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end()));
  EXPECT_EQ(s.store.writes(), 2u) << "the first, and all that came while it was under way";
  EXPECT_EQ(s.store.load(), state_of(100));
}

TEST(StateStore, AFailedWriteIsToldAndNothingIsPersistedAfterIt) {
  TemporaryDirectory directory;
  LoopedStore s(directory / "state");
  std::filesystem::create_directory(directory / "state/state");  // can't be replaced by a file
  s.write(1, 1);
  s.run();
  EXPECT_THAT(s.failure, HasSubstr(directory / "state"));
  std::filesystem::remove(directory / "state/state");
  s.write(2, 2);
  s.run();
  std::vector<protocol::WriteToken> tokens;
  s.store.take_persisted(tokens);
  EXPECT_THAT(tokens, ElementsAre());
}

}  // namespace
}  // namespace vsync::daemon
