#pragma once
// Keeps from libzmq (4.3.4) what others may say to it by which it would stop the process. Two things do:
// - A routing id in the handshake. Those that the ROUTER gives itself count up from a random number, and one that is taken when its turn
//   comes is an assertion in router.cpp's add_out_pipe().
// - A command behind the handshake, as PING. One that is read after the other side has gone, since the queue was full before, is an
//   assertion in out_event() of stream_engine_base.cpp; and a PING that is too short is answered with memory beyond it.
// No vsync library and no vsyncd says either. libzmq can't be told otherwise; therefore this daemon has its own recv() and close(), which
// libzmq's calls reach because a program's symbols come before those of libc. They read along with connections that were accepted, and end
// that of one which says such a thing: libzmq is told that the other side has closed. What is encrypted they can't read: who has a key is
// trusted.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vsync::daemon {

/// What who connects says: a greeting, READY, and messages (ZMTP 3: https://rfc.zeromq.org/spec/23/).
class ZmtpStream {
 public:
  /// The next bytes, however they are cut. False: it names a routing id, speaks an older protocol (in which everybody does), has a READY
  /// without end, or says a command behind it. What libzmq refuses itself is left to it.
  [[nodiscard]] bool take(std::span<const std::byte> bytes);

 private:
  [[nodiscard]] bool take_greeting(std::uint8_t byte);
  [[nodiscard]] bool take_head(std::uint8_t byte);
  [[nodiscard]] bool end_frame();

  static constexpr std::size_t ready_bytes_max = 256;  // our library's has 41, a daemon's 26

  std::uint8_t greeting_read_ = 0;
  bool is_encrypted_ = false;   ///< from the end of the greeting on
  bool is_ready_ = false;       ///< READY is over
  bool in_body_ = false;        ///< of a frame
  std::uint8_t flags_ = 0;      ///< of this frame
  std::uint8_t head_read_ = 0;
  std::uint64_t size_ = 0;      ///< of its body
  std::uint64_t left_ = 0;      ///< of it
  std::array<char, ready_bytes_max> ready_{};
};

/// A connection that was accepted begins at `descriptor`; false if there is no room to read along. Any thread.
[[nodiscard]] bool guard_connection(int descriptor);
/// How many connections were ended since the start. Any thread.
[[nodiscard]] std::uint64_t connections_refused();
/// Whose the last one was, as the kernel says: "process 123" of an application, the address of a peer. Any thread.
[[nodiscard]] std::string last_refused();

}  // namespace vsync::daemon
