#include <fuzzer/FuzzedDataProvider.h>

#include <string>
#include <vector>

#include "cluster.hpp"
#include "protocol/assert.hpp"
#include "wire/peer.hpp"

using namespace vsync;
using namespace std::chrono_literals;
using Input = FuzzedDataProvider;

namespace {

/// A frame as it may come over a link whose other end has a broken memory: its bytes changed in a few places, if the decoder
/// still takes it.
void damage(Input& in, protocol::Frame& frame) {
  std::vector<std::byte> envelope;
  wire::encode(frame, envelope);
  for (int i = in.ConsumeIntegralInRange(1, 4); i > 0; --i) {
    const auto word = in.ConsumeIntegralInRange<std::size_t>(0, envelope.size() / 8 - 1);
    const auto at = word * 8 + in.ConsumeIntegralInRange<std::size_t>(0, 7);
    envelope[at] = std::byte{in.ConsumeIntegral<std::uint8_t>()};
  }
  if (auto altered = wire::decode_frame(envelope, wire::body_of(frame))) frame = std::move(*altered);
}

void act(Input& in, protocol::test::Cluster& cluster, const std::vector<std::string>& names, std::uint64_t& n) {
  const std::string& who = names[in.ConsumeIntegralInRange<std::size_t>(0, names.size() - 1)];
  const std::string& other = names[in.ConsumeIntegralInRange<std::size_t>(0, names.size() - 1)];
  switch (in.ConsumeIntegralInRange(0, 7)) {
    case 0:
      return cluster.cut(who, other);
    case 1:
      return cluster.heal();
    case 2:
      return cluster.run_for(in.PickValueInArray({10ms, 100ms, 1000ms}));
    case 3:
      return cluster.submit(who, {protocol::JoinGroup{{0, 1}, "g"}});
    default:
      (void)cluster.publish(who, 1, n, 3, static_cast<protocol::Level>(in.ConsumeIntegralInRange(0, 4)));
      n += 3;
      cluster.run_for(5ms);
  }
}

}  // namespace

/// Three engines in the midst of a run, one of which gets frames that no engine would have sent. Nothing is promised against
/// members that lie but this: what a decoder lets through may bring an engine to wrong conclusions, and not to a crash, to a loop
/// or to memory without a bound.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> names{"a", "b", "c"};
  Input in(data, size);
  protocol::test::Cluster cluster(names, {.heartbeat_every = 100ms, .lease = 250ms});
  cluster.start_all();
  VSYNC_ASSERT(cluster.run_until([&] { return cluster.settled(names); }));
  for (const std::string& name : names) cluster.open_session(name, 1);
  cluster.alter = [&](const std::string& to, protocol::Frame& frame) {
    if (to == "a" && in.remaining_bytes() > 0 && in.ConsumeIntegralInRange(0, 3) == 0) damage(in, frame);
  };
  std::uint64_t n = 1;
  for (int i = 0; i < 40 && in.remaining_bytes() > 0; ++i) act(in, cluster, names, n);
  cluster.heal();
  cluster.run_for(1s);
  return 0;
}
