#include "daemon/durable_log_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
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
  std::uint64_t bytes = 0;
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

DurableLogFile::File DurableLogFile::read(std::uint64_t number, bool last) const {
  const std::string name = name_of(number);
  const UniqueFd file(::openat(directory_, name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) unusable("'" + name + "' of the durable log is missing" + what_to_do);
  std::vector<std::byte> bytes;
  if (!file.valid() || !read_all(file.get(), bytes)) unusable(failure_of("'" + name + "' cannot be read"));
  File read{.number = number, .bytes = bytes.size(), .content = wire::decode_log_file(protocol::Payload(std::move(bytes)))};
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
  if (there.empty()) return loaded;
  loaded.found = true;
  first_ = *there.begin();

  std::deque<File> files;
  files.push_front(read(*there.rbegin(), true));
  // A file whose head a crash cut off has nothing to say: the one before it does.
  if (files.front().content.sound_bytes == 0 && files.front().number > 1) files.push_front(read(files.front().number - 1, false));
  const std::uint64_t oldest = std::max<std::uint64_t>(files.front().content.head.oldest, 1);
  while (files.front().number > oldest) files.push_front(read(files.front().number - 1, false));

  for (File& file : files) {
    for (wire::FoundRecord& found : file.content.records) {
      retention_.apply(found.record, file.number);
      loaded.records.push_back(std::move(found.record));
    }
  }
  const File& last = files.back();
  if (last.content.end == wire::LogFileEnd::torn) {
    loaded.note = at(name_of(last.number), last.content.sound_bytes) + ": " + std::to_string(last.bytes - last.content.sound_bytes) +
                  " bytes of a write that a crash cut off are dropped (" + last.content.why + ")";
  }
  if (const std::string error = reopen(last); !error.empty()) unusable(error);
  drop_files_before(oldest);
  return loaded;
}

/// Ready to append to the last file, behind its sound part.
std::string DurableLogFile::reopen(const File& last) {
  const std::string name = name_of(last.number);
  if (last.content.sound_bytes == 0) {
    if (::unlinkat(directory_, name.c_str(), 0) != 0) return failure_of("'" + name + "' cannot be replaced");
    return start_file(last.number);
  }
  UniqueFd file(::openat(directory_, name.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return failure_of("'" + name + "' cannot be written");
  const auto end = static_cast<off_t>(last.content.sound_bytes);
  if (::ftruncate(file.get(), end) != 0 || ::lseek(file.get(), end, SEEK_SET) != end || ::fsync(file.get()) != 0) {
    return failure_of("'" + name + "' cannot be cut back to its sound part");
  }
  file_ = std::move(file);
  number_ = last.number;
  key_ = last.content.head.key;
  size_ = last.content.sound_bytes;
  return {};
}

void DurableLogFile::begin() {
  if (const std::string error = start_file(1); !error.empty()) unusable(error);
}

// ---------------------------------------------------------------- writing

/// Goes on with a new file. The head says what the log consists of before anything of it is dropped.
std::string DurableLogFile::start_file(std::uint64_t number) {
  const std::string name = name_of(number);
  UniqueFd file(::openat(directory_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return failure_of("create '" + name + "'");
  std::uint64_t key = 0;
  if (::getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key)) return failure_of("random numbers");
  const std::uint64_t oldest = retention_.oldest_needed(number);
  std::vector<std::byte> bytes;
  wire::append(wire::LogFileHead{number, oldest, key}, bytes);
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
    if (std::string error = start_file(number_ + 1); !error.empty()) return error;
  }
  std::vector<std::byte> bytes;
  wire::LogAppender appender(key_, size_, bytes);
  for (const protocol::LogRecord& record : records) appender.append(record);
  if (!write_all(file_.get(), bytes)) return failure_of("write to '" + name_of(number_) + "'");
  if (::fdatasync(file_.get()) != 0) return failure_of("fdatasync of '" + name_of(number_) + "'");
  size_ += bytes.size();
  for (const protocol::LogRecord& record : records) retention_.apply(record, number_);
  return {};
}

}  // namespace vsync::daemon
