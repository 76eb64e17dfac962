#include <fcntl.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "daemon/start_error.hpp"
#include "live_daemon.hpp"

namespace vsync::daemon {
namespace {

using ::testing::HasSubstr;
using wire::ErrorCode;

struct LocalSessionsTest : LiveDaemon {
  void SetUp() override { start(); }
};

TEST_F(LocalSessionsTest, TheSocketHasItsMode) {
  struct stat status {};
  ASSERT_EQ(stat(configuration_.socket.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
}

TEST_F(LocalSessionsTest, ASecondDaemonCanNotStealTheSocket) {
  Configuration second = configuration_;
  second.state_dir = directory_ / "state2";
  try {
    (void)run_daemon(second);
    FAIL();
  } catch (const StartError& error) {
    EXPECT_EQ(error.status(), ExitStatus::in_use);
  }
  EXPECT_THAT(ask(), HasSubstr("\"state\":\"primary\"")) << "the first one works on";
}

TEST_F(LocalSessionsTest, APublisherReadsItsOwnMessagesInOrderAndLearnsTheOutcome) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  const auto joined = client.join("news.world");
  ASSERT_TRUE(joined);
  const auto view = client.expect<wire::GroupView>();
  ASSERT_TRUE(view);
  EXPECT_EQ(view->members.size(), 1u);
  client.send(wire::Publish{1, 3, protocol::Level::agreed, false, 1}, body_of("news.world", 3));
  const auto delivered = client.expect<wire::Deliver>();
  ASSERT_TRUE(delivered);
  EXPECT_EQ(delivered->count, 3u);
  EXPECT_GT(delivered->first.seq, joined->position.seq);
  EXPECT_FALSE(delivered->filter);
  const auto outcome = client.expect<wire::OutcomeRun>();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, wire::OutcomeRun::Kind::ok);
  EXPECT_EQ(outcome->first_n, 1u);
  EXPECT_EQ(outcome->count, 3u);
  EXPECT_EQ(outcome->position, delivered->first);
}

TEST_F(LocalSessionsTest, MessagesGoToWhoWantsThemAndMixedBatchesAreMarkedForFiltering) {
  Client exact = connect(), pattern = connect(), other = connect(), publisher = connect();
  for (auto [client, id] : {std::pair{&exact, 1}, {&pattern, 2}, {&other, 3}, {&publisher, 4}}) ASSERT_TRUE(client->open(id));
  ASSERT_TRUE(exact.join("eq.A"));
  ASSERT_TRUE(pattern.join("eq.>"));
  ASSERT_TRUE(other.join("fx.A"));
  std::vector<std::byte> body = body_of("eq.A", 1);
  const std::vector<std::byte> rest = body_of("eq.B", 1);
  body.insert(body.end(), rest.begin(), rest.end());
  publisher.send(wire::Publish{1, 2, protocol::Level::agreed, false, 2}, body);
  const auto filtered = exact.expect<wire::Deliver>();
  const auto whole = pattern.expect<wire::Deliver>();
  ASSERT_TRUE(filtered && whole);
  EXPECT_TRUE(filtered->filter);
  EXPECT_FALSE(whole->filter);
  EXPECT_FALSE(other.expect<wire::Deliver>(200ms));
}

TEST_F(LocalSessionsTest, ALeaveIsTheLastViewOfItsMember) {
  Client client = connect(), stays = connect();
  ASSERT_TRUE(client.open(1));
  ASSERT_TRUE(stays.open(2));
  ASSERT_TRUE(client.join("g"));
  ASSERT_TRUE(stays.join("g"));
  client.send(wire::Leave{2, "g"});
  std::optional<wire::GroupView> view;
  do { view = client.expect<wire::GroupView>(); } while (view && view->left.empty());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->left[0].reason, protocol::LeaveReason::left);
  stays.send(wire::Publish{1, 1, protocol::Level::agreed, false, 1}, body_of("g", 1));
  ASSERT_TRUE(stays.expect<wire::Deliver>());
  EXPECT_FALSE(client.expect<wire::Deliver>(100ms));
  client.send(wire::Leave{3, "g"});
  const auto refused = client.expect<wire::Refused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::not_member);
}

