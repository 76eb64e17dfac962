// The command as a process against a daemon that answers as it is told: what it prints and with which status it ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "exit_status.hpp"
#include "fake_daemon.hpp"

namespace vsync::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using vsync::testing::at;
using vsync::testing::body_of;
using vsync::testing::FakeDaemon;
using vsync::testing::SocketDirectory;

/// `vsync` with its three streams as pipes.
class Command {
 public:
  Command(std::vector<std::string> words, const std::string& endpoint) {
    int in[2];
    int out[2];
    int err[2];
    for (int* pipe : {in, out, err}) {
      if (::pipe2(pipe, O_CLOEXEC) != 0) std::abort();
    }
    words.insert(words.begin(), std::getenv("VSYNC_COMMAND"));
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::dup2(err[1], 2);
      ::setenv("VSYNC_ENDPOINT", endpoint.c_str(), 1);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    for (int fd : {in[0], out[1], err[1]}) ::close(fd);
    in_ = in[1];
    out_ = out[0];
    err_ = err[0];
  }
  ~Command() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    for (int fd : {in_, out_, err_}) {
      if (fd >= 0) ::close(fd);
    }
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  Command& write(std::string_view text) {
    EXPECT_EQ(::write(in_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return *this;
  }
  Command& end_input() {
    ::close(std::exchange(in_, -1));
    return *this;
  }
  void signal(int number) const { ::kill(pid_, number); }
  void close_output() { ::close(std::exchange(out_, -1)); }

  /// Reads standard output until it contains `text`; false after five seconds.
  bool prints(const std::string& text) {
    while (printed_.find(text) == std::string::npos) {
      pollfd item{out_, POLLIN, 0};
      char buffer[4096];
      if (::poll(&item, 1, 5000) != 1) return false;
      const auto got = ::read(out_, buffer, sizeof buffer);
      if (got <= 0) return false;
      printed_.append(buffer, static_cast<std::size_t>(got));
    }
    return true;
  }
  /// Waits for its end; afterwards printed() and complaints() are complete.
  int status() {
    if (in_ >= 0) end_input();
    if (out_ >= 0) read_all(out_, printed_);
    read_all(err_, complaints_);
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] const std::string& printed() const { return printed_; }
  [[nodiscard]] const std::string& complaints() const { return complaints_; }

 private:
  static void read_all(int fd, std::string& to) {
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) to.append(buffer, static_cast<std::size_t>(got));
  }

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string printed_;
  std::string complaints_;
};

struct CommandTest : ::testing::Test {
  SocketDirectory directory;
  FakeDaemon daemon{directory.endpoint(), {}};
  std::unique_ptr<Command> run(std::vector<std::string> words) { return std::make_unique<Command>(std::move(words), directory.endpoint()); }
  void deliver(std::uint64_t seq, const std::string& text) {
    daemon.send(wire::Deliver{.first = at(seq), .count = 1, .publisher_node = "alpha", .publisher_session = {1, 2}}, body_of("a", {text}));
  }
};

TEST_F(CommandTest, PubSendsItsTextAndEndsWell) {
  auto pub = run({"pub", "a", "hello"});
  EXPECT_EQ(pub->status(), success) << pub->complaints();
  EXPECT_EQ(daemon.published(), std::vector<std::string>{"hello"});
  EXPECT_EQ(pub->printed(), "");
}

TEST_F(CommandTest, PubSendsEachLineOfItsInputWhateverItsBytes) {
  const std::string binary("\0\xff\r", 3);
  auto pub = run({"pub", "a"});
  pub->write("one\n\n" + binary + "\nlast without end");
  EXPECT_EQ(pub->status(), success) << pub->complaints();
  EXPECT_EQ(daemon.published(), (std::vector<std::string>{"one", "", binary, "last without end"}));
}

TEST_F(CommandTest, PubKeepsToItsRate) {
  const auto begin = std::chrono::steady_clock::now();
  auto pub = run({"pub", "a", "--rate", "50"});
  pub->write("1\n2\n3\n4\n5\n6\n");
  EXPECT_EQ(pub->status(), success);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(100)) << "the sixth goes after a tenth of a second";
}

