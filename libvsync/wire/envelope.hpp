#pragma once
// The border to Cap'n Proto, for the codecs in this folder: bytes to readers and builders to bytes, both on buffers that are
// used again, and the one place where exceptions become values.
//
// Inside a decoder a check that fails throws Malformed. Cap'n Proto itself reports by exception whatever it finds while a
// reader walks, so that one way out serves both; nothing but `decode_envelope` ever catches them.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/array.h>
#include <kj/exception.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vsync/result.hpp"
#include "wire/limits.hpp"
#include "wire/local.hpp"

namespace vsync::wire {

struct Malformed {
  std::string what;
};

/// Ends the decoding: `what` names the field and what is wrong with it. Never quotes the bytes.
[[noreturn]] void refuse(const char* field, const char* what);

inline void require(bool holds, const char* field, const char* what) {
  if (!holds) [[unlikely]] refuse(field, what);
}

/// One message being built. One at a time per thread: the first segment is a buffer of the thread.
class EnvelopeBuilder {
 public:
  EnvelopeBuilder();
  template <class Schema>
  typename Schema::Builder root() { return builder_.initRoot<Schema>(); }
  /// Replaces `out` by the stream framing of the message.
  void write_to(std::vector<std::byte>& out);

 private:
  capnp::MallocMessageBuilder builder_;
};

/// Received bytes as a message, which may be walked about once. Copies only what isn't aligned. One at a time per thread.
class EnvelopeReader {
 public:
  explicit EnvelopeReader(std::span<const std::byte> bytes);
  template <class Schema>
  typename Schema::Reader root() { return reader_->getRoot<Schema>(); }

 private:
  kj::Array<capnp::word> large_;  ///< the aligned copy where the thread's buffer is too small
  std::optional<capnp::FlatArrayMessageReader> reader_;
};

/// `read(Schema::Reader)` gives the value or throws.
template <class Value, class Schema, class Read>
Result<Value, DecodeError> decode_envelope(std::span<const std::byte> bytes, std::size_t bytes_max, const Read& read) {
  if (bytes.empty()) return Unexpected{DecodeError{"envelope: is empty"}};
  if (bytes.size() > bytes_max) {
    return Unexpected{DecodeError{"envelope: " + std::to_string(bytes.size()) + " bytes, allowed are " + std::to_string(bytes_max)}};
  }
  if (bytes.size() % sizeof(capnp::word) != 0) return Unexpected{DecodeError{"envelope: its size is no multiple of 8"}};
  try {
    EnvelopeReader reader(bytes);
    return Result<Value, DecodeError>{read(reader.root<Schema>())};
  } catch (const Malformed& malformed) {
    return Unexpected{DecodeError{malformed.what}};
  } catch (const kj::Exception& exception) {
    return Unexpected{DecodeError{std::string("envelope: not a Cap'n Proto message: ") + exception.getDescription().cStr()}};
  }
}

}  // namespace vsync::wire