TEST_F(LocalSessionsTest, WhoKnowsTheViewBeforeIsToldWhatChanges) {
  Client first = connect(), old = connect(), second = connect();
  wire::Open opening = first.opening(1);
  opening.takes_changes = true;
  first.send(opening);
  ASSERT_TRUE(first.expect<wire::Welcome>());
  ASSERT_TRUE(old.open(2));
  ASSERT_TRUE(second.open(3));
  ASSERT_TRUE(first.join("g"));
  const auto own = first.expect<wire::GroupView>();
  ASSERT_TRUE(own);
  EXPECT_FALSE(own->change);
  EXPECT_EQ(own->members.size(), 1u);
  ASSERT_TRUE(old.join("g"));
  const auto change = first.expect<wire::GroupView>();
  ASSERT_TRUE(change);
  EXPECT_TRUE(change->change);
  EXPECT_TRUE(change->members.empty());
  EXPECT_EQ(change->joined.size(), 1u);
  EXPECT_EQ(change->number, own->number + 1);
  ASSERT_TRUE(old.expect<wire::GroupView>());
  ASSERT_TRUE(second.join("g"));
  const auto whole = old.expect<wire::GroupView>();  // it didn't say that it knows changes
  ASSERT_TRUE(whole);
  EXPECT_FALSE(whole->change);
  EXPECT_EQ(whole->members.size(), 3u);
}

TEST_F(LocalSessionsTest, WhoJoinsAgainIsToldAWholeView) {
  Client client = connect(), stays = connect();
  wire::Open opening = client.opening(1);
  opening.takes_changes = true;
  client.send(opening);
  ASSERT_TRUE(client.expect<wire::Welcome>());
  ASSERT_TRUE(stays.open(2));
  ASSERT_TRUE(stays.join("g"));
  ASSERT_TRUE(client.join("g"));
  ASSERT_TRUE(client.expect<wire::GroupView>());
  client.send(wire::Leave{2, "g"});
  client.send(wire::Join{3, "g"});
  const auto own_end = client.expect<wire::GroupView>();
  ASSERT_TRUE(own_end);
  EXPECT_TRUE(own_end->change);
  EXPECT_EQ(own_end->left.size(), 1u);
  const auto again = client.expect<wire::GroupView>();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->change);
  EXPECT_EQ(again->members.size(), 2u);
}

TEST_F(LocalSessionsTest, ALeaveAndANewJoinMayFollowEachOtherAtOnce) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  ASSERT_TRUE(client.join("g"));
  client.send(wire::Leave{2, "g"});
  client.send(wire::Join{3, "g", wire::DeliverOn::order});
  const auto joined = client.expect<wire::Joined>();
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->request, 3u);
  client.send(wire::Publish{1, 1, protocol::Level::agreed, false, 1}, body_of("g", 1));
  EXPECT_TRUE(client.expect<wire::Deliver>());
}

TEST_F(LocalSessionsTest, JoinsAreRefusedWithAReason) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  ASSERT_TRUE(client.join("g"));
  client.send(wire::Join{5, "g", wire::DeliverOn::order});
  EXPECT_EQ(client.expect<wire::Refused>()->code, ErrorCode::already_member);
  client.send(wire::Query{6, wire::Query::What::members, "nobody.here"});
  EXPECT_EQ(client.expect<wire::Refused>()->code, ErrorCode::no_such_group);
}

TEST_F(LocalSessionsTest, AStreamThatWaitsForConfirmationComesBehindIt) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  ASSERT_TRUE(client.join("g", wire::DeliverOn::safe));
  client.send(wire::Publish{1, 5, protocol::Level::safe, false, 1}, body_of("g", 5));
  EXPECT_TRUE(client.expect<wire::Deliver>());
}

// Safe and durable are no ladder: a stream that waits for both comes behind both, whatever its messages asked for.
TEST_F(LocalSessionsTest, AStreamMayWaitForSafeAndDurableAtOnce) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  ASSERT_TRUE(client.join("g", wire::DeliverOn::safe));
  client.send(wire::Join{2, "h", wire::DeliverOn::durable});
  ASSERT_TRUE(client.expect<wire::Joined>());
  std::uint64_t n = 0;
  for (const auto level : {protocol::Level::agreed, protocol::Level::uniform, protocol::Level::safe, protocol::Level::durable}) {
    client.send(wire::Publish{++n, 1, level, false, 1}, body_of("g", 1));
    const auto deliver = client.expect<wire::Deliver>();
    ASSERT_TRUE(deliver) << static_cast<int>(level);
    EXPECT_EQ(deliver->level, level);
  }
}

