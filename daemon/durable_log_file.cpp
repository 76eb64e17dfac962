#include "daemon/durable_log_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/file_io.hpp"
#include "daemon/start_error.hpp"
#include "wire/log_file.hpp"

namespace vsync::daemon {

namespace {

constexpr std::string_view prefix = "log.";
constexpr const char* reach_name = "log.reach";
constexpr std::size_t digits_min = 6;

std::string name_of(std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "log.%06llu", static_cast<unsigned long long>(number));
  return name;
}

/// Exactly the names that name_of gives: others are not ours.
std::optional<std::uint64_t> number_of(std::string_view name) {
  if (!name.starts_with(prefix) || name.size() < prefix.size() + digits_min || name.size() > prefix.size() + 18) return std::nullopt;
  std::uint64_t number = 0;
  for (const char digit : name.substr(prefix.size())) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  if (number == 0 || name_of(number) != name) return std::nullopt;
  return number;
}

std::string at(const std::string& name, std::uint64_t offset) { return "'" + name + "' at offset " + std::to_string(offset); }

constexpr const char* what_to_do =
    ". It holds messages that were promised to outlive any crash, so nothing of it is dropped silently: restore it, or move the directory "
    "away to join as a new node";

}  // namespace

DurableLogFile::DurableLogFile(int directory, std::string path, std::uint64_t keep_bytes, std::uint64_t file_bytes)
    : directory_(directory), path_(std::move(path)), file_bytes_(file_bytes), retention_(keep_bytes) {}

void DurableLogFile::unusable(const std::string& why) const {
  throw StartError(ExitStatus::state_unusable, "state directory " + path_ + ": " + why);
}

// ---------------------------------------------------------------- the start

struct DurableLogFile::File {
  std::uint64_t number = 0;
  protocol::Payload bytes;
  wire::LogFile content;
};

std::set<std::uint64_t> DurableLogFile::numbers() const {
  const int copy = ::openat(directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(copy < 0 ? nullptr : ::fdopendir(copy), ::closedir);
  if (!listing) unusable(failure_of("cannot be read"));
  std::set<std::uint64_t> found;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (const auto number = number_of(entry->d_name)) found.insert(*number);
  }
  return found;
}

