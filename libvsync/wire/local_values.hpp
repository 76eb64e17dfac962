#pragma once
// The values that several local messages and both directions share, checked on the way in.

#include <string>

#include "local.capnp.h"
#include "wire/envelope.hpp"
#include "wire/local.hpp"

namespace vsync::wire {

void write(schema::SessionId::Builder out, const SessionId& session);
void write(schema::Position::Builder out, const Position& position);
void write(schema::Member::Builder out, const GroupMember& member);
[[nodiscard]] schema::Level to_schema(Level level);

[[nodiscard]] SessionId read_session(schema::SessionId::Reader in, const char* field);
[[nodiscard]] Position read_position(schema::Position::Reader in, const char* field);
[[nodiscard]] GroupMember read_member(schema::Member::Reader in, const char* field);

/// Valid UTF-8 up to `bytes_max`.
[[nodiscard]] std::string read_text(capnp::Text::Reader in, std::size_t bytes_max, const char* field);
/// What an application calls itself: printable.
[[nodiscard]] std::string read_application(capnp::Text::Reader in, const char* field);
/// A topic or a pattern.
[[nodiscard]] std::string read_group(capnp::Text::Reader in, const char* field);
[[nodiscard]] std::string read_node_name(capnp::Text::Reader in, const char* field);

/// `count` numbers from `first` on, both at least 1, all below number_end.
void require_run(std::uint64_t first, std::uint64_t count, const char* field);

inline std::string_view view_of(capnp::Text::Reader text) { return {text.begin(), text.size()}; }
inline kj::StringPtr text_of(const std::string& text) { return {text.c_str(), text.size()}; }

/// Our enumerations number their values as the schema does (asserted where they are used); a newer peer may know more.
template <class Value, class Schema>
[[nodiscard]] Value read_enum(Schema in, Value last, const char* field) {
  require(static_cast<unsigned>(in) <= static_cast<unsigned>(last), field, "is no value that this version knows");
  return static_cast<Value>(in);
}

}  // namespace vsync::wire
