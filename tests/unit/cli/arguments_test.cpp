// The command line of `vsync`.

#include "arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "exit_status.hpp"

namespace vsync::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

struct Parsed {
  std::variant<Arguments, int> result;
  std::string out;
  std::string err;
  template <class Command>
  [[nodiscard]] Command as() const { return std::get<Command>(std::get<Arguments>(result).command); }
  [[nodiscard]] int status() const { return std::holds_alternative<int>(result) ? std::get<int>(result) : -1; }
};

Parsed parse_line(std::vector<const char*> words) {
  words.insert(words.begin(), "vsync");
  std::ostringstream out;
  std::ostringstream err;
  auto result = parse(static_cast<int>(words.size()), words.data(), out, err);
  return {std::move(result), out.str(), err.str()};
}

TEST(Arguments, PubTakesTextOrStandardInput) {
  EXPECT_EQ(parse_line({"pub", "news.world", "hello"}).as<PubArguments>().text, "hello");
  EXPECT_EQ(parse_line({"pub", "news.world"}).as<PubArguments>().text, std::nullopt);
  EXPECT_EQ(parse_line({"pub", "news.world", ""}).as<PubArguments>().text, "");
  EXPECT_EQ(parse_line({"pub", "news.world", "--", "--level"}).as<PubArguments>().text, "--level");
}

TEST(Arguments, PubTakesLevelKeyHeadersAndRate) {
  const auto pub = parse_line({"pub", "t", "--level", "safe", "--key", "k", "--header", "a=b", "--header", "c=d=e", "--rate", "0.5", "text"}).as<PubArguments>();
  EXPECT_EQ(pub.level, Level::safe);
  EXPECT_EQ(pub.key, "k");
  EXPECT_THAT(pub.headers, ElementsAre(Pair("a", "b"), Pair("c", "d=e")));
  EXPECT_EQ(pub.rate, 0.5);
  EXPECT_EQ(pub.text, "text");
}

TEST(Arguments, EveryLevelHasItsName) {
  EXPECT_EQ(parse_line({"pub", "t", "--level", "durable", "x"}).as<PubArguments>().level, Level::durable);
  EXPECT_EQ(parse_line({"pub", "t", "--level", "fifo", "x"}).as<PubArguments>().level, Level::fifo);
  EXPECT_EQ(parse_line({"sub", "t", "--on-confirm", "durable"}).as<SubArguments>().deliver_on, DeliverOn::durable);
  EXPECT_EQ(parse_line({"sub", "t", "--on-confirm", "safe"}).as<SubArguments>().deliver_on, DeliverOn::safe);
}

TEST(Arguments, AStreamOfLinesWaitsForAPrimaryViewAndOneTextFails) {
  EXPECT_FALSE(parse_line({"pub", "t", "text"}).as<PubArguments>().wait_when_blocked);
  EXPECT_TRUE(parse_line({"pub", "t"}).as<PubArguments>().wait_when_blocked);
  EXPECT_TRUE(parse_line({"pub", "t", "text", "--when-blocked", "wait"}).as<PubArguments>().wait_when_blocked);
  EXPECT_FALSE(parse_line({"pub", "t", "--when-blocked", "fail"}).as<PubArguments>().wait_when_blocked);
}

TEST(Arguments, SubTakesTopicsAndItsOptions) {
  const auto sub = parse_line({"sub", "a", "b.>", "--count", "7", "--wait", "1.5", "--json", "--no-views", "--on-confirm", "uniform"}).as<SubArguments>();
  EXPECT_THAT(sub.topics, ElementsAre("a", "b.>"));
  EXPECT_EQ(sub.count, 7u);
  EXPECT_EQ(sub.wait_s, 1.5);
  EXPECT_TRUE(sub.json);
  EXPECT_FALSE(sub.views);
  EXPECT_EQ(sub.deliver_on, DeliverOn::uniform);
  const auto plain = parse_line({"sub", "a"}).as<SubArguments>();
  EXPECT_EQ(plain.wait_s, std::nullopt);
  EXPECT_TRUE(plain.views);
  EXPECT_EQ(plain.deliver_on, DeliverOn::order);
}

