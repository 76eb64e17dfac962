#include "wire/session_secret.hpp"

#include <sodium/crypto_generichash_blake2b.h>

#include <array>

namespace vsync::wire {

protocol::SessionId session_of(const SessionSecret& secret) {
  std::array<unsigned char, 16> said{};
  std::array<unsigned char, 16> hash{};
  const auto put = [&](std::size_t at, std::uint64_t number) {
    for (std::size_t i = 0; i < 8; ++i) said[at + i] = static_cast<unsigned char>(number >> (56 - 8 * i));
  };
  const auto take = [&](std::size_t at) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 8; ++i) number = number << 8 | hash[at + i];
    return number;
  };
  put(0, secret.high);
  put(8, secret.low);
  crypto_generichash_blake2b(hash.data(), hash.size(), said.data(), said.size(), nullptr, 0);
  return {.high = take(0), .low = take(8)};
}

}  // namespace vsync::wire
