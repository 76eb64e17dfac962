#include "daemon/durable_log_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>

#include "daemon/start_error.hpp"
#include "protocol/durable_log.hpp"
#include "temporary_directory.hpp"
#include "wire/log_file.hpp"

namespace vsync::daemon {
namespace {

using protocol::DurableLog;
using protocol::LogEntry;
using protocol::LogRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t keep = 20'000;
constexpr std::uint64_t file_size = 4'000;

LogEntry entry(std::uint64_t seq, std::size_t bytes = 100) {
  LogEntry entry{.first = {.view = 1, .seq = {seq}}, .publisher = {"a", {1, 1}}, .ordered_at = 5, .chunk = {}};
  entry.chunk = {.first = {seq}, .count = 1, .level = protocol::Level::durable, .session = {1, 1}, .first_n = seq};
  entry.chunk.payload = protocol::Payload(std::vector<std::byte>(bytes, static_cast<std::byte>(seq | 1)));
  return entry;
}

std::vector<std::uint64_t> numbers_of(const std::vector<LogRecord>& records) {
  std::vector<std::uint64_t> numbers;
  for (const LogRecord& record : records) {
    if (const auto* found = std::get_if<LogEntry>(&record)) numbers.push_back(found->first.seq.value);
  }
  return numbers;
}

class DurableLogFiles : public ::testing::Test {
 protected:
  DurableLogFiles() : descriptor_(::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY)) { open(); }

