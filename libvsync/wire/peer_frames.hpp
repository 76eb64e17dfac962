#pragma once
// The bodies of frames by family, for peer_codec.cpp, which owns the frame around them.

#include "wire/peer_values.hpp"

namespace vsync::wire {

// peer_stream_codec.cpp: what flows within a view
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

// peer_directory_codec.cpp
void write(capnp::List<peer_schema::DirectoryOp>::Builder out, const protocol::DirectoryOps& ops);
void write(peer_schema::Snapshot::Builder out, const protocol::Snapshot& snapshot);
[[nodiscard]] protocol::DirectoryOps read(capnp::List<peer_schema::DirectoryOp>::Reader in);
[[nodiscard]] protocol::Snapshot read(peer_schema::Snapshot::Reader in);

}  // namespace vsync::wire
