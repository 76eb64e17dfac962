#pragma once
// The bounds of both protocols. Checked before anything is allocated.

#include <cstddef>
#include <cstdint>

namespace vsync::wire {

inline constexpr std::uint16_t local_version = 1;
inline constexpr std::uint16_t peer_version = 1;

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

}  // namespace vsync::wire