TEST_F(LocalSessionsTest, FifoMessagesWaitForNoConfirmationButNotInFrontOfWhatWaits) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  ASSERT_TRUE(client.join("g", wire::DeliverOn::safe));
  client.send(wire::Publish{1, 1, protocol::Level::fifo, false, 1}, body_of("g", 1));
  client.send(wire::Publish{2, 1, protocol::Level::durable, false, 1}, body_of("g", 1));
  client.send(wire::Publish{3, 2, protocol::Level::fifo, false, 1}, body_of("g", 2));
  for (const auto& [level, count] : {std::pair{protocol::Level::fifo, 1u}, {protocol::Level::durable, 1u}, {protocol::Level::fifo, 2u}}) {
    const auto deliver = client.expect<wire::Deliver>();
    ASSERT_TRUE(deliver);
    EXPECT_EQ(deliver->level, level);
    EXPECT_EQ(deliver->count, count);
  }
  EXPECT_FALSE(client.expect<wire::Deliver>(100ms)) << "their places in the order are nobody's business";
}

TEST_F(LocalSessionsTest, DurableMessagesAreMarkedDurableAndOthersAreNot) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  ASSERT_TRUE(client.join("g"));
  const auto marks_up_to_safe = [&](protocol::Position position) {
    std::set<protocol::Level> levels;
    while (!levels.contains(protocol::Level::safe)) {
      const auto mark = client.expect<wire::Mark>();
      if (!mark) break;
      if (mark->up_to >= position) levels.insert(mark->level);
    }
    return levels;
  };
  client.send(wire::Publish{1, 3, protocol::Level::agreed, false, 1}, body_of("g", 3));
  auto deliver = client.expect<wire::Deliver>();
  ASSERT_TRUE(deliver);
  EXPECT_FALSE(marks_up_to_safe(deliver->first).contains(protocol::Level::durable));

  client.send(wire::Publish{4, 1, protocol::Level::durable, false, 1}, body_of("g", 1));
  deliver = client.expect<wire::Deliver>();
  ASSERT_TRUE(deliver);
  std::optional<wire::Mark> mark;
  do { mark = client.expect<wire::Mark>(); } while (mark && mark->level != protocol::Level::durable);
  ASSERT_TRUE(mark);
  EXPECT_GE(mark->up_to, deliver->first);
}

TEST_F(LocalSessionsTest, GoodbyeIsAnsweredWhenEveryOutcomeIsTold) {
  Client client = connect();
  ASSERT_TRUE(client.open(1));
  ASSERT_TRUE(client.join("g"));
  client.send(wire::Publish{1, 10, protocol::Level::agreed, false, 1}, body_of("g", 10));
  client.send(wire::GoodbyeRequest{});
  bool outcome = false;
  while (auto message = client.receive()) {
    if (std::holds_alternative<wire::OutcomeRun>(*message)) outcome = true;
    if (std::holds_alternative<wire::GoodbyeReply>(*message)) break;
  }
  EXPECT_TRUE(outcome);
  EXPECT_THAT(ask(wire::Query::What::groups), HasSubstr("\"groups\":[]"));
}

TEST_F(LocalSessionsTest, ASessionReopenedOnAnotherConnectionGoesOn) {
  Client first = connect();
  ASSERT_TRUE(first.open(1));
  ASSERT_TRUE(first.join("g"));
  first.send(wire::Publish{1, 4, protocol::Level::agreed, false, 1}, body_of("g", 4));
  ASSERT_TRUE(first.expect<wire::OutcomeRun>());

  Client second = connect();
  wire::Open opening = second.opening(1);
  opening.last_n = 4;
  second.send(opening);
  const auto welcome = second.expect<wire::Welcome>();
  ASSERT_TRUE(welcome);
  EXPECT_EQ(welcome->last_n, 4u);
  const auto moved = first.expect<wire::Error>();
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->code, ErrorCode::session_moved);
  ASSERT_TRUE(second.join("g")) << "it is a member still, and is told so";
  // A retry of what was delivered, and something new behind it.
  second.send(wire::Publish{4, 2, protocol::Level::agreed, false, 1}, body_of("g", 2));
  const auto delivered = second.expect<wire::Deliver>();
  ASSERT_TRUE(delivered);
  EXPECT_EQ(delivered->skip, 1u) << "the retry is delivered to nobody again";
}

