#include "protocol/directory.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "directories.hpp"

namespace vsync::protocol {
namespace {

using test::node;
using test::position;
using test::Replica;
using test::session_id;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Directory, IsEmptyAtFirst) {
  const Replica replica;
  EXPECT_EQ(replica.directory.group_count(), 0u);
  EXPECT_EQ(replica.directory.session_count(), 0u);
  EXPECT_EQ(replica.directory.find("x"), nullptr);
  EXPECT_EQ(replica.directory.session(session_id(1)), nullptr);
  EXPECT_EQ(replica.directory.snapshot(), DirectoryState{});
}

// ---------------------------------------------------------------- sessions

TEST(Directory, ASessionOpensAtItsHome) {
  Replica replica;
  EXPECT_THAT(replica.open(1, "a"), ElementsAre("1 opened at a"));
  const Session* session = replica.directory.session(session_id(1));
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->node, node("a"));
  EXPECT_EQ(session->application, "app1");
  EXPECT_TRUE(replica.directory.delivered().knows(session_id(1)));
  EXPECT_THAT(replica.directory.sessions_of(node("a")), ElementsAre(session_id(1)));
}

TEST(Directory, OpeningAnOpenSessionAtItsHomeChangesNothing) {
  Replica replica;
  replica.open(1, "a");
  const DirectoryState before = replica.directory.snapshot();
  EXPECT_THAT(replica.apply(OpenSession{session_id(1), node("a"), "other name"}), IsEmpty());
  EXPECT_EQ(replica.directory.snapshot(), before);
}

TEST(Directory, AnOpenWithoutSessionOrHomeChangesNothing) {
  Replica replica;
  const NodeId nowhere;
  EXPECT_THAT(replica.apply(OpenSession{SessionId{}, node("a"), "app"}), IsEmpty());
  EXPECT_THAT(replica.apply(OpenSession{session_id(1), nowhere, "app"}), IsEmpty());
  EXPECT_EQ(replica.directory.session_count(), 0u);
}

TEST(Directory, OpeningASessionElsewhereMovesItAndKeepsItsGroups) {
  Replica replica;
  replica.open(1, "a");
  replica.join(1, "x");
  EXPECT_THAT(replica.open(1, "b"), ElementsAre("1 moved to b"));
  EXPECT_EQ(replica.directory.session(session_id(1))->node, node("b"));
  EXPECT_THAT(replica.directory.members("x"), ElementsAre(GroupMember{session_id(1), node("b"), "app1"}));
  EXPECT_THAT(replica.directory.sessions_of(node("a")), IsEmpty());
}

TEST(Directory, ARestartedDaemonIsAnotherHome) {
  Replica replica;
  replica.open(1, "a");
  EXPECT_THAT(replica.apply(OpenSession{session_id(1), node("a", 2), "app1"}), ElementsAre("1 moved to a"));
}

TEST(Directory, ASessionThatEndsLeavesItsGroupsInTheOrderOfNames) {
  Replica replica;
  replica.open(1);
  replica.open(2);
  for (const char* group : {"z", "b", "m"}) replica.join(1, group);
  replica.join(2, "m");
  EXPECT_THAT(replica.close(1, "a", LeaveReason::crashed),
              ElementsAre("b #3 at 7: -app1@a1(crashed)",
                          "m #5 at 7: app2@a1 -app1@a1(crashed)",
                          "z #2 at 7: -app1@a1(crashed)",
                          "1 ended: crashed"));
  EXPECT_EQ(replica.directory.session(session_id(1)), nullptr);
  EXPECT_EQ(replica.directory.group_count(), 1u);
}

TEST(Directory, ASessionThatEndedIsForgotten) {
  Replica replica;
  replica.open(1);
  replica.directory.admit(session_id(1), Lane{}, 1, 5, position(10));
  replica.close(1);
  EXPECT_FALSE(replica.directory.admit(session_id(1), Lane{}, 6, 1, position(20)).known);
  EXPECT_EQ(replica.directory.snapshot().sessions.size(), 0u);
}

TEST(Directory, ASessionThatNeverPublishedMayBeOpenedAgainAfterItsEnd) {
  Replica replica;
  replica.open(1);
  replica.close(1);
  EXPECT_THAT(replica.open(1), ElementsAre("1 opened at a"));
}