/// A default value where there is none: nothing is known then.
wire::LogReach DurableLogFile::read_reach() const {
  const UniqueFd file(::openat(directory_, reach_name, O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return {};
  std::vector<std::byte> bytes;
  if (!file.valid() || !read_all(file.get(), bytes)) unusable(failure_of("'" + std::string(reach_name) + "' cannot be read"));
  // Of a file that a crash cut off at its beginning nothing is there, or zeros: after that it is written in place.
  const bool zeros = std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
  if (bytes.size() < wire::log_reach_bytes || zeros) return {};
  const auto reach = wire::decode_log_reach(bytes);
  if (!reach) unusable("'" + std::string(reach_name) + "' is damaged (its checksum does not match)" + what_to_do);
  return *reach;
}

DurableLogFile::File DurableLogFile::read(std::uint64_t number, bool last, std::uint64_t on_disk) const {
  const std::string name = name_of(number);
  const UniqueFd file(::openat(directory_, name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) unusable("'" + name + "' of the durable log is missing" + what_to_do);
  std::vector<std::byte> bytes;
  if (!file.valid() || !read_all(file.get(), bytes)) unusable(failure_of("'" + name + "' cannot be read"));
  File read{.number = number, .bytes = protocol::Payload(std::move(bytes)), .content = {}};
  read.content = wire::decode_log_file(read.bytes, on_disk);
  const wire::LogFile& content = read.content;
  if (content.end == wire::LogFileEnd::damaged || (content.end == wire::LogFileEnd::torn && !last)) {
    unusable(at(name, content.sound_bytes) + " is damaged (" + content.why + ")" + what_to_do);
  }
  if (content.sound_bytes > 0 && content.head.number != number) {
    unusable("'" + name + "' is file " + std::to_string(content.head.number) + " of the durable log under a wrong name" + what_to_do);
  }
  return read;
}

DurableLogFile::Loaded DurableLogFile::load() {
  Loaded loaded;
  const std::set<std::uint64_t> there = numbers();
  const wire::LogReach reach = read_reach();
  if (there.empty() ? reach.file > 0 : *there.rbegin() < reach.file) {
    unusable("'" + name_of(reach.file) + "' of the durable log is missing" + what_to_do);
  }
  if (there.empty()) return loaded;
  loaded.found = true;
  first_ = *there.begin();

  std::deque<File> files;
  const auto on_disk = [&](std::uint64_t number) { return number == reach.file ? reach.bytes : 0; };
  const auto read_former = [&] {
    const std::uint64_t number = files.front().number - 1;
    files.push_front(read(number, false, std::max<std::uint64_t>(on_disk(number), files.front().content.head.former_bytes)));
  };
  files.push_front(read(*there.rbegin(), true, on_disk(*there.rbegin())));
  // A file whose head a crash cut off has nothing to say: the one before it does.
  if (files.front().content.sound_bytes == 0 && files.front().number > 1) read_former();
  const std::uint64_t oldest = std::max<std::uint64_t>(files.front().content.head.oldest, 1);
  while (files.front().number > oldest) read_former();

  for (File& file : files) {
    for (wire::FoundRecord& found : file.content.records) {
      retention_.apply(found.record, file.number);
      loaded.records.push_back(std::move(found.record));
    }
  }
  const File& last = files.back();
  if (last.content.end == wire::LogFileEnd::torn) {
    loaded.note = at(name_of(last.number), last.content.sound_bytes) + ": " + std::to_string(last.bytes.size() - last.content.sound_bytes) +
                  " bytes of a write that a crash cut off are dropped (" + last.content.why + ")";
  }
  const std::uint64_t former_bytes = files.size() > 1 ? files[files.size() - 2].bytes.size() : 0;
  if (const std::string error = reopen(last, former_bytes, on_disk(last.number)); !error.empty()) unusable(error);
  drop_files_before(oldest);
  return loaded;
}

/// Ready to append to the last file, behind its sound part. What lies there beyond its reach may be a write whose sync failed: it can be
/// read out of the system's memory and isn't on the disk, and a sync wouldn't take it there any more. So it is written again.
std::string DurableLogFile::reopen(const File& last, std::uint64_t former_bytes, std::uint64_t on_disk) {
  const std::string name = name_of(last.number);
  if (last.content.sound_bytes == 0) {
    if (::unlinkat(directory_, name.c_str(), 0) != 0) return failure_of("'" + name + "' cannot be replaced");
    if (const std::string error = start_file(last.number, former_bytes); !error.empty()) return error;
    return begin_reach();
  }
  UniqueFd file(::openat(directory_, name.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return failure_of("'" + name + "' cannot be written");
  const auto end = static_cast<off_t>(last.content.sound_bytes);
  const auto certain = static_cast<off_t>(std::min(on_disk, last.content.sound_bytes));
  if (::ftruncate(file.get(), end) != 0 || ::lseek(file.get(), certain, SEEK_SET) != certain ||
      !write_all(file.get(), last.bytes.bytes().subspan(static_cast<std::size_t>(certain), static_cast<std::size_t>(end - certain))) ||
      ::fsync(file.get()) != 0 || ::fsync(directory_) != 0) {
    return failure_of("'" + name + "' cannot be cut back to its sound part");
  }
  file_ = std::move(file);
  number_ = last.number;
  key_ = last.content.head.key;
  size_ = last.content.sound_bytes;
  return begin_reach();
}

void DurableLogFile::begin() {
  std::string error = start_file(1, 0);
  if (error.empty()) error = begin_reach();
  if (!error.empty()) unusable(error);
}

/// From here on it is written in place.
std::string DurableLogFile::begin_reach() {
  reach_ = UniqueFd(::openat(directory_, reach_name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!reach_.valid()) return failure_of("create '" + std::string(reach_name) + "'");
  if (std::string error = write_reach(); !error.empty()) return error;
  if (::fsync(reach_.get()) != 0) return failure_of("fsync of '" + std::string(reach_name) + "'");
  if (::fsync(directory_) != 0) return failure_of("fsync of the directory");
  return {};
}

std::string DurableLogFile::write_reach() {
  std::vector<std::byte> bytes;
  wire::append(wire::LogReach{number_, size_}, bytes);
  if (::lseek(reach_.get(), 0, SEEK_SET) == 0 && write_all(reach_.get(), bytes)) return {};
  return failure_of("write to '" + std::string(reach_name) + "'");
}

// ---------------------------------------------------------------- writing

/// Goes on with a new file. The head says what the log consists of before anything of it is dropped.
std::string DurableLogFile::start_file(std::uint64_t number, std::uint64_t former_bytes) {
  const std::string name = name_of(number);
  UniqueFd file(::openat(directory_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return failure_of("create '" + name + "'");
  std::uint64_t key = 0;
  if (::getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key)) return failure_of("random numbers");
  const std::uint64_t oldest = retention_.oldest_needed(number);
  std::vector<std::byte> bytes;
  const bool is_said = former_bytes <= std::numeric_limits<std::uint32_t>::max();
  wire::append(wire::LogFileHead{number, oldest, key, is_said ? static_cast<std::uint32_t>(former_bytes) : 0}, bytes);
  if (!write_all(file.get(), bytes)) return failure_of("write to '" + name + "'");
  if (::fsync(file.get()) != 0) return failure_of("fsync of '" + name + "'");
  if (::fsync(directory_) != 0) return failure_of("fsync of the directory");
  file_ = std::move(file);
  number_ = number;
  key_ = key;
  size_ = bytes.size();
  drop_files_before(oldest);
  return {};
}

/// A file that can't be dropped now is dropped at the next start.
void DurableLogFile::drop_files_before(std::uint64_t number) {
  for (; first_ < number; ++first_) (void)::unlinkat(directory_, name_of(first_).c_str(), 0);
}

std::string DurableLogFile::append(const std::vector<protocol::LogRecord>& records) {
  if (size_ >= file_bytes_) {
    if (std::string error = start_file(number_ + 1, size_); !error.empty()) return error;
  }
  std::vector<std::byte> bytes;
  wire::LogAppender appender(key_, size_, bytes);
  for (const protocol::LogRecord& record : records) appender.append(record);
  if (!write_all(file_.get(), bytes)) return failure_of("write to '" + name_of(number_) + "'");
  if (::fdatasync(file_.get()) != 0) return failure_of("fdatasync of '" + name_of(number_) + "'");
  size_ += bytes.size();
  for (const protocol::LogRecord& record : records) retention_.apply(record, number_);
  return write_reach();
}

}  // namespace vsync::daemon
