#pragma once
// The values that several frames and the state on disk share: identities, views, cuts.

#include <vector>

#include "peer.capnp.h"
#include "protocol/frames.hpp"
#include "protocol/view.hpp"
#include "wire/checks.hpp"

namespace vsync::wire {

void write(peer_schema::NodeId::Builder out, const protocol::NodeId& node);
void write(peer_schema::ViewId::Builder out, const protocol::ViewId& view);
void write(peer_schema::SessionId::Builder out, const protocol::SessionId& session);
void write(peer_schema::Position::Builder out, const protocol::Position& position);
void write(peer_schema::Ballot::Builder out, const protocol::Ballot& ballot);
void write(capnp::List<peer_schema::Forced>::Builder out, const std::vector<protocol::Forced>& forced);
void write(peer_schema::View::Builder out, const protocol::View& view);
void write(peer_schema::Value::Builder out, const protocol::Value& value);
void write(peer_schema::Accepted::Builder out, const protocol::Accepted& accepted);
void write(capnp::List<peer_schema::OrderedRun>::Builder out, const std::vector<protocol::OrderedRun>& runs);

[[nodiscard]] protocol::NodeId read_node(peer_schema::NodeId::Reader in, const char* field);
[[nodiscard]] protocol::ViewId read_view_id(peer_schema::ViewId::Reader in);
[[nodiscard]] protocol::Position read_position(peer_schema::Position::Reader in, const char* field);
[[nodiscard]] protocol::Ballot read_ballot(peer_schema::Ballot::Reader in, const char* field);
[[nodiscard]] protocol::Versions read_versions(std::uint16_t oldest, std::uint16_t newest, const char* field);
[[nodiscard]] std::vector<protocol::Forced> read_forced(capnp::List<peer_schema::Forced>::Reader in, const char* field);
[[nodiscard]] protocol::Duration read_lease(std::uint64_t nanoseconds, const char* field);
[[nodiscard]] protocol::View read_view(peer_schema::View::Reader in, const char* field);
[[nodiscard]] protocol::Value read_value(peer_schema::Value::Reader in, const char* field);
[[nodiscard]] protocol::Accepted read_accepted(peer_schema::Accepted::Reader in, const char* field);
/// Ascending without overlap, all in the range of a sequencer's numbers.
[[nodiscard]] std::vector<protocol::OrderedRun> read_ordered_runs(capnp::List<peer_schema::OrderedRun>::Reader in, const char* field);

[[nodiscard]] protocol::Rank read_rank(std::uint16_t in, const char* field);
[[nodiscard]] protocol::Lane read_lane(std::uint16_t in, const char* field);
[[nodiscard]] protocol::Seqno read_seqno(std::uint64_t in, const char* field);
[[nodiscard]] protocol::Seq read_seq(std::uint64_t in, const char* field);

/// Each value of a list converted by `read`, after its length was found to be at most `max`.
template <class Value, class List, class Read>
[[nodiscard]] std::vector<Value> read_list(const List& in, std::size_t max, const char* field, const Read& read) {
  require(in.size() <= max, field, "the list is too long");
  std::vector<Value> values;
  values.reserve(in.size());
  for (const auto element : in) values.push_back(read(element));
  return values;
}

template <class List, class Values, class Convert>
void write_numbers(List out, const Values& values, const Convert& convert) {
  for (unsigned i = 0; i < out.size(); ++i) out.set(i, convert(values[i]));
}

inline std::uint64_t in_nanoseconds(protocol::Duration time) { return static_cast<std::uint64_t>(time / std::chrono::nanoseconds(1)); }

inline unsigned size_of(std::size_t size) { return static_cast<unsigned>(size); }

/// Each greater than the one before, by one of their members.
template <class Values, class Key>
[[nodiscard]] bool ascending(const Values& values, const Key& key) {
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (!(values[i - 1].*key < values[i].*key)) return false;
  }
  return true;
}

}  // namespace vsync::wire