TEST_F(CommandTest, PubSaysHowManyDidNotEndOkAndWhy) {
  daemon.change([](auto& behaviour) { behaviour.resolve = false; });
  auto pub = run({"pub", "a"});
  pub->write("1\n2\n3\n").end_input();
  ASSERT_TRUE(daemon.wait_until([&](const auto&) { return true; }));
  while (daemon.published().size() < 3) ASSERT_TRUE(daemon.wait_for<wire::Publish>());
  daemon.send(wire::OutcomeRun{1, 1, wire::OutcomeRun::Kind::ok, at(1)});
  daemon.send(wire::OutcomeRun{2, 2, wire::OutcomeRun::Kind::rejected, {}, wire::ErrorCode::not_primary});
  EXPECT_EQ(pub->status(), refusal);
  EXPECT_THAT(pub->complaints(), HasSubstr("2 of 3 publishes did not end ok: 2 rejected (not_primary)"));
  EXPECT_THAT(pub->complaints(), HasSubstr("`vsync status` says what it waits for"));
}

TEST_F(CommandTest, PubReportsUnknownOutcomesAsLoss) {
  daemon.change([](auto& behaviour) { behaviour.resolve = false; behaviour.acknowledge_goodbye = false; });
  auto pub = run({"pub", "a", "x", "--timeout", "0.05"});
  EXPECT_EQ(pub->status(), loss);
  EXPECT_THAT(pub->complaints(), HasSubstr("1 with unknown outcome"));
}

TEST_F(CommandTest, PubCallsWhatNoMessageCanBePublishedWithMisuse) {
  auto pub = run({"pub", "a.*", "x"});
  EXPECT_EQ(pub->status(), usage);
  EXPECT_THAT(pub->complaints(), HasSubstr("'a.*' is no topic"));
  EXPECT_EQ(run({"pub", "a", "x", "--key", std::string(256, 'k')})->status(), usage);
  auto stream = run({"pub", "a", "--header", "h=" + std::string(1024, 'v')});
  stream->write("one\ntwo\n");
  EXPECT_EQ(stream->status(), usage) << stream->complaints();
  EXPECT_TRUE(daemon.published().empty());
}

TEST_F(CommandTest, PubRefusesALineBeyondTheBoundAndGoesOn) {
  auto pub = run({"pub", "a"});
  const std::string piece(64 << 10, 'x');
  for (int i = 0; i < 40; ++i) pub->write(piece);
  pub->write("\nshort\n");
  EXPECT_EQ(pub->status(), refusal);
  EXPECT_THAT(pub->complaints(), HasSubstr("1 of 2 publishes did not end ok: 1 not published (too_large)"));
  EXPECT_EQ(daemon.published(), std::vector<std::string>{"short"});
}

TEST_F(CommandTest, SubEndsAfterItsCountAndLeaves) {
  auto sub = run({"sub", "a", "--count", "2", "--raw"});
  ASSERT_TRUE(daemon.wait_for<wire::Join>());
  for (std::uint64_t seq = 10; seq < 13; ++seq) deliver(seq, "m" + std::to_string(seq));
  EXPECT_EQ(sub->status(), success) << sub->complaints();
  EXPECT_EQ(sub->printed(), "m10\nm11\n");
  EXPECT_TRUE(daemon.wait_for<wire::GoodbyeRequest>());
}

TEST_F(CommandTest, SubPrintsOneObjectPerLineAndMessagesAtOnce) {
  auto sub = run({"sub", "a", "--json"});
  ASSERT_TRUE(sub->prints("\"event\":\"joined\""));
  deliver(10, "hello");
  EXPECT_TRUE(sub->prints("\"data\":\"hello\""));
  sub->signal(SIGTERM);
  EXPECT_EQ(sub->status(), success);
  EXPECT_TRUE(daemon.wait_for<wire::GoodbyeRequest>());
}

