#pragma once
// Keeps applications from choosing their routing ids. A ZeroMQ client may name one in its handshake, and libzmq (4.3.4, router.cpp) takes
// it; those that it gives itself count up from a random number, and one that is taken when its turn comes is an assertion in
// add_out_pipe(), which stops the process. So whoever may connect could stop the daemon. libzmq can't be told otherwise; therefore this
// daemon has its own recv() and close(), which libzmq's calls reach because a program's symbols come before those of libc. They read along
// until an application's handshake is over, and end the connection of one that names itself: libzmq is told that the other side has closed.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vsync::daemon {

/// What a client says before its first message: a greeting and READY (ZMTP 3: https://rfc.zeromq.org/spec/23/).
class Handshake {
 public:
  enum class Verdict : std::uint8_t {
    undecided,  ///< more is to come
    sound,      ///< it is over, or libzmq refuses it itself
    wrong,      ///< names a routing id, speaks an older protocol (in which everybody does), or doesn't come to an end
  };
  /// The next bytes, however they are cut.
  [[nodiscard]] Verdict take(std::span<const std::byte> bytes);

 private:
  std::string said_;
};

/// An application's connection begins at `descriptor`. Any thread.
void expect_handshake(int descriptor);
/// How many were refused since the start. Any thread.
[[nodiscard]] std::uint64_t handshakes_refused();

}  // namespace vsync::daemon
