#pragma once
// What can be chosen for a connection, a join and a publish.

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "vsync/level.hpp"
#include "vsync/message.hpp"

namespace vsync {

struct Options {
  /// Where the daemon listens, "ipc://<path>". Empty: the environment's VSYNC_ENDPOINT; without it
  /// ipc:///run/vsync/vsync.sock if that exists, else the socket of a daemon run by this user,
  /// ipc://$XDG_RUNTIME_DIR/vsync/vsync.sock (without that variable ipc:///tmp/vsync-UID/vsync/vsync.sock).
  std::string endpoint;
  /// What this application calls itself in group views: 1 to 64 bytes of printable UTF-8. Empty: the name of the program.
  std::string application;
  /// How long open() waits for a daemon that doesn't listen yet or doesn't answer.
  std::chrono::milliseconds connect_timeout{2000};
  /// How long join() and the questions wait for their answer.
  std::chrono::milliseconds request_timeout{10000};
  /// How long the destructor of a connection that wasn't closed waits for the outcomes of its publishes.
  std::chrono::milliseconds linger{1000};
  /// Bound on the encoded bytes of publishes without an outcome, sent or not. More of it bridges longer stalls, less of it
  /// saves memory and tells the publisher sooner.
  std::size_t queue_bytes_max = 8u << 20;
  /// False: outcomes are counted (outcomes(), wait_for_outcomes()), but don't come as events.
  bool outcome_events = true;
};

struct JoinOptions {
  DeliverOn deliver_on = DeliverOn::order;
};

struct PublishOptions {
  Level level = Level::agreed;
  /// Of the last value that the message replaces: at most 255 bytes. Empty: none.
  std::string_view key{};
  /// At most 32, each with a name and at most 1024 bytes of name and value.
  std::span<const Header> headers{};
  /// True: rejected at once while this host is in no primary view. False: it waits for one.
  bool fail_when_blocked = false;
};

}  // namespace vsync
