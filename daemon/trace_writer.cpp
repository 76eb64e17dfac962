#include "daemon/trace_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "checker/trace_text.hpp"
#include "daemon/start_error.hpp"
#include "protocol/audit.hpp"

namespace vsync::daemon {

namespace {

constexpr std::size_t lines_bytes_max = 1u << 20;

/// Times of daemons under one system's boot clock compare, where time namespaces don't shift it. Where the system doesn't tell which boot this
/// is, each start has its own clock.
std::uint64_t boot_clock() {
  std::uint64_t clock = 0;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> std::hex >> clock;  // up to the first hyphen: 32 bits
  while (clock == 0) clock = std::random_device{}();
  std::ifstream offsets("/proc/self/timens_offsets");
  std::string of;
  std::int64_t seconds = 0, nanoseconds = 0;
  while (offsets >> of >> seconds >> nanoseconds) {
    if (of == "boottime") clock ^= static_cast<std::uint64_t>(seconds * 1'000'000'000 + nanoseconds) << 20;
  }
  return clock;
}

/// A daemon that was killed while it wrote has left half a line, and what is appended is to begin on one of its own.
void end_half_line(int file) {
  const off_t end = ::lseek(file, 0, SEEK_END);
  char last = '\n';
  if (end > 0 && ::pread(file, &last, 1, end - 1) == 1 && last != '\n') (void)!::write(file, "\n", 1);
}

}  // namespace

TraceWriter::TraceWriter(const std::string& path, FlightRecorder* recorder, protocol::TimePoint now, const protocol::NodeId& self,
                         bool with_disk)
    : recorder_(recorder), tap_(self, boot_clock()) {
  if (!path.empty()) {
    file_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    if (!file_.valid()) throw StartError(ExitStatus::usage, "key 'trace_file' = '" + path + "': " + std::strerror(errno));
    end_half_line(file_.get());
  }
  trace_.add(now, self, checker::NodeStarted{with_disk, tap_.clock()});
}

void TraceWriter::published(protocol::SessionId session, const wire::Publish& head, const protocol::Payload& body, bool accepted) {
  // A dump is seldom whole, which integrity needs: that isn't worth a hash of each payload on the way in.
  const std::uint64_t digest = file_.valid() ? protocol::digest_of(body) : 0;
  tap_.published({session, head.first_n, head.count, protocol::Lane{}, head.level, digest, accepted});
}

void TraceWriter::record(protocol::TimePoint now, const protocol::Engine& engine, const protocol::Outbox& outbox) {
  tap_.record(trace_, now, engine.self(), outbox);
  if (!file_.valid()) return;  // a recorder takes no log
  const bool epoch_begins = std::any_of(outbox.events.begin(), outbox.events.end(), [](const protocol::Event& event) {
    const auto* installed = std::get_if<protocol::ViewInstalled>(&event);
    return installed != nullptr && installed->restart;
  });
  if (!epoch_begins) return;
  const protocol::Status status = engine.status();
  const auto rank = status.view ? status.view->rank_of(engine.self()) : std::nullopt;
  if (rank && status.loaded && status.view->at(*rank).holds_payload()) {
    tap_.logged(trace_, now, engine.durable_log(), static_cast<std::uint16_t>(status.view->sequencers.size()));
  }
}

void TraceWriter::stopped(protocol::TimePoint now) {
  trace_.add(now, tap_.self(), checker::Crashed{});
  write();
}

bool TraceWriter::write() {
  if (trace_.events.empty()) return true;
  const bool known_to_be_broken = broken_;
  for (checker::TraceEvent& event : trace_.events) {
    const std::size_t begin = lines_.size();
    checker::append_line(lines_, event);
    lines_ += '\n';
    if (recorder_ != nullptr) recorder_->append(event, std::string_view(lines_).substr(begin));
    if (lines_.size() >= lines_bytes_max) write_lines();
  }
  write_lines();
  if (recorder_ != nullptr) recorder_->publish();
  trace_.events.clear();
  return known_to_be_broken || !broken_;
}

// A turn may have very many lines: when a thousand applications join one group, each of as many views names them all.
void TraceWriter::write_lines() {
  if (file_.valid() && !broken_) write_file();
  lines_.clear();
}

void TraceWriter::write_file() {
  std::string_view rest = lines_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      broken_ = true;
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace vsync::daemon
