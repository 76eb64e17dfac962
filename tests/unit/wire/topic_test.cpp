#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "wire/limits.hpp"
#include "wire/record.hpp"
#include "wire/text.hpp"

namespace vsync::wire {
namespace {

std::string levels(std::size_t count) {
  std::string topic = "a";
  while (--count > 0) topic += ".a";
  return topic;
}

TEST(Topic, IsLevelsOfVisibleText) {
  for (const char* topic : {"a", "news.world", "stocks.MSFT", "a-b_c/d:e.f", "\xc3\xa9t\xc3\xa9.\xe2\x82\xac"}) {
    EXPECT_TRUE(valid_topic(topic)) << topic;
  }
}

TEST(Topic, HasNoEmptyLevelSpaceControlCharacterOrBrokenUtf8) {
  for (const char* topic : {"", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\nb", "a\x7f", "\xc2\x85", "\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_FALSE(valid_topic(topic)) << topic;
  }
  EXPECT_FALSE(valid_topic(std::string_view("a\0b", 3)));
}

TEST(Topic, HasNoWildcards) {
  for (const char* topic : {"*", ">", "a.*", "a.>", "a*", "a>b"}) EXPECT_FALSE(valid_topic(topic)) << topic;
}

TEST(Topic, IsBoundedInBytesAndLevels) {
  EXPECT_TRUE(valid_topic(std::string(topic_bytes_max, 'a')));
  EXPECT_FALSE(valid_topic(std::string(topic_bytes_max + 1, 'a')));
  EXPECT_TRUE(valid_topic(levels(topic_levels_max)));
  EXPECT_FALSE(valid_topic(levels(topic_levels_max + 1)));
}

TEST(Pattern, HasWildcardsAsWholeLevelsOnly) {
  for (const char* pattern : {"*", ">", "a.*", "*.*.a", "a.>", "*.>", "a.b"}) EXPECT_TRUE(valid_pattern(pattern)) << pattern;
  for (const char* pattern : {"", "a*", "*a", "a>", ">.a", "a.>.b", ">>", "**", "a.", "*. "}) EXPECT_FALSE(valid_pattern(pattern)) << pattern;
}

TEST(Pattern, IsToldFromATopic) {
  for (const char* pattern : {"*", ">", "a.*.b", "a.>"}) EXPECT_TRUE(is_pattern(pattern)) << pattern;
  for (const char* topic : {"a", "a.b", ""}) EXPECT_FALSE(is_pattern(topic)) << topic;
}

TEST(Pattern, MatchesLevelByLevel) {
  EXPECT_TRUE(matches("a.b", "a.b"));
  EXPECT_TRUE(matches("*.b", "a.b"));
  EXPECT_TRUE(matches("a.>", "a.b.c"));
  EXPECT_TRUE(matches(">", "a"));
  EXPECT_FALSE(matches("a.b", "a.bc"));
  EXPECT_FALSE(matches("a.*", "a"));
  EXPECT_FALSE(matches("a.*", "a.b.c"));
  EXPECT_FALSE(matches("a.>", "a"));
  EXPECT_FALSE(matches("a", "a.b"));
}

using Levels = std::vector<std::string>;

bool matches_naively(const Levels& pattern, const Levels& topic, std::size_t at = 0) {
  if (at == pattern.size()) return at == topic.size();
  if (at == topic.size()) return false;
  if (pattern[at] == ">") return true;
  return (pattern[at] == "*" || pattern[at] == topic[at]) && matches_naively(pattern, topic, at + 1);
}

std::string join(const Levels& levels) {
  std::string joined;
  for (const std::string& level : levels) joined += (joined.empty() ? "" : ".") + level;
  return joined;
}

void for_all(std::size_t depth, const Levels& choices, const std::function<void(const Levels&)>& visit, Levels& so_far) {
  if (!so_far.empty()) visit(so_far);
  if (so_far.size() == depth) return;
  for (const std::string& choice : choices) {
    so_far.push_back(choice);
    for_all(depth, choices, visit, so_far);
    so_far.pop_back();
  }
}

TEST(Pattern, AgreesWithANaiveTwinOverAllSmallNames) {
  Levels pattern;
  for_all(3, {"a", "b", "*", ">"}, [](const Levels& wanted) {
    const bool open_end_inside = std::find(wanted.begin(), wanted.end() - 1, ">") != wanted.end() - 1;
    EXPECT_EQ(valid_pattern(join(wanted)), !open_end_inside) << join(wanted);
    if (open_end_inside) return;
    Levels topic;
    for_all(4, {"a", "b"}, [&](const Levels& given) {
      EXPECT_EQ(matches(join(wanted), join(given)), matches_naively(wanted, given)) << join(wanted) << " and " << join(given);
    }, topic);
  }, pattern);
}

TEST(NodeName, IsOneTo63PlainCharacters) {
  EXPECT_TRUE(valid_node_name("a"));
  EXPECT_TRUE(valid_node_name("db-1.example_COM"));
  EXPECT_TRUE(valid_node_name(std::string(63, 'x')));
  EXPECT_FALSE(valid_node_name(std::string(64, 'x')));
  for (const char* name : {"", "a b", "a/b", "a:1", "\xc3\xa9", "a\n"}) EXPECT_FALSE(valid_node_name(name)) << name;
}

}  // namespace
}  // namespace vsync::wire
