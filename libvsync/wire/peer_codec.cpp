// The frame between daemons: stamps, the choice of the body, and the body part of the message.

#include <cstring>
#include <memory>
#include <new>

#include "wire/peer.hpp"
#include "wire/peer_frames.hpp"

namespace vsync::wire {
namespace {

struct Writer {
  peer_schema::Frame::Builder out;

  void operator()(const protocol::Heartbeat& body) { write(out.initHeartbeat(), body); }
  void operator()(const protocol::Data& body) { write(out.initData(), body); }
  void operator()(const protocol::Order& body) { write(out.initOrder(), body); }
  void operator()(const protocol::Ack& body) { write(out.initAck(), body); }
  void operator()(const protocol::FetchData& body) { write(out.initFetchData(), body); }
  void operator()(const protocol::FetchOrder& body) { write(out.initFetchOrder(), body); }
  void operator()(const protocol::Prepare& body) { write(out.initPrepare(), body); }
  void operator()(const protocol::Answer& body) { write(out.initAnswer(), body); }
  void operator()(const protocol::Refused& body) { write(out.initRefused(), body); }
  void operator()(const protocol::Gather& body) { write(out.initGather(), body); }
  void operator()(const protocol::Gathered& body) { write(out.initGathered(), body); }
  void operator()(const protocol::Accept& body) { write(out.initAccept(), body); }
  void operator()(const protocol::AcceptedBallot& body) { write(out.initAcceptedBallot(), body); }
  void operator()(const protocol::Decided& body) { write(out.initDecided(), body); }
  void operator()(const protocol::Form& body) { write(out.initForm(), body.view); }
  void operator()(const protocol::Formed& body) { write(out.initFormed(), body.view); }
  void operator()(const protocol::Snapshot& body) { write(out.initSnapshot(), body); }
  void operator()(const protocol::FetchLog& body) { write(out.initFetchLog(), body); }
  void operator()(const protocol::LogPart& body) { write(out.initLogPart(), body); }
};

protocol::Body read_body(peer_schema::Frame::Reader in, const protocol::Payload& body) {
  const bool carries = in.which() == peer_schema::Frame::DATA || in.which() == peer_schema::Frame::LOG_PART;
  require(carries || body.size() == 0, "frame", "has a body part though it carries no data");
  switch (in.which()) {
    case peer_schema::Frame::HEARTBEAT: return read(in.getHeartbeat());
    case peer_schema::Frame::DATA: return read(in.getData(), body);
    case peer_schema::Frame::ORDER: return read(in.getOrder());
    case peer_schema::Frame::ACK: return read(in.getAck());
    case peer_schema::Frame::FETCH_DATA: return read(in.getFetchData());
    case peer_schema::Frame::FETCH_ORDER: return read(in.getFetchOrder());
    case peer_schema::Frame::PREPARE: return read(in.getPrepare());
    case peer_schema::Frame::ANSWER: return read(in.getAnswer());
    case peer_schema::Frame::REFUSED: return read(in.getRefused());
    case peer_schema::Frame::GATHER: return read_gather(in.getGather());
    case peer_schema::Frame::GATHERED: return read_gathered(in.getGathered());
    case peer_schema::Frame::ACCEPT: return read_accept(in.getAccept());
    case peer_schema::Frame::ACCEPTED_BALLOT: return read_accepted_ballot(in.getAcceptedBallot());
    case peer_schema::Frame::DECIDED: return read(in.getDecided());
    case peer_schema::Frame::FORM: return protocol::Form{read_view(in.getForm(), "form")};
    case peer_schema::Frame::FORMED: return protocol::Formed{read_view_id(in.getFormed())};
    case peer_schema::Frame::SNAPSHOT: return read(in.getSnapshot());
    case peer_schema::Frame::FETCH_LOG: return read(in.getFetchLog());
    case peer_schema::Frame::LOG_PART: return read(in.getLogPart(), body);
  }
  refuse("frame", "is of a kind that this version doesn't know");
}

/// Without a name it is for every peer: one encoding for all of them.
protocol::NodeId read_receiver(peer_schema::NodeId::Reader in) {
  if (in.getName().size() != 0) return read_node(in, "frame: to");
  require(in.getCounter() == 0 && in.getRandom() == 0, "frame: to", "has an incarnation without a name");
  return {};
}

std::string to_text(const protocol::Versions& versions) {
  return std::to_string(versions.oldest) + " to " + std::to_string(versions.newest);
}

protocol::Frame read_frame(peer_schema::Frame::Reader in, const protocol::Payload& body) {
  protocol::Frame frame;
  frame.speaks = read_versions(in.getOldest(), in.getNewest(), "frame");
  if (const auto own = protocol::program_versions(); !frame.speaks.meet(own)) {
    throw Malformed{"frame: from a daemon that speaks versions " + to_text(frame.speaks) + " of the protocol, this one speaks " +
                    to_text(own) + ": upgrade the older one"};
  }
  frame.cluster = {.high = in.getClusterHigh(), .low = in.getClusterLow()};
  frame.from = read_node(in.getFrom(), "frame: from");
  frame.to = read_receiver(in.getTo());
  frame.body = read_body(in, body);
  return frame;
}

const protocol::Chunk& chunk_of(const protocol::Chunk& chunk) { return chunk; }
const protocol::Chunk& chunk_of(const protocol::LogEntry& entry) { return entry.chunk; }

/// One new buffer of `size` bytes for the payloads of the chunks. On a cache line: large copies to odd places are slow.
template <class Chunks>
protocol::Payload join_payloads(const Chunks& chunks, std::size_t size) {
  constexpr std::align_val_t line{64};
  std::shared_ptr<std::byte> buffer(static_cast<std::byte*>(::operator new(size, line)),
                                    [](std::byte* bytes) { ::operator delete(bytes, line); });
  std::byte* to = buffer.get();
  for (const auto& one : chunks) {
    const auto bytes = chunk_of(one).payload.bytes();
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    to += bytes.size();
  }
  const std::span<const std::byte> joined(buffer.get(), size);
  return {std::move(buffer), joined};
}

/// Payloads that lie one behind the other in one owner (a received body, passed on) need no copy.
template <class Chunks>
protocol::Payload whole_of(const Chunks& chunks) {
  protocol::Payload whole;
  std::size_t size = 0;
  bool adjoining = true;
  for (const auto& one : chunks) {
    const protocol::Payload& payload = chunk_of(one).payload;
    const auto bytes = payload.bytes();
    if (bytes.empty()) continue;
    if (size == 0) {
      whole = payload;
    } else if (adjoining && payload.owner() == whole.owner() && bytes.data() == whole.bytes().data() + size) {
      whole = {whole.owner(), {whole.bytes().data(), size + bytes.size()}};
    } else {
      adjoining = false;
    }
    size += bytes.size();
  }
  return adjoining ? whole : join_payloads(chunks, size);
}

}  // namespace

void encode(const protocol::Frame& frame, std::vector<std::byte>& out) {
  EnvelopeBuilder builder;
  auto root = builder.root<peer_schema::Frame>();
  root.setOldest(frame.speaks.oldest);
  root.setNewest(frame.speaks.newest);
  root.setClusterHigh(frame.cluster.high);
  root.setClusterLow(frame.cluster.low);
  write(root.initFrom(), frame.from);
  write(root.initTo(), frame.to);
  std::visit(Writer{root}, frame.body);
  builder.write_to(out);
}

protocol::Payload body_of(const protocol::Frame& frame) {
  if (const auto* data = std::get_if<protocol::Data>(&frame.body)) return whole_of(data->chunks);
  if (const auto* part = std::get_if<protocol::LogPart>(&frame.body)) return whole_of(part->entries);
  return {};
}

Result<protocol::Frame, DecodeError> decode_frame(std::span<const std::byte> envelope, const protocol::Payload& body) {
  if (body.size() > peer_frame_bytes_max) {
    return Unexpected{DecodeError{"frame: a body of " + std::to_string(body.size()) + " bytes, allowed are " +
                                  std::to_string(peer_frame_bytes_max)}};
  }
  return decode_envelope<protocol::Frame, peer_schema::Frame>(envelope, peer_frame_bytes_max - body.size(),
                                                              [&](auto in) { return read_frame(in, body); });
}

}  // namespace vsync::wire