TEST(Arguments, TheEndpointStandsBeforeOrBehindTheCommand) {
  EXPECT_EQ(std::get<Arguments>(parse_line({"--endpoint", "ipc:///x", "status", "--json"}).result).endpoint, "ipc:///x");
  EXPECT_EQ(std::get<Arguments>(parse_line({"status", "--endpoint", "ipc:///x"}).result).endpoint, "ipc:///x");
  EXPECT_TRUE(parse_line({"status", "--json"}).as<StatusArguments>().json);
  EXPECT_EQ(parse_line({"members", "desk"}).as<MembersArguments>().group, "desk");
  EXPECT_FALSE(parse_line({"groups"}).as<GroupsArguments>().json);
  EXPECT_FALSE(parse_line({"bootstrap"}).as<BootstrapArguments>().json);
  EXPECT_TRUE(parse_line({"force-primary", "--json"}).as<ForcePrimaryArguments>().json);
  EXPECT_FALSE(parse_line({"join", "--discard"}).as<JoinArguments>().json);
  EXPECT_TRUE(parse_line({"reload", "--json"}).as<ReloadArguments>().json);
  EXPECT_TRUE(parse_line({"trace", "dump", "--json"}).as<TraceDumpArguments>().json);
  EXPECT_EQ(std::get<Arguments>(parse_line({"trace", "dump", "--endpoint", "ipc:///x"}).result).endpoint, "ipc:///x");
}

TEST(Arguments, TraceCheckTakesFiles) {
  EXPECT_THAT(parse_line({"trace", "check", "a.trace", "b.trace"}).as<TraceCheckArguments>().files, ElementsAre("a.trace", "b.trace"));
  EXPECT_TRUE(parse_line({"trace", "check", "--json", "a.trace"}).as<TraceCheckArguments>().json);
}

TEST(Arguments, ProgramsInGroupViewsAreNamedByWhatTheyDo) {
  EXPECT_EQ(std::get<Arguments>(parse_line({"sub", "a"}).result).application, "vsync-sub");
  EXPECT_EQ(std::get<Arguments>(parse_line({"--application", "desk", "sub", "a"}).result).application, "desk");
}

TEST(Arguments, WhatCannotBeUnderstoodIsAUsageErrorOnStandardError) {
  for (const auto& words : std::vector<std::vector<const char*>>{{}, {"nonsense"}, {"pub"}, {"sub"}, {"members"}, {"pub", "t", "--level", "best"},
                                                                 {"pub", "t", "--header", "novalue"}, {"pub", "t", "--rate", "-1"},
                                                                 {"sub", "t", "--count", "0"}, {"sub", "t", "--raw", "--json"},
                                                                 {"sub", "t", "--on-confirm", "maybe"}, {"status", "--unknown"}, {"join"},
                                                                 {"trace"}, {"trace", "check"}, {"trace", "burn"}}) {
    const Parsed parsed = parse_line(words);
    EXPECT_EQ(parsed.status(), usage) << (words.empty() ? "" : words.back());
    EXPECT_EQ(parsed.out, "");
    EXPECT_NE(parsed.err, "");
  }
}

TEST(Arguments, AComplaintSaysWhatIsAllowed) {
  const auto complaint = [](std::vector<const char*> words) { return parse_line(std::move(words)).err; };
  EXPECT_THAT(complaint({"pub", "t", "--level", "best"}), StartsWith("vsync: --level: 'best' is none of agreed, durable, fifo, safe, uniform"));
  EXPECT_THAT(complaint({"sub", "t", "--on-confirm", "agreed"}), StartsWith("vsync: --on-confirm: 'agreed' is none of durable, safe, uniform"));
  EXPECT_THAT(complaint({"pub", "t", "--when-blocked", "pray"}), HasSubstr("none of fail, wait"));
  for (const char* rate : {"0", "-1", "x", "1x", "nan", "inf", ""}) {
    EXPECT_THAT(complaint({"pub", "t", "--rate", rate}), StartsWith("vsync: --rate: '" + std::string(rate) + "' is no number above 0"));
  }
  for (const char* count : {"0", "-1", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(complaint({"sub", "t", "--count", count}), HasSubstr("'" + std::string(count) + "' is no whole number above 0"));
  }
  for (const char* seconds : {"-1", "x", "inf", "nan"}) {
    EXPECT_THAT(complaint({"sub", "t", "--wait", seconds}), HasSubstr("is no number of seconds"));
  }
  EXPECT_THAT(complaint({}), StartsWith("vsync: A subcommand is required"));
}

TEST(Arguments, HelpAndVersionAreNoErrors) {
  const Parsed help = parse_line({"--help"});
  EXPECT_EQ(help.status(), success);
  EXPECT_THAT(help.out, HasSubstr("bootstrap"));
  EXPECT_THAT(parse_line({"pub", "--help"}).out, HasSubstr("--level"));
  EXPECT_THAT(parse_line({"--version"}).out, HasSubstr("vsync "));
}

}  // namespace
}  // namespace vsync::cli