// A former home's record may be ordered late. Were the session opened anew, its retries would be delivered again.
TEST(Directory, ASessionThatEndedIsNotResumed) {
  Replica replica;
  replica.open(1, "a");
  replica.deliver(1);
  replica.close(1);
  const DirectoryState ended = replica.directory.snapshot();
  EXPECT_THAT(replica.resume(1, "b"), ElementsAre("1 can't be resumed at b"));
  EXPECT_EQ(replica.directory.snapshot(), ended);
  EXPECT_FALSE(replica.directory.admit(session_id(1), Lane{}, 1, 1, position(20)).known);
  EXPECT_THAT(replica.resume(1, "c"), ElementsAre("1 can't be resumed at c")) << "nor does the next home take it for a living one";
}

TEST(Directory, ASessionThatWasNeverKnownIsNotResumed) {
  Replica replica;
  EXPECT_THAT(replica.resume(1, "a"), ElementsAre("1 can't be resumed at a"));
  EXPECT_EQ(replica.directory.session_count(), 0u);
}

TEST(Directory, AResumedSessionMovesWithWhatWasDelivered) {
  Replica replica;
  replica.open(1, "a");
  replica.deliver(1, 1, 5);
  EXPECT_THAT(replica.resume(1, "b"), ElementsAre("1 moved to b"));
  EXPECT_EQ(replica.directory.admit(session_id(1), Lane{}, 4, 3, position(20)).skip, 2u);
}

// It went to another daemon before it was answered, and published there: the record that it left behind is older than that.
TEST(Directory, ALateFirstRecordNeitherMovesNorRevivesASessionThatPublished) {
  Replica replica;
  replica.open(1, "b");
  replica.deliver(1);
  EXPECT_THAT(replica.open(1, "a"), ElementsAre("1 can't be opened at a"));
  EXPECT_EQ(replica.directory.session(session_id(1))->node, node("b"));
  replica.close(1, "b");
  EXPECT_THAT(replica.open(1, "a"), ElementsAre("1 can't be opened at a"));
  EXPECT_EQ(replica.directory.session(session_id(1)), nullptr);
}

TEST(Directory, OfTheSessionsThatPublishedAndEndedTheLatestAreRemembered) {
  Replica replica;
  for (std::uint64_t n = 1; n <= EndedSessions::kept + 1; ++n) {
    replica.open(n);
    replica.deliver(n);
    replica.close(n);
  }
  EXPECT_EQ(replica.directory.snapshot().ended.size(), EndedSessions::kept);
  EXPECT_THAT(replica.open(2), ElementsAre("2 can't be opened at a"));
  EXPECT_THAT(replica.open(1), ElementsAre("1 opened at a"));
}

TEST(Directory, AFormerHomeCannotEndASessionThatMoved) {
  Replica replica;
  replica.open(1, "a");
  replica.join(1, "x");
  replica.open(1, "b");
  EXPECT_THAT(replica.close(1, "a", LeaveReason::crashed), IsEmpty());
  EXPECT_TRUE(replica.directory.is_member(session_id(1), "x"));
  EXPECT_THAT(replica.close(1, "b", LeaveReason::crashed), ElementsAre("x #2 at 5: -app1@b1(crashed)", "1 ended: crashed"));
}

TEST(Directory, AnyDaemonMayRemoveASession) {
  Replica replica;
  replica.open(1, "a");
  EXPECT_THAT(replica.close(1, "b", LeaveReason::removed), ElementsAre("1 ended: removed"));
}

TEST(Directory, ClosingAnUnknownSessionChangesNothing) {
  Replica replica;
  EXPECT_THAT(replica.close(1), IsEmpty());
  EXPECT_EQ(replica.directory.snapshot(), DirectoryState{});
}

// ---------------------------------------------------------------- groups

TEST(Directory, JoinsBuildAGroupInOrderOfSeniority) {
  Replica replica;
  replica.open(2, "a");
  replica.open(1, "b");
  EXPECT_THAT(replica.join(2, "x"), ElementsAre("x #1 at 3: app2@a1 +app2@a1"));
  EXPECT_THAT(replica.join(1, "x"), ElementsAre("x #2 at 4: app2@a1 app1@b1 +app1@b1"));
  const Group* group = replica.directory.find("x");
  ASSERT_NE(group, nullptr);
  EXPECT_EQ(group->number, 2u);
  ASSERT_EQ(group->members.size(), 2u);
  EXPECT_EQ(group->members[0]->id, session_id(2));
}

TEST(Directory, ASecondJoinChangesNothing) {
  Replica replica;
  replica.open(1);
  replica.join(1, "x");
  EXPECT_THAT(replica.join(1, "x"), IsEmpty());
  EXPECT_EQ(replica.directory.find("x")->number, 1u);
}

