#include <xxhash.h>

#include <cstring>

#include "survive.hpp"
#include "wire/peer.hpp"

using namespace vsync::wire;

/// The checksum would stop nearly every input: what lies behind it is fuzzed with the checksum made right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  const auto write = [](const auto& state, std::vector<std::byte>& out) { encode(state, out); };
  fuzz::survive(bytes, decode_persistent, write);
  if (size < 32) return 0;

  std::vector<std::byte> sealed(bytes.begin(), bytes.end());
  const std::uint64_t message_bytes = size - 32;
  std::memcpy(sealed.data() + 24, &message_bytes, sizeof message_bytes);
  const std::uint64_t checksum = XXH3_64bits(sealed.data() + 16, sealed.size() - 16);
  std::memcpy(sealed.data() + 8, &checksum, sizeof checksum);
  fuzz::survive(sealed, decode_persistent, write);
  return 0;
}
