// Durable messages on their way from one daemon's log to another's, and as entries of the log on disk.

#include <algorithm>

#include "wire/peer_frames.hpp"

namespace vsync::wire {
namespace {

constexpr const char* entry_field = "log entry";
constexpr ChunkFields entry_fields{.chunk = "log entry: chunk",
                                   .after = "log entry: after",
                                   .level = "log entry: level",
                                   .numbers = "log entry: the session's numbers"};

void write(peer_schema::LogMark::Builder out, const protocol::LogMark& mark) {
  wire::write(out.initFirst(), mark.first);
  wire::write(out.initPublisher(), mark.publisher);
  out.setStream(mark.stream.value);
}

protocol::LogMark read_mark(peer_schema::LogMark::Reader in, protocol::Lane lane, const char* field) {
  protocol::LogMark mark{.first = read_position(in.getFirst(), field),
                         .publisher = read_node(in.getPublisher(), field),
                         .stream = read_seqno(in.getStream(), field)};
  require(mark.first.lane == lane, field, "the mark is of another lane");
  return mark;
}

bool ascending(const std::vector<protocol::LogEntry>& entries) {
  return std::ranges::adjacent_find(entries, [](const auto& one, const auto& next) { return next.first <= one.last(); }) == entries.end();
}

}  // namespace

void write(peer_schema::LogEntry::Builder out, const protocol::LogEntry& entry) {
  write(out.initFirst(), entry.first);
  write(out.initPublisher(), entry.publisher);
  out.setStream(entry.chunk.first.value);
  out.setOrderedAt(entry.ordered_at);
  write(out.initChunk(), entry.chunk);
}

protocol::LogEntry read(peer_schema::LogEntry::Reader in, Payloads& payloads) {
  protocol::LogEntry entry;
  entry.first = read_position(in.getFirst(), entry_field);
  entry.publisher = read_node(in.getPublisher(), entry_field);
  entry.ordered_at = in.getOrderedAt();
  entry.chunk = read_chunk(in.getChunk(), payloads, entry_fields);
  require(!entry.chunk.ops, entry_field, "has directory records");
  require(entry.chunk.level == protocol::Level::durable, entry_field, "isn't durable");
  require_run(in.getStream(), entry.chunk.count, "log entry: the numbers in the stream");
  require_run(entry.first.seq.value, entry.chunk.count, "log entry: the positions");
  entry.chunk.first = {in.getStream()};
  entry.chunk.lane = entry.first.lane;
  return entry;
}

void write(peer_schema::FetchLog::Builder out, const protocol::FetchLog& fetch) {
  write(out.initView(), fetch.view);
  if (fetch.after) write(out.initAfter(), *fetch.after);
  out.setLane(fetch.lane.value);
}

protocol::FetchLog read(peer_schema::FetchLog::Reader in) {
  protocol::FetchLog fetch{.view = read_view_id(in.getView()), .lane = read_lane(in.getLane(), "fetch log"), .after = {}};
  if (in.hasAfter()) fetch.after = read_mark(in.getAfter(), fetch.lane, "fetch log: after");
  return fetch;
}

void write(peer_schema::LogPart::Builder out, const protocol::LogPart& part) {
  write(out.initView(), part.view);
  out.setLane(part.lane.value);
  if (part.after) write(out.initAfter(), *part.after);
  out.setAgrees(part.agrees);
  if (part.keep) write(out.initKeep(), *part.keep);
  auto entries = out.initEntries(size_of(part.entries.size()));
  for (unsigned i = 0; i < entries.size(); ++i) write(entries[i], part.entries[i]);
  out.setMore(part.more);
}

protocol::LogPart read(peer_schema::LogPart::Reader in, const protocol::Payload& body) {
  protocol::LogPart part{.view = read_view_id(in.getView()), .lane = read_lane(in.getLane(), "log part"), .after = {}, .keep = {}, .entries = {}};
  if (in.hasAfter()) part.after = read_mark(in.getAfter(), part.lane, "log part: after");
  part.agrees = in.getAgrees();
  if (in.hasKeep()) part.keep = read_position(in.getKeep(), "log part: keep");
  require(!part.keep || part.keep->lane == part.lane, "log part: keep", "is of another lane");
  Payloads payloads(body, "log part");
  part.entries = read_list<protocol::LogEntry>(in.getEntries(), log_entries_max, "log part: entries", [&](peer_schema::LogEntry::Reader entry) {
    protocol::LogEntry one = read(entry, payloads);
    require(one.first.lane == part.lane, "log part: entries", "one is of another lane");
    return one;
  });
  payloads.finish();
  require(ascending(part.entries), "log part: entries", "are not in ascending order");
  part.more = in.getMore();
  return part;
}

}  // namespace vsync::wire
