#pragma once
// Keeps from libzmq (4.3.4) what applications may say to it by which it would stop the process. Two things do:
// - A routing id in the handshake. Those that the ROUTER gives itself count up from a random number, and one that is taken when its turn
//   comes is an assertion in router.cpp's add_out_pipe().
// - A command behind the handshake, as PING. One that is read after the other side has gone, since the queue was full before, is an
//   assertion in out_event() of stream_engine_base.cpp; and a PING that is too short is answered with memory beyond it.
// No vsync library says either. libzmq can't be told otherwise; therefore this daemon has its own recv() and close(), which libzmq's calls
// reach because a program's symbols come before those of libc. They read along with applications' connections, and end that of one which
// says such a thing: libzmq is told that the other side has closed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vsync::daemon {

/// What a client says: a greeting, READY, and messages (ZMTP 3: https://rfc.zeromq.org/spec/23/).
class ZmtpStream {
 public:
  /// The next bytes, however they are cut. False: it names a routing id, speaks an older protocol (in which everybody does), has a READY
  /// without end, or says a command behind it. What libzmq refuses itself is left to it.
  [[nodiscard]] bool take(std::span<const std::byte> bytes);

 private:
  [[nodiscard]] bool take_greeting(std::uint8_t byte);
  [[nodiscard]] bool take_head(std::uint8_t byte);
  [[nodiscard]] bool end_frame();

  static constexpr std::size_t ready_bytes_max = 256;  // our library's has 41

  std::uint8_t greeting_read_ = 0;
  bool is_ready_ = false;       ///< READY is over
  bool in_body_ = false;        ///< of a frame
  std::uint8_t flags_ = 0;      ///< of this frame
  std::uint8_t head_read_ = 0;
  std::uint64_t size_ = 0;      ///< of its body
  std::uint64_t left_ = 0;      ///< of it
  std::array<char, ready_bytes_max> ready_{};
};

/// An application's connection begins at `descriptor`; false if there is no room to read along. Any thread.
[[nodiscard]] bool guard_application(int descriptor);
/// How many connections were ended since the start. Any thread.
[[nodiscard]] std::uint64_t connections_refused();
/// The process of the last one, as the kernel says; 0: not known.
[[nodiscard]] int refused_process();

}  // namespace vsync::daemon
