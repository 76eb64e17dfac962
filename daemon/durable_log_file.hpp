#pragma once
// The durable log in the state directory: a row of files log.000001, log.000002, ..., of which the last one grows and the oldest go.
// What was on disk once is there at the next start, or the start fails and says which file is wrong: a damaged log is never begun
// anew by itself. Only what a crash cut off in the middle of a write, before anybody was told of it, is dropped.
//
// Beside them log.reach says how much of the log was on disk when it was written last. It is written behind each sync and not synced
// itself: after a crash of the daemon it is exact, after one of the host it says a little less than is true, and never more.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "daemon/log_retention.hpp"
#include "daemon/unique_fd.hpp"
#include "protocol/log_record.hpp"
#include "wire/log_file.hpp"

namespace vsync::daemon {

class DurableLogFile {
 public:
  /// `directory` outlives it. Of each lane the newest `keep_bytes` stay; a file is closed when it has `file_bytes`.
  DurableLogFile(int directory, std::string path, std::uint64_t keep_bytes, std::uint64_t file_bytes);

  struct Loaded {
    bool found = false;  ///< there is a log
    std::vector<protocol::LogRecord> records;
    std::string note;    ///< what was cut off at the end, in words; usually empty
  };
  /// Reads all files, cuts off what a crash left unfinished. Records' payloads are slices of what was read. Throws StartError.
  [[nodiscard]] Loaded load();
  [[nodiscard]] bool begun() const { return file_.valid(); }
  /// Begins a log where there is none. Throws StartError.
  void begin();

  /// Puts the records on disk, behind what is there. Empty on success, else what failed; then nothing may be appended any more.
  /// On any thread, one call at a time.
  [[nodiscard]] std::string append(const std::vector<protocol::LogRecord>& records);

 private:
  struct File;
  [[nodiscard]] std::set<std::uint64_t> numbers() const;
  [[nodiscard]] wire::LogReach read_reach() const;
  [[nodiscard]] File read(std::uint64_t number, bool last, std::uint64_t on_disk) const;
  [[nodiscard]] std::string start_file(std::uint64_t number, std::uint64_t former_bytes);
  [[nodiscard]] std::string reopen(const File& last, std::uint64_t former_bytes, std::uint64_t on_disk);
  [[nodiscard]] std::string begin_reach();
  [[nodiscard]] std::string write_reach();
  void drop_files_before(std::uint64_t number);
  [[noreturn]] void unusable(const std::string& why) const;

  int directory_;
  std::string path_;
  std::uint64_t file_bytes_;
  LogRetention retention_;
  std::uint64_t first_ = 1;   ///< no file has a lower number
  UniqueFd file_;             ///< the one that grows
  std::uint64_t number_ = 0;  ///< of it
  std::uint64_t key_ = 0;
  std::uint64_t size_ = 0;    ///< all of it is on disk
  UniqueFd reach_;
};

}  // namespace vsync::daemon
