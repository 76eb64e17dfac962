#pragma once
// What an operator may choose of the protocol. Every bound and every time of it stands here.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/ids.hpp"
#include "protocol/versions.hpp"

namespace vsync::protocol {

using namespace std::chrono_literals;

struct Config {
  std::vector<std::string> peers;  ///< names of the other configured daemons; empty: a cluster of its own at once
  std::uint32_t weight = 1;
  bool witness = false;
  std::uint32_t min_weight = 1;    ///< proposed for new views
  std::string tie_breaker;         ///< proposed for new views; empty: the most senior member
  std::uint16_t lanes = 1;
  Versions speaks = program_versions();

  Duration heartbeat_every = 50ms;
  Duration suspect_after_min = 600ms;  ///< T of a quiet network
  Duration suspect_after_max = 3s;     ///< T never grows beyond
  Duration lease = 300ms;              ///< a sequencer orders on proof not older than this; less than suspect_after_min
  Duration ack_every = 2ms;            ///< an acknowledgement waits no longer for company
  Duration fetch_again_after = 20ms;   ///< a fetch is repeated, elsewhere after fetch_tries
  std::uint32_t fetch_tries = 2;
  bool self_audit = true;              ///< replicas are compared with each other
  Duration lag_exclude_after = 10s;    ///< a member that so late doesn't hold what a uniform set held is excluded
  Duration raise_after = 60s;          ///< a member that is missed may come back with its old program for so long
  Duration admit_after = 700ms;        ///< a joiner and all members have heard each other for so long; more than T

  std::uint64_t window_bytes = 8u << 20;     ///< unstable bytes of one publisher's daemon
  std::uint64_t window_messages = 1u << 18;  ///< unstable messages of one publisher's daemon
  std::uint32_t fetch_bytes_max = 1u << 18;  ///< answered to one fetch
  std::uint32_t decisions_kept = 64;         ///< decided changes kept for those who missed them
  std::uint32_t session_window = 512;       ///< runs kept per session for retries
  Duration session_expires_after = 60s;      ///< a session without a home ends
  std::uint64_t durable_keep_bytes = 64u << 20;  ///< durable messages kept of each lane, on disk and in memory
};

}  // namespace vsync::protocol
