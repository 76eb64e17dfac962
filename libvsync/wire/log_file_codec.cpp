// The durable log's files. What the bytes are stands in peer.capnp, above LogRecord.
//
// A crash in the middle of a write leaves the beginning of it, or any of its sectors and zeros for the others: file systems give a file
// its size and its blocks in any order before a sync, but never the old content of a block. etcd's write-ahead log tells such an end from
// damage by sectors of zeros (wal/decoder.go, isTornEntry). Here the record says how many zeros it has of its own, so that a payload of
// zeros doesn't make damage look like an end; and a record behind it that was written when it was already on disk proves damage, too.

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "wire/log_file.hpp"
#include "wire/peer_frames.hpp"

namespace vsync::wire {
namespace {

constexpr std::array<char, 8> file_magic{'V', 'S', 'Y', 'N', 'C', 'L', 'O', 'G'};
constexpr std::array<char, 4> record_magic{'V', 'S', 'L', 'R'};
constexpr std::uint32_t log_file_version = 1;
/// What a disk writes as a whole.
constexpr std::uint64_t sector_bytes = 512;
constexpr std::uint64_t alignment = 8;

using Bytes = std::span<const std::byte>;

/// As they lie in the file, on our little-endian hosts in memory too.
struct FileHead {
  std::array<char, 8> magic;
  std::uint64_t checksum;
  std::uint32_t version;
  std::uint32_t former_bytes;
  std::uint64_t number;
  std::uint64_t oldest;
  std::uint64_t key;
};
static_assert(sizeof(FileHead) == log_file_head_bytes);

constexpr std::array<char, 8> reach_magic{'V', 'S', 'Y', 'N', 'C', 'L', 'O', 'R'};
struct RawReach {
  std::array<char, 8> magic;
  std::uint64_t file;
  std::uint64_t bytes;
  std::uint64_t checksum;
};
static_assert(sizeof(RawReach) == log_reach_bytes);

struct RecordHead {
  std::array<char, 4> magic;
  std::uint32_t message_bytes;
  std::uint64_t payload_bytes;
  std::uint64_t synced;
  std::uint32_t zeros;
  std::uint32_t zero;
  std::uint64_t content_checksum;
  std::uint64_t head_checksum;
};
static_assert(sizeof(RecordHead) == 48);

std::uint64_t padded(std::uint64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

bool all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

/// Of `bytes`, which stand at `offset` of the file, the pieces that the sectors cut them into and that are all zeros.
std::uint32_t zero_pieces(Bytes bytes, std::uint64_t offset) {
  std::uint32_t count = 0;
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes.size(), sector_bytes - offset % sector_bytes);
    count += all_zero(bytes.first(size)) ? 1 : 0;
    offset += size;
    bytes = bytes.subspan(size);
  }
  return count;
}

std::uint64_t never_zero(std::uint64_t checksum) { return checksum == 0 ? 1 : checksum; }

std::uint64_t checksum_of(const FileHead& head) {
  const Bytes covered = std::as_bytes(std::span(&head, 1)).subspan(offsetof(FileHead, version));
  return never_zero(XXH3_64bits(covered.data(), covered.size()));
}

std::uint64_t checksum_of(const RecordHead& head, std::uint64_t seed) {
  return never_zero(XXH3_64bits_withSeed(&head, offsetof(RecordHead, head_checksum), seed));
}

std::uint64_t checksum_of(const RawReach& reach) { return never_zero(XXH3_64bits(&reach, offsetof(RawReach, checksum))); }

std::uint64_t checksum_of(Bytes content, std::uint64_t seed) { return XXH3_64bits_withSeed(content.data(), content.size(), seed); }

// ---- the message of a record

void write(capnp::List<peer_schema::LogEntry>::Builder out, const std::vector<protocol::LogEntry>& entries) {
  for (unsigned i = 0; i < out.size(); ++i) wire::write(out[i], entries[i]);
}

struct RecordWriter {
  peer_schema::LogRecord::Builder out;