TEST_F(LocalSessionsTest, ASessionThatPublishedAndEndedIsNotBegunAnew) {
  Client first = connect();
  ASSERT_TRUE(first.open(1));
  first.send(wire::Publish{1, 1, protocol::Level::agreed, false, 1}, body_of("g", 1));
  ASSERT_TRUE(first.expect<wire::OutcomeRun>());
  first.send(wire::GoodbyeRequest{});
  ASSERT_TRUE(first.expect<wire::GoodbyeReply>());

  Client second = connect();
  wire::Open opening = second.opening(1);
  opening.last_n = 1;
  second.send(opening);
  const auto error = second.expect<wire::Error>();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::session_expired);
}

TEST_F(LocalSessionsTest, ASessionThatNeverPublishedMayBeginAnew) {
  Client first = connect();
  ASSERT_TRUE(first.open(1));
  first.send(wire::GoodbyeRequest{});
  ASSERT_TRUE(first.expect<wire::GoodbyeReply>());
  Client second = connect();
  EXPECT_TRUE(second.open(1));
}

// An application in a process of its own, which answered its ping: from there on its death counts at once. It is this program started anew:
// beside the threads of a daemon, a fork alone may own locks that nobody gives back.
constexpr const char* victim_socket = "VSYNC_TEST_VICTIM_SOCKET";
constexpr const char* victim_id = "VSYNC_TEST_VICTIM_ID";

[[maybe_unused]] const bool lives_as_a_victim = [] {
  const char* path = std::getenv(victim_socket);
  if (path == nullptr) return false;
  zmq::context_t context;
  Client client(context, path);
  if (client.open(std::stoull(std::getenv(victim_id)))) (void)client.join("g");
  (void)client.receive(100ms);
  (void)!write(STDOUT_FILENO, "x", 1);
  pause();
  _exit(0);
}();

class Victim {
 public:
  Victim(const std::string& path, std::uint64_t id) {
    int joined[2];
    EXPECT_EQ(pipe2(joined, O_CLOEXEC), 0);
    const std::string socket = std::string(victim_socket) + "=" + path;
    const std::string number = std::string(victim_id) + "=" + std::to_string(id);
    std::vector<char*> variables;
    for (char** each = environ; *each != nullptr; ++each) variables.push_back(*each);
    for (const std::string* each : {&socket, &number}) variables.push_back(const_cast<char*>(each->c_str()));
    variables.push_back(nullptr);
    char name[] = "victim";
    char* arguments[] = {name, nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, joined[1], STDOUT_FILENO);
    EXPECT_EQ(posix_spawn(&pid_, "/proc/self/exe", &files, nullptr, arguments, variables.data()), 0);
    posix_spawn_file_actions_destroy(&files);
    close(joined[1]);
    char byte = 0;
    EXPECT_EQ(read(joined[0], &byte, 1), 1);
    close(joined[0]);
  }
  ~Victim() {
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  void die() const {
    if (pid_ > 0) kill(pid_, SIGKILL);
  }

 private:
  pid_t pid_ = 0;
};

TEST_F(LocalSessionsTest, AKilledApplicationLeavesItsGroupsAtOnce) {
  Client watcher = connect();
  ASSERT_TRUE(watcher.open(1));
  ASSERT_TRUE(watcher.join("g"));
  auto best = std::chrono::steady_clock::duration::max();
  for (std::uint64_t id = 2; id < 7 && best >= 50ms; ++id) {  // a busy machine may spoil one of them
    const Victim victim(configuration_.socket, id);
    std::optional<wire::GroupView> view;
    do { view = watcher.expect<wire::GroupView>(); } while (view && view->members.size() < 2);
    ASSERT_TRUE(view);
    const auto killed = std::chrono::steady_clock::now();
    victim.die();
    view = watcher.expect<wire::GroupView>();
    best = std::min(best, std::chrono::steady_clock::now() - killed);
    ASSERT_TRUE(view);
    ASSERT_EQ(view->left.size(), 1u);
    EXPECT_EQ(view->left[0].reason, protocol::LeaveReason::crashed);
  }
  EXPECT_LT(best, 50ms);
}

TEST_F(LocalSessionsTest, AClosedConnectionEndsItsSessionAfterAGrace) {
  Client watcher = connect();
  ASSERT_TRUE(watcher.open(1));
  ASSERT_TRUE(watcher.join("g"));
  {
    Client gone = connect();
    ASSERT_TRUE(gone.open(2));
    ASSERT_TRUE(gone.join("g"));
  }
  std::optional<wire::GroupView> view;
  do { view = watcher.expect<wire::GroupView>(10s); } while (view && view->left.empty());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->left[0].reason, protocol::LeaveReason::crashed);
}

