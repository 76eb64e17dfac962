#include <cstdlib>

#include "random.hpp"
#include "wire/limits.hpp"

namespace vsync::wire::test {
namespace {

GroupMember member(Random& random) {
  // Only the name of the node travels.
  return {.session = random.session(), .node = {.name = random.coin() ? random.node_name() : "", .incarnation = {}}, .application = random.application()};
}

GroupView group_view(Random& random) {
  const auto one = [&] { return member(random); };
  return {.position = random.position(),
          .group = random.group(),
          .number = random.bits(),
          .members = random.list(20, one),
          .joined = random.list(3, one),
          .left = random.list(3, [&] { return Departure{.member = member(random), .reason = random.leave_reason()}; }),
          .change = random.coin()};
}

ErrorCode code(Random& random) { return static_cast<ErrorCode>(random.number(0, static_cast<std::uint64_t>(ErrorCode::unavailable))); }
ComponentState state(Random& random) { return static_cast<ComponentState>(random.number(0, 2)); }
std::uint32_t u32(Random& random) { return static_cast<std::uint32_t>(random.bits()); }
Credit credit(Random& random) { return {.bytes = random.bits(), .messages = random.bits()}; }

Publish publish(Random& random) {
  const auto count = static_cast<std::uint32_t>(random.number(1, batch_messages_max));
  return {.first_n = random.number(1, number_end - count),
          .count = count,
          .level = random.level(),
          .fail_when_blocked = random.coin(),
          .topic_runs = static_cast<std::uint32_t>(random.number(1, count))};
}

Query query(Random& random) {
  Query query{.request = u32(random), .what = static_cast<Query::What>(random.number(0, 7)), .group = ""};
  if (query.what == Query::What::members) query.group = random.group();
  return query;
}

Deliver deliver(Random& random) {
  const auto count = static_cast<std::uint32_t>(random.number(1, batch_messages_max));
  Deliver deliver{.first = random.position(),
                  .count = count,
                  .skip = static_cast<std::uint32_t>(random.number(0, count)),
                  .publisher_node = random.node_name(),
                  .publisher_session = random.session(),
                  .ordered_at = static_cast<std::int64_t>(random.bits()),
                  .filter = random.coin(),
                  .level = random.level()};
  deliver.first.seq.value = random.number(1, number_end - count);
  return deliver;
}

OutcomeRun outcome(Random& random) {
  const auto count = static_cast<std::uint32_t>(random.number(1, ~0u));
  return {.first_n = random.number(1, number_end - count),
          .count = count,
          .kind = static_cast<OutcomeRun::Kind>(random.number(0, 4)),
          .position = random.position(),
          .reason = code(random)};
}

Resync resync(Random& random) {
  Resync resync{.last_common = random.position(), .orphaned = {}, .missed_from = random.position(), .missed_to = random.position()};
  if (random.coin()) resync.orphaned.emplace(random.position(), random.position());
  return resync;
}

Open open(Random& random) {
  Open open{.version = static_cast<std::uint16_t>(random.bits()),
            .secret = {random.bits(), random.number(1, ~0ull)},
            .application = random.application(),
            .last_n = random.number(0, number_end - 1),
            .last_position = {},
            .takes_changes = random.coin()};
  if (random.coin()) open.last_position = random.position();
  return open;
}

}  // namespace

ToDaemon random_to_daemon(Random& random, std::size_t kind) {
  switch (kind) {
    case 0: return open(random);
    case 1: return Join{.request = u32(random), .group = random.group(), .deliver_on = static_cast<DeliverOn>(random.number(0, 3)), .again = random.coin()};
    case 2: return Leave{.request = u32(random), .group = random.group()};
    case 3: return publish(random);
    case 4: return GoodbyeRequest{};
    case 5: return Pong{random.bits()};
    case 6: return query(random);
    case 7: return Received{random.bits()};
    case 8: return JoinedAgain{};
  }
  std::abort();
}

ToClient random_to_client(Random& random, std::size_t kind) {
  switch (kind) {
    case 0:
      return Welcome{.version = static_cast<std::uint16_t>(random.bits()),
                     .node = random.node_name(),
                     .max_message_bytes = u32(random),
                     .credit = credit(random),
                     .last_n = random.bits(),
                     .state = state(random)};
    case 1: return Error{.code = code(random), .text = random.text(free_text_bytes_max)};
    case 2: return Joined{.request = u32(random), .position = random.position()};
    case 3: return Refused{.request = u32(random), .code = code(random), .text = random.text(free_text_bytes_max)};
    case 4: return outcome(random);
    case 5: return deliver(random);
    case 6: return group_view(random);
    case 7: return Mark{.up_to = random.position(), .level = random.level(Level::durable), .view = random.bits(), .member_lost_before = random.coin()};
    case 8: return State{.state = state(random), .reason = random.text(100), .view_epoch = random.bits(), .view_number = random.bits()};
    case 9: return resync(random);
    case 10: return Gap{.from = random.position(), .to = random.position(), .reason = random.text(100)};
    case 11: return Removed{.group = random.group(), .code = code(random), .text = random.text(100)};
    case 12: return QueryAnswer{.request = u32(random), .json = random.text(60000)};
    case 13: return credit(random);
    case 14: return Ping{random.bits()};
    case 15: return GoodbyeReply{};
  }
  std::abort();
}

}  // namespace vsync::wire::test