  void operator()(const protocol::LogEntry& entry) { wire::write(out.initEntry(), entry); }
  void operator()(const protocol::LogProvisional& provisional) {
    auto to = out.initProvisional();
    wire::write(to.initFrom(), provisional.from);
    wire::write(to.initBallot(), provisional.ballot);
    write(to.initEntries(size_of(provisional.entries.size())), provisional.entries);
  }
  void operator()(const protocol::LogSettled& settled) {
    auto to = out.initSettled();
    wire::write(to.initFrom(), settled.from);
    if (settled.adopted) wire::write(to.initAdopted(), *settled.adopted);
  }
  void operator()(const protocol::LogCutBack& cut) {
    auto to = out.initCutBack();
    if (cut.keep) wire::write(to.initKeep(), *cut.keep);
    to.setLane(cut.lane.value);
  }
};

protocol::LogProvisional read(peer_schema::LogProvisional::Reader in, Payloads& payloads) {
  constexpr const char* field = "provisional entries";
  return {.from = read_view_id(in.getFrom()),
          .ballot = read_ballot(in.getBallot(), field),
          .entries = read_list<protocol::LogEntry>(in.getEntries(), log_message_bytes_max, field,
                                                   [&](peer_schema::LogEntry::Reader entry) { return wire::read(entry, payloads); })};
}

protocol::LogSettled read(peer_schema::LogSettled::Reader in) {
  protocol::LogSettled settled{.from = read_view_id(in.getFrom()), .adopted = {}};
  if (in.hasAdopted()) settled.adopted = read_ballot(in.getAdopted(), "settled: adopted");
  return settled;
}

protocol::LogCutBack read(peer_schema::LogCutBack::Reader in) {
  protocol::LogCutBack cut{.lane = read_lane(in.getLane(), "cut back"), .keep = {}};
  if (in.hasKeep()) cut.keep = read_position(in.getKeep(), "cut back: keep");
  require(!cut.keep || cut.keep->lane == cut.lane, "cut back: keep", "is of another lane");
  return cut;
}

protocol::LogRecord read_record(peer_schema::LogRecord::Reader in, const protocol::Payload& body) {
  Payloads payloads(body, "log record");
  const auto read_any = [&]() -> protocol::LogRecord {
    switch (in.which()) {
      case peer_schema::LogRecord::ENTRY: return wire::read(in.getEntry(), payloads);
      case peer_schema::LogRecord::PROVISIONAL: return read(in.getProvisional(), payloads);
      case peer_schema::LogRecord::SETTLED: return read(in.getSettled());
      case peer_schema::LogRecord::CUT_BACK: return read(in.getCutBack());
    }
    refuse("log record", "is of a kind that this version doesn't know");
  };
  protocol::LogRecord record = read_any();
  payloads.finish();
  return record;
}

/// Calls `use(payload)` for each payload of the record, in their order.
template <class Use>
void for_each_payload(const protocol::LogRecord& record, Use use) {
  if (const auto* entry = std::get_if<protocol::LogEntry>(&record)) use(entry->chunk.payload);
  if (const auto* provisional = std::get_if<protocol::LogProvisional>(&record)) {
    for (const protocol::LogEntry& entry : provisional->entries) use(entry.chunk.payload);
  }
}

// ---- reading

struct Place {
  RecordHead head;
  std::uint64_t offset = 0;
  [[nodiscard]] std::uint64_t content_bytes() const { return head.message_bytes + head.payload_bytes; }
  [[nodiscard]] std::uint64_t end() const { return offset + sizeof head + padded(content_bytes()); }
};

class Reader {
 public:
  Reader(const protocol::Payload& file, std::uint64_t on_disk) : file_(file), bytes_(file.bytes()), on_disk_(on_disk) {}

  LogFile read() {
    if (read_head()) {
      while (found_.sound_bytes < bytes_.size() && read_next()) {
      }
    }
    if (found_.end == LogFileEnd::clean && found_.sound_bytes < on_disk_) ends(LogFileEnd::torn, "the file ends here");
    return std::move(found_);
  }

 private:
  bool read_head() {
    FileHead head;
    if (bytes_.size() < sizeof head) return ends(LogFileEnd::torn, "the file ends within its head");
    std::memcpy(&head, bytes_.data(), sizeof head);
    if (head.magic != file_magic || head.checksum != checksum_of(head)) {
      if (zero_pieces(bytes_.first(sizeof head), 0) > 0) return ends(LogFileEnd::torn, "the head of the file was never written");
      return ends(LogFileEnd::damaged, "the file does not begin as one of the durable log does, or its head is damaged");
    }
    if (head.version != log_file_version) {
      return ends(LogFileEnd::damaged, "of version " + std::to_string(head.version) + ", this daemon reads version " +
                                           std::to_string(log_file_version));
    }
    found_.head = {.number = head.number, .oldest = head.oldest, .key = head.key, .former_bytes = head.former_bytes};
    found_.sound_bytes = sizeof head;
    return true;
  }

  bool read_next() {
    const std::uint64_t offset = found_.sound_bytes;
    if (bytes_.size() - offset < sizeof(RecordHead)) return torn("the head of a record is cut off");
    const auto place = place_at(offset);
    if (!place) {
      if (zero_pieces(bytes_.subspan(offset, sizeof(RecordHead)), offset) > 0) return torn("the head of a record was never written");
      return ends(LogFileEnd::damaged, "the head of a record is damaged");
    }
    if (place->head.payload_bytes > bytes_.size() || place->end() > bytes_.size()) return torn("a record is cut off");
    const std::uint64_t content_at = offset + sizeof(RecordHead);
    const Bytes content = bytes_.subspan(content_at, place->content_bytes());
    const Bytes padding = bytes_.subspan(content_at + content.size(), place->end() - content_at - content.size());
    if (checksum_of(content, found_.head.key + offset) != place->head.content_checksum || !all_zero(padding)) {
      const Bytes whole = bytes_.subspan(content_at, place->end() - content_at);
      if (zero_pieces(whole, content_at) > place->head.zeros) return torn("a part of a record was never written");
      return ends(LogFileEnd::damaged, "the checksum of a record does not match its content");
    }
    return take(*place, content);
  }

