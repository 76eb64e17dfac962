// `vsync status` in words.

#include "status_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vsync::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const char* const blocked = R"({"node":"a","incarnation":4,"cluster":"c1","state":"blocked","view":{"epoch":1,"number":9,"members":[
  {"node":"a","incarnation":4,"weight":1,"witness":false,"loaded":true},{"node":"b","incarnation":2,"weight":1,"witness":true,"loaded":true},
  {"node":"c","incarnation":2,"weight":0,"witness":false,"loaded":false}]},
  "sequencer":"b","lease":false,"waits_for":"b, which may have gone on","heard":["c"],"suspected":["b"],
  "links":[{"peer":"b","endpoint":"tcp://192.0.2.2:5670","up":false},{"peer":"c","endpoint":"tcp://198.51.100.3:5670","up":true}],"sessions":2,"groups":3,
  "positions":{"ordered":10,"delivered":9,"uniform":8,"stable":7}})";

TEST(StatusText, SaysWhyItIsBlockedAndWhatItWaitsFor) {
  const std::string text = status_text(Json::parse(blocked), Paint(false));
  EXPECT_THAT(text, HasSubstr("a is blocked"));
  EXPECT_THAT(text, HasSubstr("it orders nothing: b, which may have gone on\n"));
}

TEST(StatusText, ShowsEachMembersPart) {
  const std::string text = status_text(Json::parse(blocked), Paint(false));
  EXPECT_THAT(text, HasSubstr("coordinator"));
  EXPECT_THAT(text, HasSubstr("member, sequencer, witness"));
  EXPECT_THAT(text, HasSubstr("member, loading"));
  EXPECT_THAT(text, HasSubstr("suspected"));
  EXPECT_THAT(text, HasSubstr("heard at tcp://198.51.100.3:5670"));
  EXPECT_THAT(text, Not(HasSubstr("192.0.2.2"))) << "its link is down";
  EXPECT_THAT(text, HasSubstr("this node"));
  EXPECT_THAT(text, HasSubstr("epoch 1, number 9"));
}

TEST(StatusText, AcceptsAnEmptyViewAndListsOfNames) {
  const std::string text = status_text(Json::parse(R"({"node":"a","state":"joining","view":null,"waits_for":["b","c"],"lease":true})"), Paint(false));
  EXPECT_THAT(text, HasSubstr(": b, c\n"));
  EXPECT_THAT(text, HasSubstr("none"));
  EXPECT_THAT(status_text(Json::parse(R"({"node":"a","state":"primary"})"), Paint(false)), Not(HasSubstr("view that goes on")));
}

}  // namespace
}  // namespace vsync::cli
