#include "client/convert.hpp"

#include <utility>

namespace vsync::client {
namespace {

// The public enumerations repeat the wire's value by value; a name added to one only shows here.
template <class To, class From>
constexpr To same(From value) {
  return static_cast<To>(value);
}
static_assert(same<ErrorCode>(wire::ErrorCode::unavailable) == ErrorCode::unavailable);
static_assert(same<ErrorCode>(wire::ErrorCode::session_moved) == ErrorCode::session_moved);
static_assert(same<ErrorCode>(wire::ErrorCode::already_member) == ErrorCode::already_member);
static_assert(same<ErrorCode>(wire::ErrorCode::not_primary) == ErrorCode::not_primary);
static_assert(same<Level>(wire::Level::fifo) == Level::fifo);
static_assert(same<wire::DeliverOn>(DeliverOn::durable) == wire::DeliverOn::durable);
static_assert(same<ComponentState>(wire::ComponentState::blocked) == ComponentState::blocked);
static_assert(same<LeaveReason>(wire::LeaveReason::expired) == LeaveReason::expired);
static_assert(same<LeaveReason>(wire::LeaveReason::node_failed) == LeaveReason::node_failed);

std::vector<Member> members_of(const std::vector<protocol::GroupMember>& members) {
  std::vector<Member> out;
  out.reserve(members.size());
  for (const protocol::GroupMember& member : members) out.push_back(to_public(member));
  return out;
}

}  // namespace

Position to_public(const wire::Position& position) {
  return {{position.epoch.number, position.epoch.random}, position.view, position.lane.value, position.seq.value};
}

SessionId to_public(const wire::SessionId& session) { return {session.high, session.low}; }
Level to_public(wire::Level level) { return same<Level>(level); }
ErrorCode to_public(wire::ErrorCode code) { return same<ErrorCode>(code); }
ComponentState to_public(wire::ComponentState state) { return same<ComponentState>(state); }

Member to_public(const protocol::GroupMember& member) {
  return {to_public(member.session), member.node.name, member.application};
}

GroupView to_public(wire::GroupView&& view) {
  GroupView out{.position = to_public(view.position), .group = std::move(view.group), .number = view.number};
  out.members = members_of(view.members);
  out.joined = members_of(view.joined);
  out.left.reserve(view.left.size());
  for (const wire::Departure& departure : view.left) {
    out.left.push_back({to_public(departure.member), same<LeaveReason>(departure.reason)});
  }
  return out;
}

Mark to_public(const wire::Mark& mark) {
  return {to_public(mark.up_to), to_public(mark.level), mark.view, mark.member_lost_before};
}

StateChange to_public(wire::State&& state) {
  return {to_public(state.state), std::move(state.reason), state.view_epoch, state.view_number};
}

Resync to_public(const wire::Resync& resync) {
  Resync out{.last_common = to_public(resync.last_common)};
  if (resync.orphaned) out.orphaned.emplace(to_public(resync.orphaned->first), to_public(resync.orphaned->second));
  out.missed_from = to_public(resync.missed_from);
  out.missed_to = to_public(resync.missed_to);
  return out;
}

Gap to_public(wire::Gap&& gap) { return {to_public(gap.from), to_public(gap.to), std::move(gap.reason)}; }

wire::Level to_wire(Level level) { return same<wire::Level>(level); }
wire::DeliverOn to_wire(DeliverOn deliver_on) { return same<wire::DeliverOn>(deliver_on); }

}  // namespace vsync::client
