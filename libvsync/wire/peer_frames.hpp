#pragma once
// The bodies of frames by family, for peer_codec.cpp, which owns the frame around them; and the parts of them that others use too.

#include "wire/peer_values.hpp"

namespace vsync::wire {

/// A body part, or what stands behind the message of a record on disk: the payloads of chunks one after the other.
class Payloads {
 public:
  Payloads(const protocol::Payload& whole, const char* field) : whole_(whole), field_(field) {}
  [[nodiscard]] protocol::Payload take(std::size_t bytes) {
    require(bytes <= whole_.size() - taken_, field_, "the payloads of the chunks are longer than the body");
    taken_ += bytes;
    return whole_.slice(taken_ - bytes, bytes);
  }
  void finish() const { require(taken_ == whole_.size(), field_, "the body is longer than the payloads of the chunks"); }

 private:
  const protocol::Payload& whole_;
  const char* field_;
  std::size_t taken_ = 0;
};

/// How the parts of a chunk are named when one is refused.
struct ChunkFields {
  const char* chunk;
  const char* after;
  const char* level;
  const char* numbers;
};

// peer_stream_codec.cpp: what flows within a view
void write(peer_schema::Chunk::Builder out, const protocol::Chunk& chunk);
/// All of a chunk but its place in the stream.
[[nodiscard]] protocol::Chunk read_chunk(peer_schema::Chunk::Reader in, Payloads& payloads, const ChunkFields& fields);
void write(peer_schema::Heartbeat::Builder out, const protocol::Heartbeat& heartbeat);
void write(peer_schema::Data::Builder out, const protocol::Data& data);
void write(peer_schema::Order::Builder out, const protocol::Order& order);
void write(peer_schema::Ack::Builder out, const protocol::Ack& ack);
void write(peer_schema::FetchData::Builder out, const protocol::FetchData& fetch);
void write(peer_schema::FetchOrder::Builder out, const protocol::FetchOrder& fetch);
[[nodiscard]] protocol::Heartbeat read(peer_schema::Heartbeat::Reader in);
[[nodiscard]] protocol::Data read(peer_schema::Data::Reader in, const protocol::Payload& body);
[[nodiscard]] protocol::Order read(peer_schema::Order::Reader in);
[[nodiscard]] protocol::Ack read(peer_schema::Ack::Reader in);
[[nodiscard]] protocol::FetchData read(peer_schema::FetchData::Reader in);
[[nodiscard]] protocol::FetchOrder read(peer_schema::FetchOrder::Reader in);

// peer_view_change_codec.cpp
void write(peer_schema::Prepare::Builder out, const protocol::Prepare& prepare);
void write(peer_schema::Answer::Builder out, const protocol::Answer& answer);
void write(peer_schema::Refused::Builder out, const protocol::Refused& refused);
void write(peer_schema::Proposal::Builder out, const protocol::Gather& gather);
void write(peer_schema::BallotOf::Builder out, const protocol::Gathered& gathered);
void write(peer_schema::Proposal::Builder out, const protocol::Accept& accept);
void write(peer_schema::BallotOf::Builder out, const protocol::AcceptedBallot& accepted);
void write(peer_schema::Decided::Builder out, const protocol::Decided& decided);
[[nodiscard]] protocol::Prepare read(peer_schema::Prepare::Reader in);
[[nodiscard]] protocol::Answer read(peer_schema::Answer::Reader in);
[[nodiscard]] protocol::Refused read(peer_schema::Refused::Reader in);
[[nodiscard]] protocol::Gather read_gather(peer_schema::Proposal::Reader in);
[[nodiscard]] protocol::Gathered read_gathered(peer_schema::BallotOf::Reader in);
[[nodiscard]] protocol::Accept read_accept(peer_schema::Proposal::Reader in);
[[nodiscard]] protocol::AcceptedBallot read_accepted_ballot(peer_schema::BallotOf::Reader in);
[[nodiscard]] protocol::Decided read(peer_schema::Decided::Reader in);

// peer_log_codec.cpp
void write(peer_schema::LogEntry::Builder out, const protocol::LogEntry& entry);
void write(peer_schema::FetchLog::Builder out, const protocol::FetchLog& fetch);
void write(peer_schema::LogPart::Builder out, const protocol::LogPart& part);
[[nodiscard]] protocol::LogEntry read(peer_schema::LogEntry::Reader in, Payloads& payloads);
[[nodiscard]] protocol::FetchLog read(peer_schema::FetchLog::Reader in);
[[nodiscard]] protocol::LogPart read(peer_schema::LogPart::Reader in, const protocol::Payload& body);

// peer_directory_codec.cpp
void write(capnp::List<peer_schema::DirectoryOp>::Builder out, const protocol::DirectoryOps& ops);
void write(peer_schema::Snapshot::Builder out, const protocol::Snapshot& snapshot);
[[nodiscard]] protocol::DirectoryOps read(capnp::List<peer_schema::DirectoryOp>::Reader in);
[[nodiscard]] protocol::Snapshot read(peer_schema::Snapshot::Reader in);

}  // namespace vsync::wire
