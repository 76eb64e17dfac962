#include "survive.hpp"
#include "wire/local.hpp"

using namespace vsync::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::bytes_of(data, size);
  const auto write = [](const auto& message, std::vector<std::byte>& out) { encode(message, out); };
  fuzz::survive(bytes, decode_to_daemon, write);
  fuzz::survive(bytes, decode_to_client, write);
  return 0;
}