  /// As at a start of the daemon.
  DurableLogFile::Loaded open() {
    log_.emplace(descriptor_.get(), directory_.path(), keep, file_size);
    DurableLogFile::Loaded loaded = log_->load();
    if (!loaded.found) log_->begin();
    return loaded;
  }
  std::string failure_of_start() {
    try {
      open();
      return "";
    } catch (const StartError& error) {
      EXPECT_EQ(error.status(), ExitStatus::state_unusable);
      return error.what();
    }
  }
  void append(std::vector<LogRecord> records) { ASSERT_EQ(log_->append(records), ""); }
  /// One record a job, from `first` to `last`.
  void append(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t seq = first; seq <= last; ++seq) append({entry(seq)});
  }

  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& each : std::filesystem::directory_iterator(directory_.path())) {
      if (each.path().filename() != "log.reach") names.push_back(each.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::string contents(const std::string& name) const {
    std::string bytes(std::filesystem::file_size(directory_ / name), '\0');
    std::ifstream(directory_ / name, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return bytes;
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
  }
  /// Where the records of a file begin.
  [[nodiscard]] std::vector<std::uint64_t> offsets(const std::string& name) const {
    const std::string bytes = contents(name);
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    std::vector<std::uint64_t> found;
    for (const auto& record : wire::decode_log_file(protocol::Payload(std::vector(begin, begin + bytes.size()))).records) {
      found.push_back(record.offset);
    }
    return found;
  }

  TemporaryDirectory directory_ = TemporaryDirectory::in_memory();
  UniqueFd descriptor_;
  std::optional<DurableLogFile> log_;
};

TEST_F(DurableLogFiles, WhatWasAppendedIsFoundAgainInItsOrder) {
  append({entry(1), entry(2)});
  append({protocol::LogSettled{}, entry(3)});
  const auto loaded = open();
  EXPECT_TRUE(loaded.found);
  EXPECT_EQ(loaded.note, "");
  ASSERT_EQ(loaded.records.size(), 4u);
  EXPECT_THAT(numbers_of(loaded.records), ElementsAre(1u, 2u, 3u));
  append({entry(4)});
  EXPECT_THAT(numbers_of(open().records), ElementsAre(1u, 2u, 3u, 4u));
}

TEST_F(DurableLogFiles, AFileOfItsSizeIsFollowedByAnother) {
  append(1, 30);
  EXPECT_THAT(files(), ElementsAre("log.000001", "log.000002", "log.000003"));
  const auto numbers = numbers_of(open().records);
  EXPECT_EQ(numbers.size(), 30u);
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST_F(DurableLogFiles, TheOldestFilesGoWhenTheYoungerHoldEnough) {
  append(1, 1000);
  EXPECT_GT(files().front(), "log.000050");
  EXPECT_LE(files().size(), keep / file_size + 4);
  DurableLog replayed(keep);
  for (const LogRecord& record : open().records) replayed.apply(record);
  DurableLog expected(keep);
  for (std::uint64_t seq = 1; seq <= 1000; ++seq) expected.apply(entry(seq));
  EXPECT_EQ(replayed.entries({}).size(), expected.entries({}).size());
  EXPECT_EQ(replayed.forgotten({}), expected.forgotten({})) << "a restart knows that something is gone";
}

TEST_F(DurableLogFiles, AFileThatCouldNotBeDroppedIsDroppedAtTheNextStart) {
  append(1, 20);
  const std::string old = contents("log.000001");
  append(21, 1000);
  write("log.000001", old);
  write("log.000002", "not even sound");
  const std::size_t records = open().records.size();
  EXPECT_LT(records, 300u) << "it isn't read again";
  EXPECT_GT(files().front(), "log.000050");
}

// A crash while the last record was written: cut off at any byte, or with sectors that were never written.
TEST_F(DurableLogFiles, AnEndThatACrashCutOffIsDropped) {
  append({entry(1)});
  const std::string reach = contents("log.reach");
  append({entry(2, 1500)});
  const std::string whole = contents("log.000001");
  const std::uint64_t last = offsets("log.000001").back();
  for (std::uint64_t size = last; size < whole.size(); ++size) {
    write("log.000001", whole.substr(0, size));
    write("log.reach", reach);
    const auto loaded = open();
    ASSERT_THAT(numbers_of(loaded.records), ElementsAre(1u)) << size;
    ASSERT_EQ(loaded.note.empty(), size == last);
    const std::string dropped = "'log.000001' at offset " + std::to_string(last) + ": " + std::to_string(size - last) + " bytes";
    ASSERT_TRUE(size == last || loaded.note.starts_with(dropped)) << loaded.note;
    ASSERT_EQ(std::filesystem::file_size(directory_ / "log.000001"), last);
    append({entry(3)});
    ASSERT_THAT(numbers_of(open().records), ElementsAre(1u, 3u)) << "and what comes next stands in its place";
  }
  for (std::uint64_t sector = 512; sector < whole.size(); sector += 512) {
    std::string holed = whole;
    const std::uint64_t size = std::min<std::uint64_t>(512, whole.size() - sector);
    holed.replace(sector, size, std::string(size, '\0'));
    write("log.000001", holed);
    write("log.reach", reach);
    ASSERT_THAT(numbers_of(open().records), ElementsAre(1u)) << sector;
  }
}

TEST_F(DurableLogFiles, AFileThatACrashCutOffInItsHeadIsBegunAgain) {
  append(1, 12);
  const std::string reach = contents("log.reach");
  append(13, 13);
  const std::vector<std::string> before = files();
  ASSERT_EQ(before.size(), 2u);
  const std::string whole = contents(before.back());
  const auto complete = numbers_of(open().records);
  const std::size_t in_last = offsets(before.back()).size();
  for (std::size_t size = 0; size < 48; ++size) {
    write(before.back(), whole.substr(0, size));
    write("log.reach", reach);
    auto expected = complete;
    expected.resize(complete.size() - in_last);
    ASSERT_EQ(numbers_of(open().records), expected) << size;
    append({entry(100)});
    expected.push_back(100);
    ASSERT_EQ(numbers_of(open().records), expected);
  }
}

TEST_F(DurableLogFiles, TheFirstFileCutOffInItsHeadIsAnEmptyLog) {
  write("log.000001", "VSYNC");
  write("log.reach", "");
  EXPECT_TRUE(open().records.empty());
  append({entry(1)});
  EXPECT_THAT(numbers_of(open().records), ElementsAre(1u));
}

TEST_F(DurableLogFiles, AFlippedBitInAnythingThatWasAcknowledgedStopsTheStart) {
  append(1, 30);
  std::mt19937 random(1);
  for (const std::string& name : files()) {
    const std::string whole = contents(name);
    for (int i = 0; i < 300; ++i) {
      std::string flipped = whole;
      const std::size_t at = random() % whole.size();
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << (random() % 8)));
      write(name, flipped);
      const std::string error = failure_of_start();
      ASSERT_THAT(error, HasSubstr("'" + name + "' at offset ")) << at;
      ASSERT_THAT(error, HasSubstr("is damaged"));
      ASSERT_THAT(error, HasSubstr("restore it, or move the directory away"));
      ASSERT_EQ(contents(name), flipped) << "nothing is touched";
    }
    write(name, whole);
  }
  EXPECT_EQ(numbers_of(open().records).size(), 30u);
}

// R18 of the list of tests: what was acknowledged is kept, or it is said that it isn't, wherever a bit flips or a file is cut off.
TEST_F(DurableLogFiles, AnyDamageIsFoundOrHarmless) {
  append(1, 60);
  std::mt19937 random(2);
  const auto complete = numbers_of(open().records);
  std::map<std::string, std::string> sound;
  for (const std::string& name : files()) sound[name] = contents(name);
  sound["log.reach"] = contents("log.reach");
  std::size_t flipped = 0, cut_off = 0, harmless = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto& [name, whole] = *std::next(sound.begin(), static_cast<std::ptrdiff_t>(random() % sound.size()));
    std::string damaged = whole;
    const std::size_t at = random() % whole.size();
    if (i % 2 == 0) {
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random() % 8)));
      ++flipped;
    } else {
      damaged.resize(at);
      ++cut_off;
    }
    write(name, damaged);
    const std::string error = failure_of_start();
    if (error.empty()) {
      ASSERT_EQ(name, "log.reach") << "of the log itself every bit counts: " << at;
      ASSERT_EQ(i % 2, 1) << "it is there and wrong: " << at;
      ASSERT_EQ(numbers_of(open().records), complete);
      ++harmless;
      for (const auto& [each, content] : sound) write(each, content);
    } else {
      ASSERT_THAT(error, HasSubstr("'" + name + "'"));
      ASSERT_THAT(error, HasSubstr("restore it, or move the directory away"));
      ASSERT_EQ(contents(name), damaged) << "nothing is touched";
      write(name, whole);
    }
  }
  RecordProperty("flipped", static_cast<int>(flipped));
  EXPECT_EQ(flipped, 10'000u);
  EXPECT_EQ(cut_off, 10'000u);
  EXPECT_LT(harmless, 2500u);
}

TEST_F(DurableLogFiles, WhatWasAcknowledgedAndIsCutOffStopsTheStart) {
  append(1, 5);
  const std::string whole = contents("log.000001");
  for (const std::uint64_t offset : offsets("log.000001")) {
    write("log.000001", whole.substr(0, offset));
    EXPECT_THAT(failure_of_start(), HasSubstr("'log.000001' at offset " + std::to_string(offset) + " is damaged")) << "between two records";
  }
  write("log.000001", whole);
  open();
  append(6, 30);
  const std::string earlier = contents("log.000002");
  for (const std::uint64_t offset : offsets("log.000002")) {
    write("log.000002", earlier.substr(0, offset));
    EXPECT_THAT(failure_of_start(), HasSubstr("'log.000002' at offset " + std::to_string(offset) + " is damaged")) << "with another file behind";
  }
  write("log.000002", earlier);
  for (const std::string& name : files()) {
    if (name > "log.000002") std::filesystem::remove(directory_ / name);
  }
  EXPECT_THAT(failure_of_start(), HasSubstr("'log.000003' of the durable log is missing")) << "the newest";
}

// As releases before it left the directory.
TEST_F(DurableLogFiles, ALogWithoutItsReachIsTakenAsItIs) {
  append(1, 5);
  std::filesystem::remove(directory_ / "log.reach");
  EXPECT_EQ(numbers_of(open().records).size(), 5u);
  EXPECT_EQ(contents("log.reach").size(), wire::log_reach_bytes) << "and has one from then on";
}

TEST_F(DurableLogFiles, AnEarlierFileThatIsCutOffStopsTheStart) {
  append(1, 30);
  const std::string whole = contents("log.000002");
  for (const std::size_t size : {std::size_t{0}, std::size_t{20}, whole.size() - 1}) {
    write("log.000002", whole.substr(0, size));
    EXPECT_THAT(failure_of_start(), HasSubstr("'log.000002' at offset ")) << size;
  }
}

TEST_F(DurableLogFiles, AMissingFileStopsTheStart) {
  append(1, 30);
  ASSERT_EQ(files().size(), 3u);
  for (const char* name : {"log.000001", "log.000002"}) {
    std::filesystem::rename(directory_ / name, directory_ / "away");
    EXPECT_THAT(failure_of_start(), HasSubstr("'" + std::string(name) + "' of the durable log is missing"));
    std::filesystem::rename(directory_ / "away", directory_ / name);
  }
  // A new file's head is on disk before older ones go, so one without a head stands behind another.
  write("log.000003", "");
  write("log.reach", "");
  std::filesystem::remove(directory_ / "log.000002");
  EXPECT_THAT(failure_of_start(), HasSubstr("'log.000002' of the durable log is missing"));
}

TEST_F(DurableLogFiles, AFileUnderAnotherNameStopsTheStart) {
  append(1, 30);
  std::filesystem::rename(directory_ / "log.000003", directory_ / "log.000004");
  EXPECT_THAT(failure_of_start(), HasSubstr("'log.000004' is file 3 of the durable log under a wrong name"));
}

TEST_F(DurableLogFiles, OtherFilesAreNobodysBusiness) {
  append(1, 3);
  for (const char* name : {"log.txt", "log.1", "log.000001.bak", "log.0000000000000000001", "log.000000"}) write(name, "x");
  EXPECT_EQ(numbers_of(open().records).size(), 3u);
}

// In a child with a mount namespace of its own.
TEST_F(DurableLogFiles, AFullDiskIsToldAndWhatWasAcknowledgedStays) {
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
      _exit(99);
    }
    const int mounted = ::open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY);
    DurableLogFile log(mounted, directory_.path(), 1 << 20, 1 << 20);
    (void)log.load();
    log.begin();
    std::uint64_t acknowledged = 0;
    std::string error;
    while (error.empty() && acknowledged < 1000) {
      error = log.append({entry(acknowledged + 1, 1000)});
      if (error.empty()) ++acknowledged;
    }
    if (error.find("No space left") == std::string::npos) _exit(1);
    DurableLogFile again(mounted, directory_.path(), 1 << 20, 1 << 20);
    const auto loaded = again.load();
    if (numbers_of(loaded.records).size() != acknowledged || acknowledged < 20) _exit(2);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 99) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// ---------------------------------------------------------------- what may go

