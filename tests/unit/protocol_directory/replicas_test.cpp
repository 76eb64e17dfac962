// Replicas that apply the same records stay equal, also one that goes through snapshots; and their events tell all there is.

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "directories.hpp"

namespace vsync::protocol {
namespace {

using test::lines;
using test::node;
using test::position;
using test::session_id;

using Random = std::mt19937_64;

struct Step {
  DirectoryOp op;
  NodeId publisher;
  std::vector<NodeId> left;   // not empty: a view change in place of `op`
  std::uint64_t first_n = 0;  // not 0: a chunk of messages in place of `op`
  std::uint32_t count = 0;
  SessionId session;
};

std::string some_letter(Random& random, std::size_t of) { return std::string(1, static_cast<char>('a' + random() % of)); }
NodeId some_node(Random& random) {
  const std::string name = some_letter(random, 4);
  return node(name, 1 + random() % 2);
}
std::string some_group(Random& random) { return some_letter(random, 6); }

Step some_step(Random& random) {
  Step step;
  step.session = session_id(1 + random() % 8);
  step.publisher = some_node(random);
  switch (random() % 12) {
    case 0:
    case 1: step.op = OpenSession{step.session, step.publisher, "app", random() % 2 == 0}; break;
    case 2: step.op = CloseSession{step.session, static_cast<LeaveReason>(random() % 5)}; break;
    case 3:
    case 4:
    case 5:
    case 6: step.op = JoinGroup{step.session, some_group(random)}; break;
    case 7:
    case 8: step.op = LeaveGroup{step.session, some_group(random), LeaveReason::left}; break;
    case 9: step.left = {some_node(random), some_node(random)}; break;
    default:
      step.first_n = 1 + random() % 40;
      step.count = static_cast<std::uint32_t>(1 + random() % 5);
  }
  return step;
}

std::vector<std::string> apply(Directory& directory, const Step& step, std::uint64_t seq) {
  std::vector<Event> events;
  if (!step.left.empty()) {
    directory.nodes_left(step.left, position(seq), events);
  } else if (step.first_n != 0) {
    const Admission admission = directory.admit(step.session, Lane{}, step.first_n, step.count, position(seq));
    std::ostringstream text;
    text << admission.skip << (admission.known ? " known" : " unknown");
    if (admission.first_position_of_duplicate) text << " at " << admission.first_position_of_duplicate->seq.value;
    return {text.str()};
  } else {
    directory.apply(step.op, step.publisher, position(seq), events);
  }
  return lines(events);
}

TEST(Replicas, ARestoredOneTellsAndHoldsTheSame) {
  Config config;
  config.session_window = 5;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    Directory steady(config);
    Directory restored(config);
    for (std::uint64_t seq = 1; seq <= 300; ++seq) {
      const Step step = some_step(random);
      ASSERT_EQ(apply(steady, step, 10 * seq), apply(restored, step, 10 * seq)) << "seed " << seed << " step " << seq;
      if (random() % 20 == 0) restored = Directory::from(restored.snapshot(), config);
      ASSERT_EQ(steady.digest(), restored.digest()) << "seed " << seed << " step " << seq;
    }
    ASSERT_EQ(steady.snapshot(), restored.snapshot()) << "seed " << seed;
  }
}

bool only_refuses(const std::vector<Event>& events) {
  return std::ranges::all_of(events, [](const Event& event) {
    const auto* session = std::get_if<SessionChanged>(&event);
    return session != nullptr && session->refused;
  });
}

TEST(Replicas, ARepeatedRecordChangesNothing) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    Directory once{Config{}};
    Directory twice{Config{}};
    for (std::uint64_t seq = 1; seq <= 100; ++seq) {
      Step step = some_step(random);
      step.first_n = 0;
      apply(once, step, seq);
      apply(twice, step, seq);
      std::vector<Event> events;
      if (!step.left.empty()) twice.nodes_left(step.left, position(seq), events);
      else twice.apply(step.op, step.publisher, position(seq), events);
      EXPECT_TRUE(only_refuses(events)) << "seed " << seed << " step " << seq;
      ASSERT_EQ(once.digest(), twice.digest());
    }
  }
}

// What group views told, put together by somebody who reads the events only, is what the directory holds; numbers of one
// name grow, by one while the group lasts; nobody joins twice or leaves without having joined.
TEST(Replicas, TheEventsAloneTellTheMembership) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    Directory directory{Config{}};
    std::map<std::string, std::vector<SessionId>> members;
    std::map<std::string, std::uint64_t> numbers;
    std::set<SessionId> open;
    for (std::uint64_t seq = 1; seq <= 300; ++seq) {
      Step step = some_step(random);
      std::vector<Event> events;
      if (!step.left.empty()) directory.nodes_left(step.left, position(seq), events);
      else directory.apply(step.op, step.publisher, position(seq), events);
      for (const Event& event : events) {
        if (const auto* session = std::get_if<SessionChanged>(&event)) {
          if (session->refused) continue;
          if (session->open) ASSERT_EQ(session->resumed, !open.insert(session->session).second);
          else ASSERT_EQ(open.erase(session->session), 1u);
          continue;
        }
        const auto& change = std::get<GroupViewChanged>(event);
        ASSERT_EQ(change.position, position(seq));
        std::vector<SessionId>& now = members[change.group];
        if (now.empty()) ASSERT_GT(change.number, numbers[change.group]);
        else ASSERT_EQ(change.number, numbers[change.group] + 1);
        numbers[change.group] = change.number;
        for (const Departure& departure : change.left) ASSERT_EQ(std::erase(now, departure.member.session), 1u);
        for (const GroupMember& joined : change.joined) {
          ASSERT_EQ(std::ranges::count(now, joined.session), 0);
          now.push_back(joined.session);
        }
        ASSERT_GT(change.left.size() + change.joined.size(), 0u);
        std::vector<SessionId> told;
        for (const GroupMember& member : change.members) told.push_back(member.session);
        ASSERT_EQ(told, now);
      }
    }
    std::erase_if(members, [](const auto& entry) { return entry.second.empty(); });
    const DirectoryState state = directory.snapshot();
    ASSERT_EQ(state.groups.size(), members.size());
    for (const GroupState& group : state.groups) ASSERT_EQ(group.members, members[group.group]);
    ASSERT_EQ(state.sessions.size(), open.size());
  }
}

}  // namespace
}  // namespace vsync::protocol