TEST_F(CommandTest, SubLeavesOutViewsOnDemand) {
  auto sub = run({"sub", "a", "--json", "--no-views", "--count", "1"});
  ASSERT_TRUE(daemon.wait_for<wire::Join>());
  daemon.send(wire::GroupView{at(5), "a", 4, {}, {}, {}});
  deliver(10, "hello");
  EXPECT_EQ(sub->status(), success);
  EXPECT_EQ(sub->printed().find("\"view\",\"group\""), std::string::npos);
}

TEST_F(CommandTest, SubAsksForConfirmation) {
  auto sub = run({"sub", "a", "--on-confirm", "safe"});
  ASSERT_TRUE(daemon.wait_for<wire::Join>());
  EXPECT_EQ(daemon.received_of<wire::Join>().front().deliver_on, wire::DeliverOn::safe);
  sub->signal(SIGINT);
  EXPECT_EQ(sub->status(), success);
}

TEST_F(CommandTest, SubTellsThatItWaitedInVain) {
  EXPECT_EQ(run({"sub", "a", "--count", "1", "--wait", "0.05"})->status(), not_enough);
  EXPECT_EQ(run({"sub", "a", "--wait", "0.05"})->status(), success) << "without a count the wait is a way to end";
}

TEST_F(CommandTest, SubReportsAGapAsLoss) {
  auto sub = run({"sub", "a", "--count", "1"});
  ASSERT_TRUE(daemon.wait_for<wire::Join>());
  daemon.send(wire::Gap{at(4), at(5), "gone"});
  deliver(10, "hello");
  EXPECT_EQ(sub->status(), loss);
  EXPECT_THAT(sub->printed(), HasSubstr("gap"));
}

TEST_F(CommandTest, SubReportsAResyncAsLoss) {
  auto sub = run({"sub", "a", "--count", "1", "--raw"});
  ASSERT_TRUE(daemon.wait_for<wire::Join>());
  daemon.send(wire::Resync{at(4), std::nullopt, at(5), at(9)});
  deliver(10, "hello");
  EXPECT_EQ(sub->status(), loss) << "what was ordered meanwhile doesn't come";
  EXPECT_THAT(sub->complaints(), HasSubstr("resync"));
}

TEST_F(CommandTest, SubReportsARefusedJoin) {
  daemon.change([](auto& behaviour) { behaviour.grant_joins = false; });
  auto sub = run({"sub", "a"});
  ASSERT_TRUE(daemon.wait_for<wire::Join>());
  daemon.send(wire::Refused{daemon.received_of<wire::Join>().front().request, wire::ErrorCode::not_allowed, "no"});
  EXPECT_EQ(sub->status(), refusal);
  EXPECT_THAT(sub->complaints(), HasSubstr("not_allowed"));
}

TEST_F(CommandTest, SubEndsWhenNobodyReadsItAnyMore) {
  auto sub = run({"sub", "a", "--raw"});
  ASSERT_TRUE(daemon.wait_for<wire::Join>());
  sub->close_output();
  deliver(10, "hello");
  EXPECT_EQ(sub->status(), not_enough);
  EXPECT_TRUE(daemon.wait_for<wire::GoodbyeRequest>());
}

TEST_F(CommandTest, QuestionsPrintColumnsOrTheDaemonsJson) {
  const std::string json = R"({"groups":[{"group":"desk","members":3}]})";
  daemon.change([&](auto& behaviour) { behaviour.query_answer = json; });
  auto plain = run({"groups"});
  EXPECT_EQ(plain->status(), success);
  EXPECT_EQ(plain->printed(), "group  members\ndesk   3\n");
  auto raw = run({"groups", "--json"});
  EXPECT_EQ(raw->status(), success);
  EXPECT_EQ(raw->printed(), json + "\n");
}

