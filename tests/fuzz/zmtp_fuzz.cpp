#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "daemon/zmtp_guard.hpp"
#include "protocol/assert.hpp"
#include "survive.hpp"

using vsync::daemon::ZmtpStream;

namespace {

using Bytes = std::span<const std::byte>;
constexpr std::size_t greeting_bytes = 64;
constexpr std::size_t ready_bytes_max = 256;

std::uint64_t number_of(Bytes digits) {
  std::uint64_t number = 0;
  for (const std::byte digit : digits) number = number * 256 + std::to_integer<std::uint64_t>(digit);
  return number;
}
bool is_text(Bytes bytes, std::string_view text) { return std::ranges::equal(bytes, std::as_bytes(std::span(text))); }

bool names_routing_id(Bytes ready) {
  if (ready.size() < 6 || !is_text(ready.first(6), "\5READY")) return false;
  for (Bytes rest = ready.subspan(6); !rest.empty();) {
    const std::uint64_t name_bytes = number_of(rest.first(1));
    if (rest.size() < 1 + name_bytes + 4) return false;
    const std::uint64_t value_bytes = number_of(rest.subspan(1 + name_bytes, 4));
    if (rest.size() < 1 + name_bytes + 4 + value_bytes) return false;
    if (is_text(rest.subspan(1, name_bytes), "Identity") && value_bytes > 0) return true;
    rest = rest.subspan(1 + name_bytes + 4 + value_bytes);
  }
  return false;
}

/// What zmtp_guard.hpp says, of bytes that are all there: the index of the one that is refused, if any is.
std::optional<std::size_t> refused_naively(Bytes said) {
  if (said.size() > 0 && said[0] != std::byte{0xff}) return 0;
  if (said.size() > 9 && (said[9] & std::byte{1}) == std::byte{0}) return 9;
  if (said.size() > 10 && said[10] < std::byte{3}) return 10;
  bool is_first = true;
  for (std::size_t at = greeting_bytes; at < said.size(); is_first = false) {
    const bool is_command = (said[at] & std::byte{4}) != std::byte{0};
    if (is_command && !is_first) return at;
    const std::size_t length_bytes = (said[at] & std::byte{2}) != std::byte{0} ? 8 : 1;
    const std::size_t body_at = at + 1 + length_bytes;
    if (said.size() < body_at) break;
    const std::uint64_t size = number_of(said.subspan(at + 1, length_bytes));
    if (is_first && size > ready_bytes_max) return body_at - 1;
    if (said.size() - body_at < size) break;
    at = body_at + size;
    if (is_first && names_routing_id(said.subspan(body_at, size))) return at - 1;
  }
  return std::nullopt;
}

/// Says it in pieces; where the one begins that is refused. Each ends where its memory does: nothing beyond it is read unnoticed.
template <class NextSize>
std::optional<std::size_t> refused_in_pieces(Bytes said, const NextSize& next_size) {
  const auto stream = std::make_unique<ZmtpStream>();
  std::vector<std::byte> memory(said.size());
  for (std::size_t at = 0; at < said.size();) {
    const Bytes piece = said.subspan(at, std::min(said.size() - at, next_size()));
    if (!stream->take({std::ranges::copy_backward(piece, memory.end()).out, piece.size()})) return at;
    at += piece.size();
  }
  return std::nullopt;
}

}  // namespace

/// What who connects says to ZeroMQ: refused at the byte that a naive twin says, however it is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes said = vsync::wire::fuzz::bytes_of(data, size);
  const std::optional<std::size_t> refused = refused_naively(said);
  VSYNC_ASSERT(refused_in_pieces(said, [] { return std::size_t{1}; }) == refused);
  VSYNC_ASSERT(refused_in_pieces(said, [&] { return size; }).has_value() == refused.has_value());

  std::minstd_rand random(static_cast<unsigned>(std::hash<std::string_view>()({reinterpret_cast<const char*>(data), size})));
  for (const std::size_t longest : {3u, 20u, 300u}) {
    std::size_t last = 0;
    const auto begin = refused_in_pieces(said, [&] { return last = 1 + random() % longest; });
    VSYNC_ASSERT(begin.has_value() == refused.has_value());
    VSYNC_ASSERT(!begin || (*begin <= *refused && *refused < *begin + last));
  }
  return 0;
}
