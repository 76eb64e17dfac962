#include "daemon/state_store.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

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

constexpr std::uint64_t keep_bytes = 1 << 20;

void write(const TemporaryDirectory& directory, const protocol::PersistentState& state) {
  StateStore store(directory / "state", keep_bytes);
  (void)store.load();
  store.write_now(state);
}

protocol::PersistentState load(const TemporaryDirectory& directory) {
  return StateStore(directory / "state", keep_bytes).load().restored.state;
}

/// A store with a loop, as a daemon uses it.
class LoopedStore {
 public:
  explicit LoopedStore(std::string path) : path_(std::move(path)) {
    uv_loop_init(&loop_);
    open();
    store_->write_now(state_of(1));
  }
  ~LoopedStore() {
    run();
    uv_loop_close(&loop_);
  }
  StateStore& operator*() { return *store_; }
  StateStore* operator->() { return &*store_; }
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
  void run_once() { uv_run(&loop_, UV_RUN_ONCE); }
  void write(protocol::WriteToken token, std::optional<std::uint64_t> counter, std::vector<protocol::LogRecord> log = {}) {
    std::vector<protocol::Write> writes{{token, std::nullopt, std::move(log)}};
    if (counter) writes.front().state = state_of(*counter);
    store_->write(writes);
  }
  std::vector<protocol::WriteToken> take_persisted() {
    std::vector<protocol::WriteToken> tokens;
    store_->take_persisted(tokens);
    return tokens;
  }
  /// What a start finds now.
  protocol::Restored restart() {
    run();
    return restart_at_once();
  }
  /// Though a write may be under way.
  protocol::Restored restart_at_once() {
    store_.reset();
    return open();
  }
  std::string failure;

 private:
  protocol::Restored open() {
    store_.emplace(path_, keep_bytes);
    auto loaded = store_->load();
    store_->attach(&loop_, [this](const std::string& why) { failure = why; });
    return std::move(loaded.restored);
  }
  std::string path_;
  uv_loop_t loop_;
  std::optional<StateStore> store_;
};

protocol::LogRecord entry(std::uint64_t seq, std::size_t bytes = 10) {
  protocol::LogEntry entry{.first = {.view = 1, .seq = {seq}}, .publisher = {"a", {1, 1}}, .ordered_at = 5};
  entry.chunk = {.first = {seq}, .count = 1, .level = protocol::Level::durable, .session = {1, 1}, .first_n = seq};
  entry.chunk.payload = protocol::Payload(std::vector<std::byte>(bytes, static_cast<std::byte>(seq)));
  return entry;
}

std::vector<std::uint64_t> numbers_of(const std::vector<protocol::LogRecord>& log) {
  std::vector<std::uint64_t> numbers;
  for (const protocol::LogRecord& record : log) numbers.push_back(std::get<protocol::LogEntry>(record).first.seq.value);
  return numbers;
}

TEST(StateStore, ANewDirectoryIsMadeAndHoldsNothing) {
  TemporaryDirectory directory;
  StateStore store(directory / "deep/er", keep_bytes);
  const auto loaded = store.load();
  EXPECT_EQ(loaded.restored.state, protocol::PersistentState{});
  EXPECT_TRUE(loaded.restored.log.empty());
  EXPECT_EQ(loaded.note, "");
}

TEST(StateStore, WhatWasWrittenIsFoundAgain) {
  TemporaryDirectory directory;
  write(directory, state_of(7));
  EXPECT_EQ(load(directory), state_of(7));
}

TEST(StateStore, ASecondDaemonIsToldThatTheDirectoryIsInUse) {
  TemporaryDirectory directory;
  StateStore first(directory / "state", keep_bytes);
  const StartError error = failure_of([&] { StateStore second(directory / "state", keep_bytes); });
  EXPECT_EQ(error.status(), ExitStatus::in_use);
  EXPECT_THAT(error.what(), HasSubstr("in use"));
}

TEST(StateStore, ADirectoryBelongsToTheNodeThatBeganIt) {
  TemporaryDirectory directory;
  StateStore(directory / "state", keep_bytes).claim("a");
  StateStore(directory / "state", keep_bytes).claim("a");
  const StartError error = failure_of([&] { StateStore(directory / "state", keep_bytes).claim("b"); });
  EXPECT_EQ(error.status(), ExitStatus::state_unusable);
  EXPECT_NE(std::string(error.what()).find("node 'a'"), std::string::npos) << error.what();
}