/// Random records as an engine might log them: entries that grow, provisional ones, settlements, cuts.
class Script {
 public:
  explicit Script(unsigned seed) : random_(seed) {}

  LogRecord next() {
    const unsigned kind = number(100);
    if (kind < 4) return protocol::LogCutBack{lane(), number(4) == 0 ? std::nullopt : std::optional(back())};
    if (kind < 8) return provisional();
    if (kind < 12) return protocol::LogSettled{view_, number(2) == 0 ? std::nullopt : std::optional(protocol::Ballot{1 + number(3), {}})};
    return make(seq_ += 1 + number(3));
  }

 private:
  unsigned number(unsigned end) { return static_cast<unsigned>(random_() % end); }
  protocol::Lane lane() { return {static_cast<std::uint16_t>(number(2))}; }
  protocol::Position back() {
    seq_ -= std::min<std::uint64_t>(seq_ - 1, number(20));
    return {.view = 1, .lane = last_lane_, .seq = {seq_}};
  }
  LogEntry make(std::uint64_t seq) {
    LogEntry made = entry(seq, number(10) == 0 ? 3000 : 100);
    made.first.lane = made.chunk.lane = last_lane_ = lane();
    return made;
  }
  LogRecord provisional() {
    protocol::LogProvisional made{view_, {1 + number(3), {}}, {}};
    for (unsigned i = number(4); i > 0; --i) made.entries.push_back(make(seq_ += 1 + number(3)));
    return made;
  }
  std::mt19937 random_;
  std::uint64_t seq_ = 1;
  protocol::Lane last_lane_;
  protocol::ViewId view_{{}, 1};
};

