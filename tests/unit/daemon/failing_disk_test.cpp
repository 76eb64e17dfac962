// The state directory on a disk that fails or loses power: at each call that the store makes to the system, one by one. The calls are wrapped
// by the linker (meson.build).

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "daemon/start_error.hpp"
#include "daemon/state_store.hpp"
#include "temporary_directory.hpp"

namespace vsync::daemon {
namespace {

using ::testing::HasSubstr;

/// What the wrapped calls ask before they do anything, and tell when they have.
struct Disk {
  virtual ~Disk() = default;
  virtual bool fails(const char* call) = 0;  ///< with errno
  virtual void done(const char* call, int file) = 0;
};
Disk* disk = nullptr;  // set while no store is at work
thread_local bool looking = false;  // the test itself

template <class Call>
auto on_disk(const char* name, int file, Call call) -> decltype(call()) {
  if (disk == nullptr || looking) return call();
  looking = true;
  if (disk->fails(name)) {
    looking = false;
    return -1;
  }
  const auto result = call();
  const int error = errno;
  disk->done(name, name == std::string_view("openat") ? static_cast<int>(result) : file);
  errno = error;
  looking = false;
  return result;
}

}  // namespace

extern "C" {
ssize_t __real_write(int file, const void* bytes, std::size_t size);
int __real_fsync(int file);
int __real_fdatasync(int file);
int __real_renameat(int from_directory, const char* from, int to_directory, const char* to);
int __real_openat64(int directory, const char* name, int flags, mode_t mode);
int __real_unlinkat(int directory, const char* name, int flags);
int __real_ftruncate64(int file, off_t size);
ssize_t __wrap_write(int file, const void* bytes, std::size_t size) {
  return on_disk("write", file, [&] { return __real_write(file, bytes, size); });
}
int __wrap_fsync(int file) {
  return on_disk("fsync", file, [&] { return __real_fsync(file); });
}
int __wrap_fdatasync(int file) {
  return on_disk("fdatasync", file, [&] { return __real_fdatasync(file); });
}
int __wrap_renameat(int from_directory, const char* from, int to_directory, const char* to) {
  return on_disk("renameat", to_directory, [&] { return __real_renameat(from_directory, from, to_directory, to); });
}
int __wrap_openat64(int directory, const char* name, int flags, mode_t mode) {
  return on_disk("openat", directory, [&] { return __real_openat64(directory, name, flags, mode); });
}
int __wrap_unlinkat(int directory, const char* name, int flags) {
  return on_disk("unlinkat", directory, [&] { return __real_unlinkat(directory, name, flags); });
}
int __wrap_ftruncate64(int file, off_t size) {
  return on_disk("ftruncate", file, [&] { return __real_ftruncate64(file, size); });
}
}

namespace {

constexpr std::uint64_t keep_bytes = 60'000;  // of files of 64 KiB
constexpr std::uint64_t jobs = 60;

protocol::LogRecord entry(std::uint64_t seq, std::size_t bytes) {
  protocol::LogEntry entry{.first = {.view = 1, .seq = {seq}}, .publisher = {"a", {1, 1}}, .ordered_at = 5, .chunk = {}};
  entry.chunk = {.first = {seq}, .count = 1, .level = protocol::Level::durable, .session = {1, 1}, .first_n = seq};
  entry.chunk.payload = protocol::Payload(std::vector<std::byte>(bytes, static_cast<std::byte>(seq % 3)));
  return entry;
}

/// A store at work: each job has records, each third a state behind them. Record n and state n are part of token n.
class Work {
 public:
  explicit Work(std::string path) : path_(std::move(path)) {}

  /// Until all is done, or the disk fails; then what was said.
  std::string run() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    std::string failure;
    try {
      StateStore store(path_, keep_bytes);
      store.claim("a");
      (void)store.load();
      store.write_now(state(0));
      store.attach(&loop, [&](const std::string& why) { failure = why; });
      while (sent < jobs && failure.empty()) {
        std::vector<protocol::Write> writes;
        for (std::uint64_t i = 1 + random_() % 3; i > 0; --i) {
          ++sent;
          protocol::Write write{sent, std::nullopt, {entry(sent, random_() % 6000)}};
          if (sent % 3 == 0) write.state = state(sent);
          writes.push_back(std::move(write));
        }
        store.write(writes);
        uv_run(&loop, random_() % 2 == 0 ? UV_RUN_ONCE : UV_RUN_DEFAULT);
        std::vector<protocol::WriteToken> tokens;
        store.take_persisted(tokens);
        if (!tokens.empty()) acknowledged = tokens.back();
      }
      uv_run(&loop, UV_RUN_DEFAULT);
      std::vector<protocol::WriteToken> tokens;
      store.take_persisted(tokens);
      if (!tokens.empty()) acknowledged = tokens.back();
    } catch (const StartError& error) {
      EXPECT_EQ(error.status(), ExitStatus::state_unusable);
      failure = error.what();
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return failure;
  }