TEST(Directory, AJoinOfAnUnknownSessionMakesNoGroup) {
  Replica replica;
  EXPECT_THAT(replica.join(1, "x"), IsEmpty());
  EXPECT_EQ(replica.directory.group_count(), 0u);
}

TEST(Directory, ALeaverGoesAndSeniorityOfTheOthersStays) {
  Replica replica;
  for (std::uint64_t n : {1, 2, 3}) replica.open(n);
  for (std::uint64_t n : {3, 1, 2}) replica.join(n, "x");
  EXPECT_THAT(replica.leave(1, "x"), ElementsAre("x #4 at 7: app3@a1 app2@a1 -app1@a1(left)"));
}

TEST(Directory, ALeaveByWhoIsNoMemberChangesNothing) {
  Replica replica;
  replica.open(1);
  replica.open(2);
  replica.join(1, "x");
  EXPECT_THAT(replica.leave(2, "x"), IsEmpty());
  EXPECT_THAT(replica.leave(1, "y"), IsEmpty());
  EXPECT_THAT(replica.leave(9, "x"), IsEmpty());
}

TEST(Directory, ALeaveSaysItsReason) {
  Replica replica;
  replica.open(1);
  replica.join(1, "x");
  EXPECT_THAT(replica.apply(LeaveGroup{session_id(1), "x", LeaveReason::removed}),
              ElementsAre("x #2 at 3: -app1@a1(removed)"));
}

TEST(Directory, WhoJoinsAgainIsTheMostJunior) {
  Replica replica;
  replica.open(1);
  replica.open(2);
  replica.join(1, "x");
  replica.join(2, "x");
  replica.leave(1, "x");
  EXPECT_THAT(replica.join(1, "x"), ElementsAre("x #4 at 6: app2@a1 app1@a1 +app1@a1"));
}

TEST(Directory, AGroupWithoutMembersIsGone) {
  Replica replica;
  replica.open(1);
  replica.join(1, "x");
  replica.leave(1, "x");
  EXPECT_EQ(replica.directory.find("x"), nullptr);
  EXPECT_THAT(replica.directory.members("x"), IsEmpty());
  EXPECT_THAT(replica.directory.snapshot().groups, IsEmpty());
}

TEST(Directory, AGroupMadeAgainGoesOnAboveItsLastNumber) {
  Replica replica;
  replica.open(1);
  replica.join(1, "other");
  replica.join(1, "x");
  replica.leave(1, "x");
  EXPECT_THAT(replica.join(1, "x"), ElementsAre("x #4 at 5: app1@a1 +app1@a1"));
  EXPECT_THAT(replica.leave(1, "x"), ElementsAre("x #5 at 6: -app1@a1(left)"));
}

TEST(Directory, NumbersOfOneGroupGrowByOneWhateverHappensInOthers) {
  Replica replica;
  for (std::uint64_t n : {1, 2}) replica.open(n);
  replica.join(1, "x");
  const std::uint64_t first = replica.directory.find("x")->number;
  for (const char* other : {"y", "z"}) replica.join(2, other);
  replica.join(2, "x");
  EXPECT_EQ(replica.directory.find("x")->number, first + 1);
}

TEST(Directory, APatternIsAGroupOfItsOwn) {
  Replica replica;
  replica.open(1);
  replica.join(1, "eq.us.>");
  EXPECT_EQ(replica.directory.find("eq.us.msft"), nullptr);
  EXPECT_NE(replica.directory.find("eq.us.>"), nullptr);
}

TEST(Directory, VisitsGroupsInTheOrderOfNames) {
  Replica replica;
  replica.open(1);
  for (const char* group : {"z", "b", "m"}) replica.join(1, group);
  std::vector<std::string> names;
  replica.directory.for_each_group([&](const std::string& name, const Group& group) {
    names.push_back(name + std::to_string(group.members.size()));
  });
  EXPECT_THAT(names, ElementsAre("b1", "m1", "z1"));
}

// ---------------------------------------------------------------- departures of nodes

TEST(Directory, SessionsOfNodesThatLeftGoInOneChangePerGroup) {
  Replica replica;
  replica.open(1, "a");
  replica.open(2, "b");
  replica.open(3, "c");
  replica.open(4, "b");
  for (std::uint64_t n : {4, 1, 3, 2}) replica.join(n, "y");
  replica.join(3, "x");
  replica.join(1, "untouched");
  EXPECT_THAT(replica.lose({node("b"), node("c")}),
              ElementsAre("x #6 at 11: -app3@c1(node_failed)",
                          "y #5 at 11: app1@a1 -app4@b1(node_failed) -app3@c1(node_failed) -app2@b1(node_failed)"));
  EXPECT_EQ(replica.directory.find("x"), nullptr);
  EXPECT_NE(replica.directory.find("untouched"), nullptr);
}

