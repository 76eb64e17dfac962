// The state on disk: a head that tells damage from another version, then one message. The layout stands in peer.capnp.

#include <xxhash.h>

#include <array>
#include <cstring>

#include "wire/peer.hpp"
#include "wire/peer_values.hpp"

namespace vsync::wire {
namespace {

constexpr std::array<char, 8> magic{'V', 'S', 'Y', 'N', 'C', 'S', 'T', '\n'};
/// Version 1 had no `log_reaches`; an empty one says what is true of a node that has no log.
constexpr std::uint32_t persistent_version = 2;

/// As it lies in the file, on our little-endian hosts in memory too.
struct Head {
  std::array<char, 8> magic;
  std::uint64_t checksum;
  std::uint32_t version;
  std::uint32_t zero;
  std::uint64_t message_bytes;
};
static_assert(sizeof(Head) == 32);

/// Of all that follows the checksum itself.
std::uint64_t checksum_of(std::span<const std::byte> file) {
  const auto covered = file.subspan(offsetof(Head, version));
  return XXH3_64bits(covered.data(), covered.size());
}

DecodeError damaged(const std::string& what) { return {"state file: " + what}; }

protocol::PersistentState read(peer_schema::PersistentState::Reader in) {
  protocol::PersistentState state;
  state.incarnation_counter = in.getIncarnationCounter();
  state.cluster = {.high = in.getClusterHigh(), .low = in.getClusterLow()};
  if (in.hasInstalled()) state.installed = read_view(in.getInstalled(), "installed view");
  state.promised = read_ballot(in.getPromised(), "promised ballot");
  if (in.hasAccepted()) state.accepted = read_accepted(in.getAccepted(), "accepted value");
  state.log_reaches = read_view_id(in.getLogReaches());
  return state;
}

}  // namespace

void encode(const protocol::PersistentState& state, std::vector<std::byte>& out) {
  EnvelopeBuilder builder;
  auto root = builder.root<peer_schema::PersistentState>();
  root.setIncarnationCounter(state.incarnation_counter);
  root.setClusterHigh(state.cluster.high);
  root.setClusterLow(state.cluster.low);
  if (state.installed) write(root.initInstalled(), *state.installed);
  write(root.initPromised(), state.promised);
  if (state.accepted) write(root.initAccepted(), *state.accepted);
  write(root.initLogReaches(), state.log_reaches);
  builder.write_to(out);

  Head head{.magic = magic, .checksum = 0, .version = persistent_version, .zero = 0, .message_bytes = out.size()};
  out.insert(out.begin(), sizeof head, std::byte{0});
  std::memcpy(out.data(), &head, sizeof head);
  head.checksum = checksum_of(out);
  std::memcpy(out.data(), &head, sizeof head);
}

Result<protocol::PersistentState, DecodeError> decode_persistent(std::span<const std::byte> bytes) {
  Head head;
  if (bytes.size() < sizeof head) {
    return Unexpected{damaged("truncated: ends after " + std::to_string(bytes.size()) + " bytes, within its head of " +
                              std::to_string(sizeof head))};
  }
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.magic != magic) return Unexpected{damaged("does not begin as a state file of vsync does")};
  const auto message = bytes.subspan(sizeof head);
  // A flipped size reads as a truncation or as too long: either way the file is refused.
  if (message.size() < head.message_bytes) {
    return Unexpected{damaged("truncated: " + std::to_string(message.size()) + " of " + std::to_string(head.message_bytes) + " bytes are there")};
  }
  if (message.size() > head.message_bytes) return Unexpected{damaged("has bytes behind its end")};
  if (head.checksum != checksum_of(bytes)) return Unexpected{damaged("damaged: the checksum does not match the content")};
  if (head.version == 0 || head.version > persistent_version) {
    return Unexpected{damaged("of version " + std::to_string(head.version) + ", this daemon reads versions up to " +
                              std::to_string(persistent_version))};
  }
  return decode_envelope<protocol::PersistentState, peer_schema::PersistentState>(message, persistent_bytes_max,
                                                                                  [](auto in) { return read(in); });
}

}  // namespace vsync::wire