  /// What a start finds there has all that was acknowledged, and nothing but a beginning of what was written.
  void expect_kept_in(const std::string& path, const std::string& when) const {
    try {
      StateStore store(path, keep_bytes);
      store.claim("a");
      const auto found = store.load().restored;
      std::uint64_t last = 0;
      for (const protocol::LogRecord& record : found.log) {
        const std::uint64_t seq = std::get<protocol::LogEntry>(record).first.seq.value;
        ASSERT_TRUE(last == 0 || seq == last + 1) << when << ": a hole behind " << last;
        last = seq;
      }
      const std::uint64_t counter = found.state.incarnation_counter;
      ASSERT_GE(last, acknowledged) << when;
      ASSERT_GE(counter, acknowledged / 3 * 3) << when;
      ASSERT_LE(last, sent) << when;
      ASSERT_GE(last, counter) << when << ": a state without what was written before it";
      store.write_now(state(sent));
    } catch (const StartError& error) {
      FAIL() << when << ": " << error.what();
    }
  }

  std::atomic<std::uint64_t> sent = 0;
  std::atomic<std::uint64_t> acknowledged = 0;

 private:
  static protocol::PersistentState state(std::uint64_t counter) {
    protocol::PersistentState state;
    state.incarnation_counter = counter;
    return state;
  }
  std::string path_;
  std::mt19937 random_{7};
};

/// The n-th call fails; and all calls behind it, if the disk is gone for good.
class FailsOnce : public Disk {
 public:
  FailsOnce(std::uint64_t at, int error, bool for_good) : at_(at), error_(error), for_good_(for_good) {}
  bool fails(const char* call) override {
    const std::lock_guard lock(mutex_);
    const std::uint64_t now = calls_++;
    if (now < at_ || (now > at_ && !for_good_)) return false;
    if (now == at_) call_ = call;
    errno = error_;
    return true;
  }
  void done(const char*, int) override {}
  [[nodiscard]] const std::string& call() const { return call_; }

 private:
  std::mutex mutex_;
  std::uint64_t at_;
  int error_;
  bool for_good_;
  std::uint64_t calls_ = 0;
  std::string call_;
};

TEST(FailingDisk, EveryCallThatFailsStopsTheStoreAndLosesNothing) {
  std::map<std::string, int> failed;
  for (std::uint64_t at = 0;; ++at) {
    bool reached = false;
    for (const int error : {EIO, ENOSPC, EDQUOT}) {
      const TemporaryDirectory directory = TemporaryDirectory::in_memory();
      Work work(directory / "state");
      FailsOnce fault(at, error, at % 2 == 0);
      disk = &fault;
      const std::string failure = work.run();
      disk = nullptr;
      if (fault.call().empty()) continue;
      reached = true;
      ++failed[fault.call()];
      const std::string when = "call " + std::to_string(at) + ", " + fault.call();
      if (fault.call() == "unlinkat") {  // a file that can't be dropped is dropped later
        EXPECT_TRUE(failure.empty() || at % 2 == 0) << when << ": " << failure;
      } else {
        EXPECT_THAT(failure, HasSubstr(directory / "state")) << when;
        EXPECT_TRUE(work.acknowledged < work.sent || work.sent == 0) << when << ": nothing is acknowledged after it";
      }
      work.expect_kept_in(directory / "state", when);
      if (HasFatalFailure()) return;
    }
    if (!reached) break;
  }
  for (const char* call : {"write", "fsync", "fdatasync", "renameat", "openat"}) EXPECT_GE(failed[call], 30) << call;
}

/// The first sync of records fails. After that a system may take what it couldn't write for written.
struct ForgetsOnce : Disk {
  bool fails(const char* call) override {
    if (failed || call != std::string_view("fdatasync")) return false;
    errno = EIO;
    return failed = true;
  }
  void done(const char* call, int file) override {
    if (failed && call == std::string_view("write")) {
      written.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file)).filename());
    }
  }
  bool failed = false;
  std::vector<std::string> written;
};

