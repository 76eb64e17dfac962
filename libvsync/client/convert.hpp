#pragma once
// Values of the wire as the public interface names them, and back.

#include <string>

#include "vsync/errors.hpp"
#include "vsync/events.hpp"
#include "vsync/level.hpp"
#include "vsync/member.hpp"
#include "vsync/position.hpp"
#include "wire/local.hpp"

namespace vsync::client {

[[nodiscard]] Position to_public(const wire::Position& position);
[[nodiscard]] SessionId to_public(const wire::SessionId& session);
[[nodiscard]] Level to_public(wire::Level level);
[[nodiscard]] ErrorCode to_public(wire::ErrorCode code);
[[nodiscard]] ComponentState to_public(wire::ComponentState state);
[[nodiscard]] Member to_public(const protocol::GroupMember& member);
[[nodiscard]] GroupView to_public(wire::GroupView&& view);
[[nodiscard]] Mark to_public(const wire::Mark& mark);
[[nodiscard]] StateChange to_public(wire::State&& state);
[[nodiscard]] Resync to_public(const wire::Resync& resync);
[[nodiscard]] Gap to_public(wire::Gap&& gap);

[[nodiscard]] wire::Level to_wire(Level level);
[[nodiscard]] wire::DeliverOn to_wire(DeliverOn deliver_on);

}  // namespace vsync::client