TEST_F(CommandTest, ARefusedQuestionIsARefusal) {
  daemon.change([](auto& behaviour) { behaviour.answer_queries = false; });
  auto bootstrap = run({"bootstrap"});
  ASSERT_TRUE(daemon.wait_for<wire::Query>());
  daemon.send(wire::Refused{daemon.received_of<wire::Query>().front().request, wire::ErrorCode::wrong_state, "has been in a view"});
  EXPECT_EQ(bootstrap->status(), refusal);
  EXPECT_THAT(bootstrap->complaints(), HasSubstr("has been in a view"));
}

TEST_F(CommandTest, TraceDumpPrintsThePath) {
  daemon.change([](auto& behaviour) { behaviour.query_answer = R"({"file":"/var/lib/vsync/flight.3.1.trace"})"; });
  auto dump = run({"trace", "dump"});
  EXPECT_EQ(dump->status(), success);
  EXPECT_EQ(dump->printed(), "/var/lib/vsync/flight.3.1.trace\n");
  EXPECT_EQ(daemon.received_of<wire::Query>().front().what, wire::Query::What::dump_trace);
}

TEST_F(CommandTest, ARefusedTraceDumpSaysWhy) {
  daemon.change([](auto& behaviour) { behaviour.answer_queries = false; });
  auto dump = run({"trace", "dump"});
  ASSERT_TRUE(daemon.wait_for<wire::Query>());
  daemon.send(wire::Refused{daemon.received_of<wire::Query>().front().request, wire::ErrorCode::unavailable, "there is no flight recorder"});
  EXPECT_EQ(dump->status(), refusal);
  EXPECT_THAT(dump->complaints(), HasSubstr("refused (unavailable): there is no flight recorder"));
}

TEST_F(CommandTest, ReloadTellsKeyByKeyWhatChanged) {
  daemon.change([](auto& behaviour) {
    behaviour.query_answer = R"({"changed":[{"key":"weight","from":"1","to":"2"}],"at_restart":[{"key":"witness","from":"false","to":"true"}]})";
  });
  auto reload = run({"reload"});
  EXPECT_EQ(reload->status(), success);
  EXPECT_EQ(reload->printed(), "weight: 1 -> 2\nwitness: false -> true takes a restart; kept as it was until then\n");
  EXPECT_EQ(daemon.received_of<wire::Query>().front().what, wire::Query::What::reload);
}

TEST_F(CommandTest, AReloadThatChangesNothingSaysSo) {
  daemon.change([](auto& behaviour) { behaviour.query_answer = R"({"changed":[],"at_restart":[]})"; });
  auto reload = run({"reload"});
  EXPECT_EQ(reload->status(), success);
  EXPECT_EQ(reload->printed(), "nothing has changed\n");
}

TEST_F(CommandTest, AWrongConfigurationEndsAReloadWithOneAndItsLine) {
  daemon.change([](auto& behaviour) { behaviour.answer_queries = false; });
  auto reload = run({"reload"});
  ASSERT_TRUE(daemon.wait_for<wire::Query>());
  daemon.send(wire::Refused{daemon.received_of<wire::Query>().front().request, wire::ErrorCode::unavailable, "vsyncd.toml:3: no"});
  EXPECT_EQ(reload->status(), not_enough);
  EXPECT_THAT(reload->complaints(), HasSubstr("vsyncd.toml:3: no"));
}

struct TraceCheck : ::testing::Test {
  const SocketDirectory directory;
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = directory.path() / name;
    std::ofstream(path) << text;
    return path;
  }
  /// Nobody listens there: a check needs no daemon.
  std::unique_ptr<Command> check(std::vector<std::string> words) {
    words.insert(words.begin(), {"trace", "check"});
    return std::make_unique<Command>(std::move(words), directory.endpoint());
  }
  const std::string sound = "1 a/1/7 started 1 5\n2 a/1/7 view 1.9/1 0 1 3 1 a/1/7:1:1:0:1:3-3 1 0 0 0 0\n"
                            "3 a/1/7 published 7-7 1 1 0 0 42 1\n3 a/1/7 delivered 1.9/1/0/1 a/1/7 1 1 0 7-7 1 0 0 42\n";
};