TEST(FailingDisk, WhatASyncDidNotTakeIsWrittenAgainAtTheNextStart) {
  const TemporaryDirectory directory = TemporaryDirectory::in_memory();
  Work work(directory / "state");
  ForgetsOnce fault;
  disk = &fault;
  EXPECT_THAT(work.run(), HasSubstr("fdatasync of 'log.000001': Input/output error"));
  EXPECT_THAT(fault.written, ::testing::IsEmpty()) << "nothing is tried again in its place";
  StateStore store(directory / "state", keep_bytes);
  EXPECT_FALSE(store.load().restored.log.empty()) << "it can be read, out of the system's memory";
  disk = nullptr;
  EXPECT_THAT(fault.written, ::testing::Contains("log.000001"));
}

/// A disk that keeps of what isn't synced what it likes: of files any sectors, of the directory's changes the first ones.
class LosesPower : public Disk {
 public:
  LosesPower(std::string path, const Work& work, std::uint64_t cuts_per_call) : path_(std::move(path)), work_(work), cuts_per_call_(cuts_per_call) {}
  bool fails(const char*) override { return false; }
  void done(const char* call, int file) override {
    const std::lock_guard lock(mutex_);
    see(call, file);
    for (std::uint64_t i = 0; i < cuts_per_call_; ++i) cut(call);
  }
  std::uint64_t cuts = 0;

 private:
  using Names = std::map<std::string, ino_t>;
  struct File {
    std::string synced, current;
  };

  static std::string contents(int file) {
    std::ifstream in("/proc/self/fd/" + std::to_string(file), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] Names names() const {
    Names found;
    for (const auto& each : std::filesystem::directory_iterator(path_)) {
      struct stat status {};
      if (::stat(each.path().c_str(), &status) == 0) found[each.path().filename()] = status.st_ino;
    }
    return found;
  }
  void see(const std::string& call, int file) {
    struct stat status {};
    if (file < 0 || ::fstat(file, &status) != 0) return;
    if (S_ISDIR(status.st_mode)) {
      if (!std::filesystem::exists(path_)) return;
      const Names now = names();
      for (const auto& [name, inode] : now) {
        const Names& before = directory_.back();
        if (std::none_of(before.begin(), before.end(), [inode = inode](const auto& one) { return one.second == inode; })) files_[inode] = {};
      }
      if (now != directory_.back()) directory_.push_back(now);
      if (call == "fsync") directory_.erase(directory_.begin(), directory_.end() - 1);
      return;
    }
    if (call == "openat") {
      struct stat top {};
      if (::stat(path_.c_str(), &top) != 0) return;
      const int above = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY);
      see("change", above);
      ::close(above);
    }
    File& known = files_[status.st_ino];
    known.current = contents(file);
    if (call == "fsync" || call == "fdatasync") known.synced = known.current;
  }

  [[nodiscard]] std::string what_is_left(const File& file) {
    const std::size_t shorter = std::min(file.synced.size(), file.current.size());
    const std::size_t longer = std::max(file.synced.size(), file.current.size());
    std::string left(shorter + random_() % (longer - shorter + 1), '\0');
    for (std::size_t at = 0; at < left.size(); at += 512) {
      const std::string& from = random_() % 2 == 0 ? file.synced : file.current;
      for (std::size_t i = at; i < std::min(at + 512, left.size()) && i < from.size(); ++i) left[i] = from[i];
    }
    return left;
  }

  void cut(const std::string& call) {
    ++cuts;
    const TemporaryDirectory after = TemporaryDirectory::in_memory();
    for (const auto& [name, inode] : directory_[random_() % directory_.size()]) {
      std::ofstream(after / name, std::ios::binary) << what_is_left(files_[inode]);
    }
    work_.expect_kept_in(after.path(), "power cut " + std::to_string(cuts) + ", after " + call);
  }

  std::mutex mutex_;
  std::string path_;
  const Work& work_;
  std::uint64_t cuts_per_call_;
  std::vector<Names> directory_{Names{}};  ///< what a sync has made sure of, and each change since
  std::map<ino_t, File> files_;
  std::mt19937 random_{11};
};

TEST(FailingDisk, AtWhicheverCallThePowerGoesNothingAcknowledgedIsLost) {
  const char* wanted = std::getenv("VSYNC_POWER_CUTS_PER_CALL");
  const TemporaryDirectory directory = TemporaryDirectory::in_memory();
  Work work(directory / "state");
  LosesPower power(directory / "state", work, wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 3);
  disk = &power;
  const std::string failure = work.run();
  disk = nullptr;
  EXPECT_EQ(failure, "");
  EXPECT_GE(work.acknowledged, jobs);
  EXPECT_GE(power.cuts, 500u);
  RecordProperty("cuts", static_cast<int>(power.cuts));
  std::printf("%llu power cuts\n", static_cast<unsigned long long>(power.cuts));
}

}  // namespace
}  // namespace vsync::daemon
