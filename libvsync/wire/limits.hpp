#pragma once
// The bounds of both protocols. Checked before anything is allocated.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace vsync::wire {

inline constexpr std::uint16_t local_version = 3;

inline constexpr std::size_t message_bytes_max = 1u << 20;        ///< data of one message
inline constexpr std::size_t topic_bytes_max = 255;
inline constexpr std::size_t topic_levels_max = 32;
inline constexpr std::size_t key_bytes_max = 255;
inline constexpr std::size_t headers_max = 32;
inline constexpr std::size_t header_bytes_max = 1024;             ///< name and value together
inline constexpr std::size_t application_bytes_max = 64;
inline constexpr std::size_t name_bytes_max = 63;                 ///< of a node
inline constexpr std::size_t record_bytes_max = message_bytes_max + (64u << 10);
inline constexpr std::size_t batch_bytes_max = record_bytes_max + (64u << 10);  ///< body of one Publish or Deliver
inline constexpr std::size_t batch_bytes_wanted = 64u << 10;      ///< frames grow to this under load
inline constexpr std::size_t batch_messages_max = 1u << 16;
inline constexpr std::size_t local_envelope_bytes_max = 4u << 20; ///< group views and answers can be long
inline constexpr std::size_t local_request_bytes_max = 4u << 10;  ///< envelope of what an application sends
inline constexpr std::size_t peer_frame_bytes_max = 64u << 20;    ///< snapshots are the largest
inline constexpr std::size_t nesting_max = 16;

inline constexpr std::size_t members_max = 64;                    ///< of a view; ranks are below
inline constexpr std::chrono::hours lease_max{1};                 ///< as a heartbeat tells it
inline constexpr std::size_t nodes_heard_max = 256;               ///< named by one heartbeat or answer: members, joiners, former incarnations
inline constexpr std::size_t lanes_max = 256;
inline constexpr std::size_t audit_places_max = 128;              ///< of one lane in a heartbeat
inline constexpr std::size_t runs_max = 1u << 20;                 ///< of order, in one lane of one frame
inline constexpr std::size_t chunks_max = 1u << 16;               ///< of one Data frame
inline constexpr std::size_t log_entries_max = 1u << 17;          ///< of one LogPart frame
inline constexpr std::size_t decisions_max = 4096;                ///< of one Decided frame
inline constexpr std::size_t sessions_max = 1u << 20;             ///< of one snapshot
inline constexpr std::size_t groups_max = 1u << 22;               ///< of one snapshot
inline constexpr std::size_t group_members_max = 1u << 20;
inline constexpr std::size_t view_ends_max = 1024;                ///< of one snapshot
inline constexpr std::size_t free_text_bytes_max = 4096;          ///< reasons and error texts
inline constexpr std::size_t persistent_bytes_max = 64u << 20;
inline constexpr std::size_t log_message_bytes_max = 1u << 30;    ///< of one record of the durable log, without payloads
/// Every message number (Seqno, Seq, n) is below: the range of ordinary numbers and that of tails together.
inline constexpr std::uint64_t number_end = std::uint64_t{1} << 63;

}  // namespace vsync::wire