void expect_same(const DurableLog& a, const DurableLog& b) {
  for (std::uint16_t i = 0; i < 2; ++i) {
    const protocol::Lane lane{i};
    ASSERT_EQ(a.last(lane), b.last(lane));
    ASSERT_EQ(a.forgotten(lane), b.forgotten(lane));
    ASSERT_EQ(a.entries(lane).size(), b.entries(lane).size());
    for (std::size_t n = 0; n < a.entries(lane).size(); ++n) ASSERT_EQ(a.entries(lane)[n].first, b.entries(lane)[n].first);
  }
  ASSERT_EQ(a.has_provisional(), b.has_provisional());
}

TEST(LogRetention, WhatIsKeptIsEnoughToComeToTheSameLog) {
  std::uint64_t dropped = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    Script script(seed);
    LogRetention retention(10'000);
    DurableLog whole(10'000);
    std::vector<std::pair<std::uint64_t, LogRecord>> kept;
    std::uint64_t file = 1;
    for (int i = 0; i < 500; ++i) {
      kept.emplace_back(file, script.next());
      whole.apply(kept.back().second);
      retention.apply(kept.back().second, file);
      if (i % 10 != 9) continue;
      ++file;
      const std::uint64_t oldest = retention.oldest_needed(file);
      dropped += static_cast<std::uint64_t>(std::erase_if(kept, [&](const auto& record) { return record.first < oldest; }));
      DurableLog replayed(10'000);
      LogRetention again(10'000);
      for (const auto& [at, record] : kept) {
        replayed.apply(record);
        again.apply(record, at);
      }
      ASSERT_NO_FATAL_FAILURE(expect_same(replayed, whole)) << "seed " << seed << " step " << i;
      ASSERT_EQ(again.oldest_needed(file), oldest);
    }
  }
  EXPECT_GT(dropped, 200u * 200);
}

}  // namespace
}  // namespace vsync::daemon
