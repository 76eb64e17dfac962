#pragma once
// The values that several local messages share, in both directions, checked on the way in.

#include "local.capnp.h"
#include "wire/checks.hpp"
#include "wire/local.hpp"

namespace vsync::wire {

void write(schema::SessionId::Builder out, const SessionId& session);
void write(schema::Position::Builder out, const Position& position);
void write(schema::Member::Builder out, const GroupMember& member);
[[nodiscard]] schema::Level to_schema(Level level);

[[nodiscard]] SessionId read_session(schema::SessionId::Reader in, const char* field);
[[nodiscard]] Position read_position(schema::Position::Reader in, const char* field);
[[nodiscard]] GroupMember read_member(schema::Member::Reader in, const char* field);

}  // namespace vsync::wire