TEST_F(TraceCheck, SaysWhatHolds) {
  auto command = check({write("a.trace", sound)});
  EXPECT_EQ(command->status(), success) << command->printed() << command->complaints();
  EXPECT_THAT(command->printed(), HasSubstr("holds       integrity\n"));
  EXPECT_THAT(command->printed(), HasSubstr("4 events: "));
  auto json = check({"--json", write("a.trace", sound)});
  EXPECT_EQ(json->status(), success);
  EXPECT_THAT(json->printed(), StartsWith(R"({"events":4,"one_clock":true,"in_part":[],"without_trace":[],"holds":["self_inclusion",)"));
}

TEST_F(TraceCheck, NamesViolationsAndEndsWithAStatusOfTheirOwn) {
  auto command = check({write("a.trace", sound + "4 a/1/7 delivered 1.9/1/0/2 a/1/7 2 1 0 7-7 2 0 0 43\n")});
  EXPECT_EQ(command->status(), violation);
  EXPECT_THAT(command->printed(), HasSubstr("violated    integrity: a#1 delivered at 1:1:2 what a#1 never published"));
}

TEST_F(TraceCheck, WhatNeedsMoreIsNamed) {
  auto command = check({write("a.trace", sound.substr(sound.find('\n') + 1))});
  EXPECT_EQ(command->status(), success) << command->printed();
  EXPECT_THAT(command->printed(), HasSubstr("not judged  integrity: needs whole traces of all daemons"));
  EXPECT_THAT(command->printed(), HasSubstr("shown in part: a#1\n"));
}

TEST_F(TraceCheck, NamesTheFileAndLineThatItCantRead) {
  auto killed = check({write("killed.trace", sound + "9 a/1/7 deliv\n" + "10 a/2/8 started 1 5\n11 a/2/8 sta")});
  EXPECT_EQ(killed->status(), success) << "what was half written when a daemon was killed is no fault of the file: " << killed->complaints();
  auto wrong = check({write("wrong.trace", "9 a/1/7 dreamt\n9 a/1/7 crashed\n")});
  EXPECT_EQ(wrong->status(), not_enough);
  EXPECT_THAT(wrong->complaints(), HasSubstr("/wrong.trace:1: unknown event"));
  auto missing = check({directory.path() / "none.trace"});
  EXPECT_EQ(missing->status(), not_enough);
  EXPECT_THAT(missing->complaints(), HasSubstr("/none.trace can't be read: No such file or directory"));
  EXPECT_EQ(check({directory.path()})->status(), not_enough) << "a directory";
  auto empty = check({write("empty.trace", "")});
  EXPECT_EQ(empty->status(), not_enough);
  EXPECT_THAT(empty->complaints(), HasSubstr("no events"));
}

TEST(CommandWithoutDaemon, EndsWithTheStatusForConnections) {
  const SocketDirectory directory;
  Command status({"status"}, directory.endpoint());
  EXPECT_EQ(status.status(), connection);
  EXPECT_THAT(status.complaints(), StartsWith("vsync: no daemon listens at " + directory.endpoint()));
  Command bad({"--endpoint", "nonsense", "status"}, directory.endpoint());
  EXPECT_EQ(bad.status(), usage);
}

TEST(CommandWithoutDaemon, ASubThatEndsWhileItsDaemonIsGoneSaysSo) {
  const SocketDirectory directory;
  std::optional<FakeDaemon> daemon(std::in_place, directory.endpoint(), FakeDaemon::Behaviour{});
  Command sub({"sub", "a", "--wait", "0.3"}, directory.endpoint());
  ASSERT_TRUE(daemon->wait_for<wire::Join>());
  daemon.reset();
  EXPECT_EQ(sub.status(), connection) << sub.complaints();
}

}  // namespace
}  // namespace vsync::cli
