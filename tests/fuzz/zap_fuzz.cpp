#include <fuzzer/FuzzedDataProvider.h>
#include <uv.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "daemon/zap_handler.hpp"
#include "protocol/assert.hpp"

using namespace vsync::daemon;

namespace {

constexpr const char* known_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";  // of RFC 32's example

std::array<std::uint8_t, 32> known_bytes() {
  std::array<std::uint8_t, 32> bytes{};
  VSYNC_ASSERT(zmq_z85_decode(bytes.data(), known_key) != nullptr);
  return bytes;
}

struct Handler {
  uv_loop_t loop{};
  zmq::context_t context;
  Counters counters;
  Log log{Severity::error};
  ZapHandler handler;
  zmq::socket_t asker;

  Handler()
      : handler((uv_loop_init(&loop), &loop), context, counters, log), asker(context, zmq::socket_type::req) {
    handler.let_in({PeerConfiguration{.name = "b", .endpoints = {}, .public_key = known_key}});
    asker.connect("inproc://zeromq.zap.01");
  }
};

}  // namespace

/// Requests as ZeroMQ asks them (RFC 27), and worse: each gets one answer, and "200" only who has a known key.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& that = *new Handler;  // ZeroMQ's threads end with the process
  FuzzedDataProvider in(data, size);
  const auto key = known_bytes();
  std::vector<std::string> parts{
      "1.0",   in.ConsumeRandomLengthString(8),    ZapHandler::domain(), in.ConsumeRandomLengthString(40), "",
      "CURVE", std::string(key.begin(), key.end())};
  bool sound = true;
  for (std::size_t i = 0; i < 4 && in.ConsumeBool() && !parts.empty(); ++i) {  // what is wrong with it
    sound = false;
    const auto at = in.ConsumeIntegralInRange<std::size_t>(0, parts.size() - 1);
    switch (in.ConsumeIntegralInRange(0, 2)) {
      case 0:
        parts[at] = in.ConsumeRandomLengthString(64);
        break;
      case 1:
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 2:
        parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(at), in.ConsumeRandomLengthString(64));
        break;
    }
  }
  if (parts.empty()) return 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    VSYNC_ASSERT(that.asker.send(zmq::buffer(parts[i]), i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none));
  }
  std::vector<std::string> answer;
  zmq::message_t part;
  while (!that.asker.recv(part, zmq::recv_flags::dontwait)) {
    (void)that.handler.pending();
    that.handler.serve();
  }
  answer.push_back(part.to_string());
  while (part.more()) {
    VSYNC_ASSERT(that.asker.recv(part));
    answer.push_back(part.to_string());
  }
  VSYNC_ASSERT(answer.size() == 6 && answer[0] == "1.0");
  const bool good = parts.size() == 7 && parts[0] == "1.0" && parts[2] == ZapHandler::domain() && parts[5] == "CURVE" &&
                    parts[6] == std::string(key.begin(), key.end());
  VSYNC_ASSERT(good || !sound);
  VSYNC_ASSERT(answer[2] == (good ? "200" : "400") && answer[4] == (good ? "b" : ""));
  VSYNC_ASSERT(parts.size() < 2 || answer[1] == parts[1]);
  return 0;
}
