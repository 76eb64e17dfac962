#include "daemon/trace_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "checker/trace_text.hpp"
#include "daemon/start_error.hpp"
#include "protocol/audit.hpp"

namespace vsync::daemon {

TraceWriter::TraceWriter(const std::string& path, protocol::TimePoint now, const protocol::NodeId& self, bool with_disk)
    : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)), tap_(self) {
  if (!file_.valid()) throw StartError(ExitStatus::usage, "key 'trace_file' = '" + path + "': " + std::strerror(errno));
  trace_.add(now, self, checker::NodeStarted{with_disk});
}

void TraceWriter::published(protocol::SessionId session, const wire::Publish& head, const protocol::Payload& body, bool accepted) {
  tap_.published({session, head.first_n, head.count, protocol::Lane{}, head.level, protocol::digest_of(body), accepted});
}

void TraceWriter::record(protocol::TimePoint now, const protocol::Engine& engine, const protocol::Outbox& outbox) {
  tap_.record(trace_, now, engine.self(), outbox);
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
  if (trace_.events.empty() || broken_) return true;
  lines_.clear();
  for (const checker::TraceEvent& event : trace_.events) {
    lines_ += checker::to_line(event);
    lines_ += '\n';
  }
  trace_.events.clear();
  std::string_view rest = lines_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      broken_ = true;
      return false;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace vsync::daemon