TEST(Directory, SessionsOfNodesThatLeftAreKeptWithoutAHome) {
  Replica replica;
  replica.open(2, "b");
  replica.open(1, "b");
  replica.open(3, "a");
  replica.directory.admit(session_id(1), Lane{}, 1, 5, position(10));
  replica.lose({node("b")});
  EXPECT_THAT(replica.directory.homeless(), ElementsAre(session_id(1), session_id(2)));
  EXPECT_EQ(replica.directory.session(session_id(1))->node, NodeId{});
  EXPECT_THAT(replica.directory.sessions_of(NodeId{}), IsEmpty());
  EXPECT_EQ(replica.directory.admit(session_id(1), Lane{}, 4, 3, position(20)).skip, 2u);
}

TEST(Directory, AnotherIncarnationOfAHomeDoesNotCount) {
  Replica replica;
  replica.open(1, "a");
  replica.join(1, "x");
  EXPECT_THAT(replica.lose({node("a", 2)}), IsEmpty());
  EXPECT_THAT(replica.directory.homeless(), IsEmpty());
}

TEST(Directory, AHomelessSessionThatOpensElsewhereHasAHomeAgain) {
  Replica replica;
  replica.open(1, "a");
  replica.join(1, "x");
  replica.lose({node("a")});
  EXPECT_THAT(replica.open(1, "b"), ElementsAre("1 moved to b"));
  EXPECT_THAT(replica.directory.homeless(), IsEmpty());
  EXPECT_FALSE(replica.directory.is_member(session_id(1), "x"));
  EXPECT_THAT(replica.join(1, "x"), ElementsAre("x #3 at 5: app1@b1 +app1@b1"));
}

TEST(Directory, AHomelessSessionJoinsNothing) {
  Replica replica;
  replica.open(1, "a");
  replica.lose({node("a")});
  EXPECT_THAT(replica.join(1, "x"), IsEmpty());
  EXPECT_EQ(replica.directory.group_count(), 0u);
}

TEST(Directory, OnlyAHomelessSessionExpires) {
  Replica replica;
  replica.open(1, "a");
  EXPECT_THAT(replica.close(1, "b", LeaveReason::expired), IsEmpty());
  EXPECT_THAT(replica.close(1, "a", LeaveReason::expired), IsEmpty());
  replica.lose({node("a")});
  EXPECT_THAT(replica.close(1, "b", LeaveReason::left), IsEmpty());
  EXPECT_THAT(replica.close(1, "b", LeaveReason::expired), ElementsAre("1 ended: expired"));
}

// ---------------------------------------------------------------- snapshots and digests

TEST(Directory, ASnapshotIsSorted) {
  Replica replica;
  for (std::uint64_t n : {3, 1, 2}) replica.open(n);
  for (const char* group : {"z", "b"}) {
    replica.join(3, group);
    replica.join(1, group);
  }
  const DirectoryState state = replica.directory.snapshot();
  ASSERT_EQ(state.sessions.size(), 3u);
  EXPECT_EQ(state.sessions[0].session, session_id(1));
  EXPECT_EQ(state.sessions[2].session, session_id(3));
  ASSERT_EQ(state.groups.size(), 2u);
  EXPECT_EQ(state.groups[0].group, "b");
  EXPECT_THAT(state.groups[0].members, ElementsAre(session_id(3), session_id(1)));
}

TEST(Directory, AReplicaFromASnapshotIsEqual) {
  Replica replica;
  replica.open(1, "a");
  replica.open(2, "b");
  replica.join(2, "x");
  replica.join(1, "x");
  replica.directory.admit(session_id(1), Lane{}, 1, 5, position(10));
  replica.directory.admit(session_id(1), Lane{3}, 1, 2, position(11));
  replica.lose({node("b")});
  replica.open(3);
  replica.deliver(3);
  replica.close(3);
  const DirectoryState state = replica.directory.snapshot();
  ASSERT_THAT(state.ended, ElementsAre(session_id(3)));
  const Directory copy = Directory::from(state, replica.config);
  EXPECT_EQ(copy.snapshot(), state);
  EXPECT_EQ(copy.digest(), replica.directory.digest());
}

