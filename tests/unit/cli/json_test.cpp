// The JSON that `vsync sub --json` prints: read back by another implementation, for any bytes.

#include "json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "event_json.hpp"
#include "event_text.hpp"

namespace vsync::cli {
namespace {

using Parsed = nlohmann::json;

Parsed parsed(const Event& event) {
  std::string out;
  append_json(out, event);
  EXPECT_EQ(out.find('\n'), out.size() - 1) << "one object per line";
  return Parsed::parse(out);
}

std::string decoded(std::string_view text) {
  const std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<std::uint32_t>(digits.find(c));
    count += 6;
    if (count >= 8) out += static_cast<char>(bits >> (count -= 8));
  }
  return out;
}

Message message(std::string_view data) {
  Message out;
  out.position = {{2, 99}, 7, 0, 41};
  out.topic = "news.world";
  out.data = std::as_bytes(std::span(data));
  out.publisher = {{0xabcdef0123456789, 1}, "alpha"};
  out.published_at = Timestamp(std::chrono::nanoseconds(1700000000123456789));
  return out;
}

TEST(Json, AMessageHasItsPromisedShape) {
  const Parsed json = parsed(message("hello"));
  EXPECT_EQ(json, Parsed::parse(R"({"event":"message","topic":"news.world","position":{"epoch":2,"view":7,"lane":0,"seq":41},
    "publisher":"alpha#abcdef01","key":"","headers":{},"published_at":1700000000123456789,"ordered_at":null,"level":"agreed",
    "data":"hello"})"));
}

TEST(Json, DataThatIsNoUtf8ComesAsBase64) {
  const std::string data("\xff\x00\x80", 3);
  const Parsed json = parsed(message(data));
  EXPECT_FALSE(json.contains("data"));
  EXPECT_EQ(json["data_base64"], "/wCA");
}

TEST(Json, AnyDataComesBackAsItWas) {
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string data;
    for (auto bytes = random() % 12; bytes > 0; --bytes) data += static_cast<char>(random() % (i % 2 == 0 ? 128 : 256));
    const Parsed json = parsed(message(data));
    EXPECT_EQ(json.contains("data") ? json["data"].get<std::string>() : decoded(json["data_base64"].get<std::string>()), data);
  }
}

TEST(Json, Utf8IsToldFromWhatOnlyLooksLikeIt) {
  for (const char* good : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) EXPECT_TRUE(valid_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(valid_utf8(bad));
  }
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
}

TEST(Json, AViewNamesMembersAsTheyAreShownEverywhere) {
  const Member desk{{0x1234567800000000, 1}, "alpha", "desk"};
  const Member gone{{0xffffffff00000000, 1}, "beta", "risk \"x\""};
  const Parsed json = parsed(GroupView{{{1, 0}, 2, 0, 3}, "desk", 5, {desk}, {desk}, {{gone, LeaveReason::crashed}}});
  EXPECT_EQ(json, Parsed::parse(R"({"event":"view","group":"desk","id":5,"position":{"epoch":1,"view":2,"lane":0,"seq":3},
    "members":["desk@alpha#12345678"],"joined":["desk@alpha#12345678"],"left":[{"member":"risk \"x\"@beta#ffffffff","reason":"crashed"}]})"));
}

TEST(Json, TheOtherEventsHaveTheirShapes) {
  EXPECT_EQ(parsed(Mark{{{1, 0}, 2, 0, 3}, Level::safe, 2, true}),
            Parsed::parse(R"({"event":"mark","up_to":{"epoch":1,"view":2,"lane":0,"seq":3},"level":"safe","view":2,"member_lost_before":true})"));
  EXPECT_EQ(parsed(StateChange{ComponentState::blocked, "too few", 1, 2}),
            Parsed::parse(R"({"event":"state","state":"blocked","reason":"too few","view":{"epoch":1,"number":2}})"));
  const Position p{{1, 0}, 2, 0, 3};
  const Parsed at = Parsed::parse(R"({"epoch":1,"view":2,"lane":0,"seq":3})");
  EXPECT_EQ(parsed(Resync{p, std::nullopt, p, p}), Parsed({{"event", "resync"}, {"last_common", at}, {"orphaned", nullptr}, {"missed", {{"from", at}, {"to", at}}}}));
  EXPECT_EQ(parsed(Resync{p, std::pair(p, p), p, p})["orphaned"]["to"], at);
  EXPECT_EQ(parsed(Gap{p, p, "gone"}), Parsed({{"event", "gap"}, {"from", at}, {"to", at}, {"reason", "gone"}}));
  EXPECT_EQ(parsed(Joined{"a", p, true})["again"], true);
  EXPECT_EQ(parsed(Removed{"a", ErrorCode::too_slow, "slow"})["reason"], "too_slow");
  EXPECT_EQ(parsed(Disconnected{"gone"})["event"], "disconnected");
  EXPECT_EQ(parsed(Reconnected{"alpha", ComponentState::primary})["state"], "primary");
}

TEST(Json, OutcomesAreNoBusinessOfASubscriber) {
  std::string out = "before\n";
  append_json(out, Outcome{});
  append_json(out, Writable{});
  EXPECT_EQ(out, "before\n");
}

TEST(Text, ControlCharactersNeverReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("\xc3\xa9"), "\xc3\xa9");
  EXPECT_EQ(printable("\xc2\x9b" "31m"), "\\xc2\\x9b31m") << "CSI as one character";
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\n"), "\\x0a");
}

TEST(Text, ColoursAreOnlyForTerminals) {
  EXPECT_EQ(Paint(false)(Colour::red, "x"), "x");
  EXPECT_EQ(Paint(true)(Colour::red, "x"), "\033[31mx\033[0m");
  const std::string line = text_of(message("hello"), Paint(false));
  EXPECT_EQ(line.find('\033'), std::string::npos);
  EXPECT_NE(line.find("news.world  hello"), std::string::npos);
}

TEST(Text, TablesAlignByCharacters) {
  EXPECT_EQ(table({{"a", "b"}, {"\xc3\xa9\xc3\xa9", "x"}}, Paint(false)), "a   b\n\xc3\xa9\xc3\xa9  x\n");
}

}  // namespace
}  // namespace vsync::cli
