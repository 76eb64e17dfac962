#pragma once
// A connection to a fake daemon, and the way tests read its stream.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <utility>
#include <variant>

#include "fake_daemon.hpp"
#include "vsync/vsync.hpp"
#include "wire/record.hpp"

namespace vsync::testing {

/// The next event of one kind, others left out; nullptr after five seconds without any.
template <class Wanted>
const Wanted* next_of(Connection& connection) {
  while (const Event* event = connection.next(std::chrono::seconds(5))) {
    if (const auto* wanted = std::get_if<Wanted>(event)) return wanted;
    if (const auto* closed = std::get_if<Closed>(event)) ADD_FAILURE() << "the session ended: " << closed->text;
  }
  return nullptr;
}

inline Connection connect(Options options) {
  options.application = "test";
  auto opened = Connection::open(std::move(options));
  if (!opened) throw std::runtime_error(opened.error().text);
  return std::move(*opened);
}

struct Pair {
  explicit Pair(FakeDaemon::Behaviour behaviour = {}, Options options = {})
      : daemon(std::make_unique<FakeDaemon>(directory.endpoint(), std::move(behaviour))), client(connect(with_endpoint(std::move(options)))) {}

  void restart_daemon(FakeDaemon::Behaviour behaviour = {}) {
    daemon.reset();
    daemon = std::make_unique<FakeDaemon>(directory.endpoint(), std::move(behaviour));
  }

  SocketDirectory directory;
  std::unique_ptr<FakeDaemon> daemon;
  Connection client;

 private:
  Options with_endpoint(Options options) const {
    options.endpoint = directory.endpoint();
    options.linger = std::chrono::milliseconds(200);
    return options;
  }
};

}  // namespace vsync::testing