TEST(Directory, ASnapshotRemembersNumbersOfGroupsThatEnded) {
  Replica replica;
  replica.open(1);
  for (int i = 0; i < 3; ++i) {
    replica.join(1, "x");
    replica.leave(1, "x");
  }
  Replica copy(replica.config);
  copy.directory = Directory::from(replica.directory.snapshot(), replica.config);
  copy.seq = replica.seq;
  EXPECT_EQ(copy.join(1, "x"), replica.join(1, "x"));
}

TEST(Directory, WhatNoDirectoryHoldsIsLeftOutOfAReplica) {
  Replica giver;
  giver.open(1, "a");
  giver.open(2, "b");
  giver.lose({node("b")});
  DirectoryState state = giver.directory.snapshot();
  state.groups.push_back({.group = "x", .view_number = 4, .members = {session_id(9), session_id(1), session_id(1), session_id(2)}});
  state.groups.push_back({.group = "y", .view_number = 9, .members = {session_id(9)}});
  const Directory directory = Directory::from(state, Config{});
  EXPECT_THAT(directory.members("x"), ElementsAre(GroupMember{session_id(1), node("a"), "app1"}));
  EXPECT_EQ(directory.find("y"), nullptr);
}

TEST(Directory, TheDigestTellsEveryKindOfChange) {
  Replica replica;
  std::vector<std::uint64_t> digests{replica.directory.digest()};
  const auto changed = [&] {
    const std::uint64_t now = replica.directory.digest();
    const bool is_new = std::find(digests.begin(), digests.end(), now) == digests.end();
    digests.push_back(now);
    return is_new;
  };
  replica.open(1, "a");
  EXPECT_TRUE(changed());
  replica.open(2, "a");
  EXPECT_TRUE(changed());
  replica.join(1, "x");
  EXPECT_TRUE(changed());
  replica.join(2, "x");
  EXPECT_TRUE(changed());
  replica.open(1, "b");
  EXPECT_TRUE(changed());
  replica.directory.admit(session_id(1), Lane{}, 1, 1, position(9));
  EXPECT_TRUE(changed());
  replica.leave(1, "x");
  EXPECT_TRUE(changed());
  replica.lose({node("a")});
  EXPECT_TRUE(changed());
  replica.close(2, "b", LeaveReason::expired);
  EXPECT_TRUE(changed());
  replica.close(1, "b");
  EXPECT_TRUE(changed());
}

TEST(Directory, WhichSessionsEndedIsPartOfTheDigest) {
  Replica one;
  Replica other;
  for (Replica* replica : {&one, &other}) replica->open(1);
  one.deliver(1);
  for (Replica* replica : {&one, &other}) replica->close(1);
  EXPECT_NE(one.directory.digest(), other.directory.digest());
}

TEST(Directory, SeniorityIsPartOfTheDigest) {
  Replica one;
  Replica other;
  for (Replica* replica : {&one, &other}) {
    replica->open(1);
    replica->open(2);
  }
  one.join(1, "x");
  one.join(2, "x");
  other.join(2, "x");
  other.join(1, "x");
  EXPECT_NE(one.directory.digest(), other.directory.digest());
}

TEST(Directory, RunsKeptForRetriesAreNoPartOfTheDigest) {
  Config narrow;
  narrow.session_window = 1;
  Replica one;
  Replica other(narrow);
  for (Replica* replica : {&one, &other}) {
    replica->open(1);
    for (std::uint64_t n = 1; n < 9; ++n) replica->directory.admit(session_id(1), Lane{}, n, 1, position(2 * n));
  }
  EXPECT_EQ(one.directory.digest(), other.directory.digest());
}

TEST(Directory, HoldsAHundredThousandGroups) {
  Replica replica;
  replica.open(1, "a");
  replica.open(2, "b");
  std::vector<Event> events;
  const auto name = [](std::size_t i) { return std::to_string(i).append(".eq.us"); };
  for (std::size_t i = 0; i < 100'000; ++i) {
    replica.directory.apply(JoinGroup{session_id(1), name(i)}, node("a"), position(i + 1), events);
    if (i % 10 == 0) replica.directory.apply(JoinGroup{session_id(2), name(i)}, node("b"), position(i + 1), events);
  }
  EXPECT_EQ(replica.directory.group_count(), 100'000u);
  EXPECT_EQ(events.size(), 110'000u);
  EXPECT_EQ(replica.lose({node("a")}).size(), 100'000u);
  EXPECT_EQ(replica.directory.group_count(), 10'000u);
}

TEST(Directory, WhoHasNoSessionIsInNoGroup) {
  Replica replica;
  EXPECT_FALSE(replica.directory.is_member(session_id(1), "x"));
}

}  // namespace
}  // namespace vsync::protocol
