#pragma once
// The trace of this daemon: as a file that the checker reads, and in the flight recorder. A turn's events are in both (in the system's
// cache of the file) before any of its frames is sent, so that a killed daemon's trace never lacks what others saw of it.

#include <string>

#include "checker/tap.hpp"
#include "checker/trace.hpp"
#include "daemon/flight_recorder.hpp"
#include "daemon/unique_fd.hpp"
#include "protocol/engine.hpp"
#include "wire/local.hpp"

namespace vsync::daemon {

class TraceWriter {
 public:
  /// Appends to `path` (empty: no file) and to `recorder` (null: none). Throws StartError.
  TraceWriter(const std::string& path, FlightRecorder* recorder, protocol::TimePoint now, const protocol::NodeId& self, bool with_disk);

  void published(protocol::SessionId session, const wire::Publish& head, const protocol::Payload& body, bool accepted);
  /// What the engine has just given. Where an epoch begins, also what this node's log brings into it.
  void record(protocol::TimePoint now, const protocol::Engine& engine, const protocol::Outbox& outbox);
  /// An orderly end.
  void stopped(protocol::TimePoint now);
  /// False: the file can't be written any more, and isn't tried again.
  bool write();

 private:
  void write_lines();
  void write_file();

  UniqueFd file_;
  FlightRecorder* recorder_;
  checker::Tap tap_;
  checker::Trace trace_;
  std::string lines_;
  bool broken_ = false;
};

}  // namespace vsync::daemon
