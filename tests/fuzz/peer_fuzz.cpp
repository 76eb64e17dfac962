#include <algorithm>
#include <cstring>

#include "survive.hpp"
#include "wire/peer.hpp"

using namespace vsync;
using namespace vsync::wire;

/// An input is u32 size of the body part, the body part, the envelope part.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  std::uint32_t wanted = 0;
  if (bytes.size() < sizeof wanted) return 0;
  std::memcpy(&wanted, bytes.data(), sizeof wanted);
  const auto parts = bytes.subspan(sizeof wanted);
  const std::size_t body_bytes = std::min<std::size_t>(wanted, parts.size());
  const protocol::Payload body(std::vector<std::byte>(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(body_bytes)));

  const auto decoded = decode_frame(parts.subspan(body_bytes), body);
  if (!decoded) {
    VSYNC_ASSERT(!decoded.error().what.empty());
    return 0;
  }
  std::vector<std::byte> once, twice;
  encode(*decoded, once);
  const auto again = decode_frame(once, body_of(*decoded));
  VSYNC_ASSERT(again);
  encode(*again, twice);
  VSYNC_ASSERT(once == twice);
  return 0;
}
