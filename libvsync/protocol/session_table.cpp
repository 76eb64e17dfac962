#include "protocol/session_table.hpp"

#include <algorithm>
#include <limits>

#include "protocol/assert.hpp"

namespace vsync::protocol {
namespace {

Position advanced(Position position, std::uint64_t by) {
  position.seq = position.seq + by;
  return position;
}

// What follows `run` without a gap, in n and in position alike, makes it longer.
bool continues(const SessionRun& run, const SessionRun& next) {
  return next.first_n == run.first_n + run.count && next.first == advanced(run.first, run.count) &&
         run.count <= std::numeric_limits<std::uint32_t>::max() - next.count;
}

// How many of the messages from `first_n` on are at or below `last_n`.
std::uint32_t delivered_before(std::uint64_t last_n, std::uint64_t first_n, std::uint32_t count) {
  if (first_n > last_n) return 0;
  const std::uint64_t further = last_n - first_n;
  return further >= count ? count : static_cast<std::uint32_t>(further + 1);
}

}  // namespace

RunWindow::RunWindow(std::size_t runs_max, const SessionLane& state) : runs_max_(runs_max) {
  for (const SessionRun& run : state.recent) {
    if (run.count > 0) record(run);
  }
  last_n_ = state.last_n;
}

const SessionRun& RunWindow::at(std::size_t age_order) const { return ring_[(oldest_ + age_order) % ring_.size()]; }

SessionRun& RunWindow::newest() { return ring_[(oldest_ + ring_.size() - 1) % ring_.size()]; }

void RunWindow::record(const SessionRun& run) {
  last_n_ = run.first_n + (run.count - 1);
  if (!ring_.empty() && continues(newest(), run)) {
    newest().count += run.count;
  } else if (ring_.size() < runs_max_) {
    ring_.push_back(run);
  } else {
    ring_[oldest_] = run;
    oldest_ = (oldest_ + 1) % runs_max_;
  }
}

std::optional<SessionRun> RunWindow::run_of(std::uint64_t n) const {
  std::size_t low = 0;
  std::size_t high = ring_.size();
  while (low < high) {  // runs grow in n with age_order: finds the first one that begins above n
    const std::size_t middle = low + (high - low) / 2;
    if (at(middle).first_n <= n) low = middle + 1;
    else high = middle;
  }
  if (low == 0) return std::nullopt;
  const SessionRun& run = at(low - 1);
  const std::uint64_t offset = n - run.first_n;
  if (offset >= run.count) return std::nullopt;
  return SessionRun{n, static_cast<std::uint32_t>(run.count - offset), advanced(run.first, offset)};
}

std::vector<SessionRun> RunWindow::recent() const {
  std::vector<SessionRun> runs;
  runs.reserve(ring_.size());
  for (std::size_t i = 0; i < ring_.size(); ++i) runs.push_back(at(i));
  return runs;
}

SessionTable::SessionTable(std::size_t runs_max) : runs_max_(runs_max) { VSYNC_ASSERT(runs_max > 0); }

std::size_t SessionTable::Hash::operator()(const SessionId& session) const {
  return static_cast<std::size_t>(Digest().add(session).value());
}

void SessionTable::open(SessionId session) { sessions_.try_emplace(session); }

void SessionTable::close(SessionId session) { sessions_.erase(session); }

Admission SessionTable::admit(SessionId session, Lane lane, std::uint64_t first_n, std::uint32_t count, Position first) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return {.skip = count, .known = false};
  if (count == 0) return {.known = true};
  // Numbers that would wrap were never given by a library of ours; none of them is delivered.
  if (first_n > std::numeric_limits<std::uint64_t>::max() - (count - 1)) return {.skip = count, .known = true};

  RunWindow& delivered = window(found->second, lane);
  Admission admission{.skip = delivered_before(delivered.last_n(), first_n, count), .known = true};
  if (admission.skip > 0) {
    if (const auto run = delivered.run_of(first_n)) admission.first_position_of_duplicate = run->first;
  }
  if (admission.skip < count) {
    delivered.record({first_n + admission.skip, count - admission.skip, advanced(first, admission.skip)});
  }
  return admission;
}

std::optional<Position> SessionTable::position_of(SessionId session, Lane lane, std::uint64_t n) const {
  const auto run = run_of(session, lane, n);
  return run ? std::optional(run->first) : std::nullopt;
}

std::optional<SessionRun> SessionTable::run_of(SessionId session, Lane lane, std::uint64_t n) const {
  const RunWindow* delivered = find(session, lane);
  return delivered ? delivered->run_of(n) : std::nullopt;
}

std::uint64_t SessionTable::last_n(SessionId session, Lane lane) const {
  const RunWindow* delivered = find(session, lane);
  return delivered ? delivered->last_n() : 0;
}

bool SessionTable::has_spoken(SessionId session) const {
  const auto found = sessions_.find(session);
  return found != sessions_.end() &&
         std::ranges::any_of(found->second, [](const LaneWindow& lane) { return lane.window.last_n() > 0; });
}

std::vector<SessionLane> SessionTable::snapshot(SessionId session) const {
  std::vector<SessionLane> lanes;
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return lanes;
  for (const auto& [lane, delivered] : found->second) lanes.push_back({lane, delivered.last_n(), delivered.recent()});
  return lanes;
}

void SessionTable::add_to(Digest& digest, SessionId session) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  for (const auto& [lane, delivered] : found->second) digest.add(std::uint64_t{lane.value}).add(delivered.last_n());
}

void SessionTable::restore(SessionId session, const std::vector<SessionLane>& lanes) {
  LaneWindows& windows = sessions_[session];
  windows.clear();
  for (const SessionLane& state : lanes) window(windows, state.lane) = RunWindow(runs_max_, state);
}

RunWindow& SessionTable::window(LaneWindows& lanes, Lane lane) {
  auto place = std::ranges::lower_bound(lanes, lane, {}, &LaneWindow::lane);
  if (place == lanes.end() || place->lane != lane) place = lanes.insert(place, {lane, RunWindow(runs_max_)});
  return place->window;
}

const RunWindow* SessionTable::find(SessionId session, Lane lane) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return nullptr;
  const auto place = std::ranges::lower_bound(found->second, lane, {}, &LaneWindow::lane);
  return place != found->second.end() && place->lane == lane ? &place->window : nullptr;
}

}  // namespace vsync::protocol