  bool take(const Place& place, Bytes content) {
    const std::uint64_t payload_at = place.offset + sizeof(RecordHead) + place.head.message_bytes;
    const protocol::Payload payload = file_.slice(payload_at, place.head.payload_bytes);
    auto record = decode_envelope<protocol::LogRecord, peer_schema::LogRecord>(
        content.first(place.head.message_bytes), log_message_bytes_max, [&](auto in) { return read_record(in, payload); });
    if (!record) return ends(LogFileEnd::damaged, "a record can't be read (" + record.error().what + ")");
    found_.records.push_back({place.offset, std::move(*record)});
    found_.sound_bytes = place.end();
    return true;
  }

  /// The head of a record that stands at `offset`, if it is a sound one.
  [[nodiscard]] std::optional<Place> place_at(std::uint64_t offset) const {
    Place place{.head = {}, .offset = offset};
    std::memcpy(&place.head, bytes_.data() + offset, sizeof place.head);
    if (place.head.magic != record_magic) return std::nullopt;
    if (place.head.head_checksum != checksum_of(place.head, found_.head.key + offset)) return std::nullopt;
    return place;
  }

  /// Cut off, unless what stands behind was written when this was already on disk.
  bool torn(const char* why) {
    for (std::uint64_t at = found_.sound_bytes + alignment; at + sizeof(RecordHead) <= bytes_.size(); at += alignment) {
      const auto later = place_at(at);
      if (later && later->head.synced > found_.sound_bytes) {
        return ends(LogFileEnd::damaged, std::string(why) + ", and the record at offset " + std::to_string(at) + " was written after it");
      }
    }
    return ends(LogFileEnd::torn, why);
  }

  bool ends(LogFileEnd end, std::string why) {
    if (end == LogFileEnd::torn && found_.sound_bytes < on_disk_) {
      end = LogFileEnd::damaged;
      why += ", and its first " + std::to_string(on_disk_) + " bytes were on disk";
    }
    found_.end = end;
    found_.why = std::move(why);
    return false;
  }

  const protocol::Payload& file_;
  Bytes bytes_;
  std::uint64_t on_disk_;
  LogFile found_;
};

}  // namespace

void append(const LogFileHead& head, std::vector<std::byte>& out) {
  FileHead raw{.magic = file_magic,
               .checksum = 0,
               .version = log_file_version,
               .former_bytes = head.former_bytes,
               .number = head.number,
               .oldest = head.oldest,
               .key = head.key};
  raw.checksum = checksum_of(raw);
  const Bytes bytes = std::as_bytes(std::span(&raw, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void LogAppender::append(const protocol::LogRecord& record) {
  EnvelopeBuilder builder;
  std::visit(RecordWriter{builder.root<peer_schema::LogRecord>()}, record);
  builder.write_to(message_);
  std::uint64_t payload_bytes = 0;
  for_each_payload(record, [&](const protocol::Payload& payload) { payload_bytes += payload.size(); });

  const std::size_t start = out_.size();
  const std::uint64_t offset = at_ + (start - base_);
  Place place{.head = {.magic = record_magic,
                       .message_bytes = static_cast<std::uint32_t>(message_.size()),
                       .payload_bytes = payload_bytes,
                       .synced = at_,
                       .zeros = 0,
                       .zero = 0,
                       .content_checksum = 0,
                       .head_checksum = 0},
              .offset = offset};
  out_.resize(start + (place.end() - offset));
  std::byte* const content_begin = out_.data() + start + sizeof(RecordHead);
  std::byte* to = content_begin;
  std::memcpy(to, message_.data(), message_.size());
  to += message_.size();
  for_each_payload(record, [&](const protocol::Payload& payload) {
    const auto bytes = payload.bytes();
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    to += bytes.size();
  });

  const std::uint64_t seed = key_ + offset;
  const std::uint64_t content_at = offset + sizeof(RecordHead);
  place.head.zeros = zero_pieces({content_begin, place.end() - content_at}, content_at);
  place.head.content_checksum = checksum_of(Bytes{content_begin, place.content_bytes()}, seed);
  place.head.head_checksum = checksum_of(place.head, seed);
  std::memcpy(out_.data() + start, &place.head, sizeof place.head);
}

LogFile decode_log_file(const protocol::Payload& file, std::uint64_t on_disk) { return Reader(file, on_disk).read(); }

void append(const LogReach& reach, std::vector<std::byte>& out) {
  RawReach raw{.magic = reach_magic, .file = reach.file, .bytes = reach.bytes, .checksum = 0};
  raw.checksum = checksum_of(raw);
  const Bytes bytes = std::as_bytes(std::span(&raw, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::optional<LogReach> decode_log_reach(std::span<const std::byte> bytes) {
  RawReach raw;
  if (bytes.size() != sizeof raw) return std::nullopt;
  std::memcpy(&raw, bytes.data(), sizeof raw);
  if (raw.magic != reach_magic || raw.checksum != checksum_of(raw)) return std::nullopt;
  return LogReach{raw.file, raw.bytes};
}

}  // namespace vsync::wire