TEST(StateStore, ANameThatACrashCutOffClaimsNothing) {
  TemporaryDirectory directory;
  StateStore(directory / "state", keep_bytes).claim("a");
  directory.write("state/lock", "node-on");
  StateStore(directory / "state", keep_bytes).claim("node-one");
  EXPECT_EQ(failure_of([&] { StateStore(directory / "state", keep_bytes).claim("node"); }).status(), ExitStatus::state_unusable);
}

TEST(StateStore, DamagedStateStopsTheStart) {
  TemporaryDirectory directory;
  write(directory, state_of(7));
  const std::string path = directory / "state/state";
  const auto size = std::filesystem::file_size(path);
  std::filesystem::copy_file(path, directory / "sound");
  for (std::uintmax_t length = 0; length < size; ++length) {  // torn at any length
    std::filesystem::copy_file(directory / "sound", path, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, length);
    const StartError error = failure_of([&] { (void)load(directory); });
    ASSERT_EQ(error.status(), ExitStatus::state_unusable) << "torn at " << length;
    ASSERT_THAT(error.what(), HasSubstr("damaged"));
  }
}

TEST(StateStore, AFlippedBitStopsTheStart) {
  TemporaryDirectory directory;
  write(directory, state_of(7));
  const std::string path = directory / "state/state";
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path));
  for (std::streamoff at = 0; at < size; ++at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get());
    file.seekp(at).put(static_cast<char>(byte ^ 0x10)).flush();
    ASSERT_EQ(failure_of([&] { (void)load(directory); }).status(), ExitStatus::state_unusable) << at;
    file.seekp(at).put(byte).flush();
  }
  EXPECT_EQ(load(directory), state_of(7));
}

TEST(StateStore, AHalfWrittenReplacementIsIgnored) {
  TemporaryDirectory directory;
  write(directory, state_of(7));
  directory.write("state/state.new", "half of someth");
  EXPECT_EQ(load(directory), state_of(7));
}

TEST(StateStore, AFileInPlaceOfTheDirectoryIsNamed) {
  TemporaryDirectory directory;
  directory.write("state", "");
  const StartError error = failure_of([&] { StateStore store(directory / "state", keep_bytes); });
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
  const int status = status_on_mount("", MS_RDONLY, directory.path(), [&] { StateStore store(directory / "state", keep_bytes); });
  if (status == 99) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(status, static_cast<int>(ExitStatus::state_unusable));
}

TEST(StateStore, AFullDiskStopsTheStart) {
  TemporaryDirectory directory;
  const int status = status_on_mount("size=4k", 0, directory.path(), [&] {
    StateStore store(directory / "state", keep_bytes);
    std::ofstream(directory / "filler") << std::string(1 << 16, 'x');
    store.write_now(state_of(1));
  });
  if (status == 99) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(status, static_cast<int>(ExitStatus::state_unusable));
}

TEST(StateStore, TokensComeWhenTheStateIsOnDisk) {
  TemporaryDirectory directory;
  LoopedStore store(directory / "state");
  store.write(1, 11);
  EXPECT_THAT(store.take_persisted(), ElementsAre()) << "not before the loop ran";
  store.run();
  EXPECT_THAT(store.take_persisted(), ElementsAre(1u));
  EXPECT_EQ(store.restart().state, state_of(11));
}

TEST(StateStore, GoesNotBeforeTheWriteUnderWayHasEnded) {
  TemporaryDirectory directory;
  LoopedStore store(directory / "state");
  store.write(1, 11);
  store.write(2, 12);
  EXPECT_EQ(store.restart_at_once().state, state_of(11)) << "the next one isn't begun";
}

TEST(StateStore, WritesThatWaitBecomeOneAndKeepTheirOrder) {
  TemporaryDirectory directory;
  LoopedStore store(directory / "state");
  for (std::uint64_t i = 1; i <= 100; ++i) store.write(i, i);
  store.run();
  const auto tokens = store.take_persisted();
  ASSERT_EQ(tokens.size(), 100u);
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end()));
  EXPECT_EQ(store->writes(), 2u) << "the first, and all that came while it was under way";
  EXPECT_EQ(store.restart().state, state_of(100));
}

