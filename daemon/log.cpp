#include "daemon/log.hpp"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>
#include <vector>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "daemon/clock.hpp"

namespace vsync::daemon {

namespace {

// sd_journal_send reports success where no journal listens and drops the record, so it is used only when standard error is
// the journal's own stream, which systemd names by device and inode.
bool stderr_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

const char* word_for(Severity severity) {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::notice: return "notice";
    case Severity::info: return "info";
    case Severity::debug: return "debug";
  }
  return "";
}

const char* colour_of(Severity severity) {
  switch (severity) {
    case Severity::error: return "\033[1;31m";
    case Severity::warning: return "\033[33m";
    case Severity::notice: return "\033[1m";
    case Severity::info: return "";
    case Severity::debug: return "\033[2m";
  }
  return "";
}

// What came from outside must not be able to forge lines or drive a terminal.
void append_printable(std::string& line, std::string_view text) {
  for (char c : text) line += std::iscntrl(static_cast<unsigned char>(c)) ? '?' : c;
}

}  // namespace

bool RateLimit::allow(protocol::TimePoint now) {
  if (now - window_ >= interval) {
    window_ = now;
    used_ = 0;
  }
  if (used_ < burst) {
    ++used_;
    return true;
  }
  ++suppressed_;
  return false;
}

std::uint64_t RateLimit::take_suppressed() { return std::exchange(suppressed_, 0); }

Log::Log(Severity threshold)
    : threshold_(threshold),
      journal_(stderr_is_the_journal()),
      colour_(isatty(STDERR_FILENO) == 1 && variable("NO_COLOR").empty() && variable("TERM") != "dumb") {}

void Log::limited(RateLimit& limit, Severity severity, std::string_view text, std::initializer_list<Field> fields) {
  if (severity > threshold_ || !limit.allow(boot_now())) return;
  if (auto suppressed = limit.take_suppressed(); suppressed > 0) {
    write(severity, std::string(text) + " (and " + std::to_string(suppressed) + " more like it before)", fields);
  } else {
    write(severity, text, fields);
  }
}

void Log::write(Severity severity, std::string_view text, std::initializer_list<Field> fields) {
  if (severity > threshold_) return;
  if (journal_) {
    to_journal(severity, text, fields);
  } else {
    to_stderr(severity, text, fields);
  }
}

void Log::to_journal(Severity severity, std::string_view text, std::initializer_list<Field> fields) const {
  std::vector<std::string> entries;
  entries.push_back("MESSAGE=" + std::string(text));
  entries.push_back("PRIORITY=" + std::to_string(static_cast<int>(severity)));
  entries.emplace_back("SYSLOG_IDENTIFIER=vsyncd");
  entries.push_back("VSYNC_NODE=" + node_);
  if (!view_.empty()) entries.push_back("VSYNC_VIEW=" + view_);
  for (const Field& field : fields) {
    if (!field.value.empty()) entries.push_back("VSYNC_" + std::string(field.key) + "=" + field.value);
  }
  std::vector<iovec> parts;
  parts.reserve(entries.size());
  for (std::string& entry : entries) parts.push_back({entry.data(), entry.size()});
  sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

void Log::to_stderr(Severity severity, std::string_view text, std::initializer_list<Field> fields) const {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm local{};
  localtime_r(&now.tv_sec, &local);
  char stamp[32];
  std::size_t length = std::strftime(stamp, sizeof stamp, "%H:%M:%S", &local);
  std::snprintf(stamp + length, sizeof stamp - length, ".%03ld", now.tv_nsec / 1'000'000);

  std::string line = std::string(stamp) + " vsyncd";
  if (!node_.empty()) line += "[" + node_ + "]";
  line += " ";
  if (colour_) line += colour_of(severity);
  line += word_for(severity);
  line += ": ";
  append_printable(line, text);
  if (colour_) line += "\033[0m";
  for (const Field& field : fields) {
    if (field.value.empty()) continue;
    line += " ";
    for (char c : field.key) line += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    line += "=";
    append_printable(line, field.value);
  }
  if (!view_.empty()) line += " view=" + view_;
  line += "\n";
  // One write per line, so that lines of several processes on one terminal stay whole.
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace vsync::daemon
