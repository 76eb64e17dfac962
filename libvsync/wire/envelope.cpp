#include "wire/envelope.hpp"

#include <array>
#include <cstring>

namespace vsync::wire {
namespace {

/// Holds all but group views, snapshots and long cuts. Zeroed when not in use, as Cap'n Proto demands of a first segment.
constexpr std::size_t scratch_words = 2048;

kj::ArrayPtr<capnp::word> build_scratch() {
  alignas(64) thread_local std::array<capnp::word, scratch_words> words{};
  return kj::arrayPtr(words.data(), words.size());
}

kj::ArrayPtr<capnp::word> read_scratch() {
  alignas(64) thread_local std::array<capnp::word, scratch_words> words{};
  return kj::arrayPtr(words.data(), words.size());
}

bool is_aligned(const std::byte* bytes) { return reinterpret_cast<std::uintptr_t>(bytes) % alignof(std::uint64_t) == 0; }

capnp::ReaderOptions limits_for(std::size_t words) {
  capnp::ReaderOptions options;
  // A sound message is walked once. Twice that leaves room for what is asked for a second time, and still ends whoever
  // refers to the same object from many places.
  options.traversalLimitInWords = 2 * words + 64;
  options.nestingLimit = static_cast<int>(nesting_max);
  return options;
}

}  // namespace

void refuse(const char* field, const char* what) { throw Malformed{std::string(field) + ": " + what}; }

EnvelopeBuilder::EnvelopeBuilder() : builder_(build_scratch()) {}

void EnvelopeBuilder::write_to(std::vector<std::byte>& out) {
  const auto segments = builder_.getSegmentsForOutput();
  // Stream framing: number of segments less one, the size of each in words, zeros up to a whole word.
  const std::size_t table_bytes = (segments.size() / 2 + 1) * sizeof(capnp::word);
  std::size_t bytes = table_bytes;
  for (const auto& segment : segments) bytes += segment.asBytes().size();
  out.clear();
  out.resize(bytes);

  std::byte* to = out.data();
  const auto put_u32 = [&](std::size_t value) {
    const auto little = static_cast<std::uint32_t>(value);
    std::memcpy(to, &little, sizeof little);
    to += sizeof little;
  };
  put_u32(segments.size() - 1);
  for (const auto& segment : segments) put_u32(segment.size());
  to = out.data() + table_bytes;
  for (const auto& segment : segments) {
    const auto part = segment.asBytes();
    std::memcpy(to, part.begin(), part.size());
    to += part.size();
  }
}

EnvelopeReader::EnvelopeReader(std::span<const std::byte> bytes) {
  const std::size_t words = bytes.size() / sizeof(capnp::word);
  kj::ArrayPtr<const capnp::word> message;
  if (is_aligned(bytes.data())) {
    message = kj::arrayPtr(reinterpret_cast<const capnp::word*>(bytes.data()), words);
  } else {
    kj::ArrayPtr<capnp::word> copy = read_scratch();
    if (words > copy.size()) copy = large_ = kj::heapArray<capnp::word>(words);
    std::memcpy(copy.begin(), bytes.data(), bytes.size());
    message = copy.slice(0, words);
  }
  reader_.emplace(message, limits_for(words));
  require(reader_->getEnd() == message.end(), "envelope", "has bytes behind the end of its message");
}

}  // namespace vsync::wire