struct TightLimitsTest : LiveDaemon {
  void SetUp() override {
    configuration_.sessions.sessions_max = 3;
    configuration_.sessions.groups_per_session_max = 2;
    configuration_.sessions.queue_bytes_max = 1 << 20;
    configuration_.sessions.window_bytes = 1 << 16;
    start();
  }
};

TEST_F(TightLimitsTest, TooManySessionsAndGroupsAreRefused) {
  Client a = connect(), b = connect(), c = connect();
  ASSERT_TRUE(a.open(1));
  ASSERT_TRUE(b.open(2));
  c.send(c.opening(3));
  const auto error = c.expect<wire::Error>();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::too_many_sessions);
  ASSERT_TRUE(a.join("g1"));
  ASSERT_TRUE(a.join("g2"));
  a.send(wire::Join{4, "g3", wire::DeliverOn::order});
  const auto refused = a.expect<wire::Refused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::too_many_groups);
}

struct QuietTest : LiveDaemon {
  void SetUp() override {
    configuration_.sessions.queue_bytes_max = 1 << 20;
    configuration_.sessions.window_bytes = 1 << 16;
    configuration_.sessions.ping_every = 60s;
    start();
  }
};

// Nothing but the daemon's own timers says when: a due one must not be missed before the loop blocks.
TEST_F(QuietTest, PublishersGoOnWhenAReaderIsNotWaitedForAnyMore) {
  Client slow = connect(), publisher = connect();
  ASSERT_TRUE(slow.open(1));
  ASSERT_TRUE(slow.join("g"));
  ASSERT_TRUE(publisher.open(2));
  const std::string data(60'000, 'x');
  for (std::uint64_t n = 1; n <= 8; ++n) publisher.send(wire::Publish{n, 1, protocol::Level::agreed, false, 1}, body_of("g", 1, data));
  for (std::uint64_t done = 0; done < 8;) {
    const auto outcome = publisher.expect<wire::OutcomeRun>();
    ASSERT_TRUE(outcome) << done;
    done += outcome->count;
  }
}

TEST_F(TightLimitsTest, ASubscriberThatReadsNothingIsRemovedToldAndCounted) {
  Client slow = connect(), publisher = connect();
  ASSERT_TRUE(slow.open(1));
  ASSERT_TRUE(slow.join("g"));
  ASSERT_TRUE(publisher.open(2));
  std::uint64_t n = 1;
  const std::string data(60'000, 'x');
  std::optional<wire::ToClient> message;
  bool sent_all = false;
  for (int i = 0; i < 60; ++i, ++n) {
    publisher.send(wire::Publish{n, 1, protocol::Level::agreed, false, 1}, body_of("g", 1, data));
    while (auto outcome = publisher.expect<wire::OutcomeRun>()) {
      sent_all = outcome->first_n + outcome->count > n;
      if (sent_all) break;
    }
  }
  EXPECT_TRUE(sent_all) << "the publisher meets nothing of it";
  EXPECT_EQ(counter("sessions_too_slow"), 1u);
  const auto error = slow.expect<wire::Error>();
  ASSERT_TRUE(error) << "told as soon as it reads";
  EXPECT_EQ(error->code, ErrorCode::too_slow);
}

}  // namespace
}  // namespace vsync::daemon
