#pragma once
// Equality of frames field by field, for tests: the engine compares them nowhere.

#include <algorithm>
#include <tuple>

#include "protocol/frames.hpp"
#include "protocol/log_record.hpp"

namespace vsync::wire::test {

inline auto fields(const protocol::Heartbeat& b) {
  return std::tie(b.nonce, b.state, b.view, b.version, b.forced, b.promised, b.loaded, b.leaving, b.congested, b.view_is_uniform,
                  b.disk_hangs, b.witness, b.weight, b.peers_digest, b.former, b.heard, b.lanes, b.relay, b.audit, b.lease);
}
inline auto fields(const protocol::Order& b) { return std::tie(b.view, b.lane, b.term, b.first, b.runs, b.hand_off, b.ordered_at); }
inline auto fields(const protocol::Ack& b) { return std::tie(b.view, b.congested, b.lanes); }
inline auto fields(const protocol::FetchData& b) { return std::tie(b.view, b.lane, b.publisher, b.first, b.last); }
inline auto fields(const protocol::FetchOrder& b) { return std::tie(b.view, b.lane, b.first); }
inline auto fields(const protocol::Prepare& b) { return std::tie(b.view, b.ballot, b.restart); }
inline auto fields(const protocol::Answer& b) {
  return std::tie(b.view, b.ballot, b.accepted, b.lanes, b.hears, b.loaded, b.leaving, b.from_disk, b.witness, b.full_weight, b.leases, b.speaks,
                  b.logged);
}
inline auto fields(const protocol::Refused& b) { return std::tie(b.view, b.ballot, b.promised); }
inline auto fields(const protocol::Gather& b) { return std::tie(b.view, b.ballot, b.value); }
inline auto fields(const protocol::Gathered& b) { return std::tie(b.view, b.ballot); }
inline auto fields(const protocol::Accept& b) { return std::tie(b.view, b.ballot, b.value); }
inline auto fields(const protocol::AcceptedBallot& b) { return std::tie(b.view, b.ballot); }
inline auto fields(const protocol::Decided& b) { return std::tie(b.chain); }
inline auto fields(const protocol::Form& b) { return std::tie(b.view); }
inline auto fields(const protocol::Formed& b) { return std::tie(b.view); }
inline auto fields(const protocol::Snapshot& b) { return std::tie(b.view, b.directory, b.ends, b.logged, b.audited); }
inline auto fields(const protocol::FetchLog& b) { return std::tie(b.view, b.lane, b.after); }
inline auto fields(const protocol::LogSettled& b) { return std::tie(b.from, b.adopted); }
inline auto fields(const protocol::LogCutBack& b) { return std::tie(b.lane, b.keep); }

template <class Body>
bool equal(const Body& a, const Body& b) { return fields(a) == fields(b); }

inline bool equal(const protocol::Chunk& a, const protocol::Chunk& b) {
  const auto same = [](const protocol::Payload& one, const protocol::Payload& other) {
    return std::equal(one.bytes().begin(), one.bytes().end(), other.bytes().begin(), other.bytes().end());
  };
  const auto head = [](const protocol::Chunk& c) { return std::tie(c.first, c.count, c.after, c.lane, c.level, c.session, c.first_n); };
  if (head(a) != head(b) || !same(a.payload, b.payload) || (a.ops == nullptr) != (b.ops == nullptr)) return false;
  return a.ops == nullptr || *a.ops == *b.ops;
}

inline bool equal(const protocol::Data& a, const protocol::Data& b) {
  return std::tie(a.view, a.lane, a.publisher) == std::tie(b.view, b.lane, b.publisher) &&
         std::equal(a.chunks.begin(), a.chunks.end(), b.chunks.begin(), b.chunks.end(),
                    [](const protocol::Chunk& one, const protocol::Chunk& other) { return equal(one, other); });
}

inline bool equal(const protocol::LogEntry& a, const protocol::LogEntry& b) {
  return std::tie(a.first, a.publisher, a.ordered_at) == std::tie(b.first, b.publisher, b.ordered_at) && equal(a.chunk, b.chunk);
}

inline bool equal(const std::vector<protocol::LogEntry>& a, const std::vector<protocol::LogEntry>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const protocol::LogEntry& one, const protocol::LogEntry& other) { return equal(one, other); });
}

inline bool equal(const protocol::LogPart& a, const protocol::LogPart& b) {
  return std::tie(a.view, a.lane, a.after, a.agrees, a.keep, a.more) == std::tie(b.view, b.lane, b.after, b.agrees, b.keep, b.more) &&
         equal(a.entries, b.entries);
}

inline bool equal(const protocol::LogProvisional& a, const protocol::LogProvisional& b) {
  return std::tie(a.from, a.ballot) == std::tie(b.from, b.ballot) && equal(a.entries, b.entries);
}

inline bool equal(const protocol::LogRecord& a, const protocol::LogRecord& b) {
  return a.index() == b.index() && std::visit([&](const auto& one) { return equal(one, std::get<std::decay_t<decltype(one)>>(b)); }, a);
}

inline bool equal(const protocol::Frame& a, const protocol::Frame& b) {
  if (std::tie(a.cluster, a.from, a.to) != std::tie(b.cluster, b.from, b.to) || a.body.index() != b.body.index()) return false;
  return std::visit([&](const auto& body) { return equal(body, std::get<std::decay_t<decltype(body)>>(b.body)); }, a.body);
}

}  // namespace vsync::wire::test