TEST(StateStore, TokensOfRecordsComeWhenTheyAreOnDisk) {
  TemporaryDirectory directory;
  LoopedStore store(directory / "state");
  store.write(1, std::nullopt, {entry(1), entry(2)});
  EXPECT_THAT(store.take_persisted(), ElementsAre()) << "not before the loop ran";
  store.run();
  EXPECT_THAT(store.take_persisted(), ElementsAre(1u));
  const auto found = store.restart();
  EXPECT_EQ(found.state, state_of(1));
  EXPECT_THAT(numbers_of(found.log), ElementsAre(1u, 2u));
}

TEST(StateStore, RecordsThatWaitAreOneWriteInTheirOrder) {
  TemporaryDirectory directory;
  LoopedStore store(directory / "state");
  for (std::uint64_t i = 1; i <= 100; ++i) store.write(i, std::nullopt, {entry(2 * i), entry(2 * i + 1)});
  store.run();
  EXPECT_EQ(store.take_persisted().size(), 100u);
  EXPECT_EQ(store->writes(), 2u);
  const auto numbers = numbers_of(store.restart().log);
  ASSERT_EQ(numbers.size(), 200u);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
}

// Records, then states; a record behind a state is another job, or a crash could leave it without the state.
TEST(StateStore, ARecordBehindAStateWaitsForIt) {
  TemporaryDirectory directory;
  LoopedStore store(directory / "state");
  store.write(1, std::nullopt, {entry(1)});  // under way
  store.write(2, std::nullopt, {entry(2)});
  store.write(3, 3, {entry(3)});
  store.write(4, 4);
  store.write(5, std::nullopt, {entry(5)});
  store.write(6, 6);
  while (store->writes() < 3) store.run_once();
  EXPECT_THAT(store.take_persisted(), ElementsAre(1u, 2u, 3u, 4u));
  store.run();
  EXPECT_THAT(store.take_persisted(), ElementsAre(5u, 6u));
  EXPECT_EQ(store->writes(), 3u);
  const auto found = store.restart();
  EXPECT_EQ(found.state, state_of(6));
  EXPECT_THAT(numbers_of(found.log), ElementsAre(1u, 2u, 3u, 5u));
}

TEST(StateStore, AFailedWriteIsToldAndNothingIsPersistedAfterIt) {
  TemporaryDirectory directory;
  LoopedStore store(directory / "state");
  std::filesystem::remove(directory / "state/state");
  std::filesystem::create_directory(directory / "state/state");  // can't be replaced by a file
  store.write(1, 1, {entry(1)});
  store.run();
  EXPECT_THAT(store.failure, HasSubstr(directory / "state"));
  std::filesystem::remove(directory / "state/state");
  store.write(2, 2);
  store.run();
  EXPECT_THAT(store.take_persisted(), ElementsAre());
}

TEST(StateStore, AStateWithoutItsLogStopsTheStart) {
  TemporaryDirectory directory;
  auto state = state_of(7);
  write(directory, state);
  std::filesystem::remove(directory / "state/log.000001");
  std::filesystem::remove(directory / "state/log.reach");
  EXPECT_EQ(load(directory), state) << "a daemon without a log was here";
  state.log_reaches.number = 1;
  write(directory, state);
  std::filesystem::remove(directory / "state/log.000001");
  const StartError error = failure_of([&] { (void)load(directory); });
  EXPECT_EQ(error.status(), ExitStatus::state_unusable);
  EXPECT_THAT(error.what(), HasSubstr("log.000001"));
}

TEST(StateStore, ALogWithoutItsStateStopsTheStart) {
  TemporaryDirectory directory;
  write(directory, state_of(7));
  std::filesystem::remove(directory / "state/state");
  const StartError error = failure_of([&] { (void)load(directory); });
  EXPECT_EQ(error.status(), ExitStatus::state_unusable);
  EXPECT_THAT(error.what(), HasSubstr("'state' is missing"));
}

TEST(StateStore, FilesAreTheDaemonsAlone) {
  TemporaryDirectory directory;
  write(directory, state_of(7));
  for (const char* name : {"state/state", "state/log.000001", "state/log.reach", "state/lock"}) {
    EXPECT_EQ(std::filesystem::status(directory / name).permissions() & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << name;
  }
}

}  // namespace
}  // namespace vsync::daemon
