#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include <cstring>

#include "local.capnp.h"
#include "mutate.hpp"
#include "wire/limits.hpp"
#include "wire/local.hpp"

namespace vsync::wire {
namespace {

using test::Bytes;

/// What is wrong with this message once it is on the wire; empty when nothing is.
std::string error_of(const ToDaemon& message) {
  Bytes bytes;
  encode(message, bytes);
  const auto decoded = decode_to_daemon(bytes);
  return decoded ? "" : decoded.error().what;
}

std::string error_of(const ToClient& message) {
  Bytes bytes;
  encode(message, bytes);
  const auto decoded = decode_to_client(bytes);
  return decoded ? "" : decoded.error().what;
}

Publish publish() { return {.first_n = 1, .count = 1, .topic_runs = 1}; }

Deliver deliver() {
  return {.first = {.epoch = {}, .view = 1, .lane = {0}, .seq = {1}}, .count = 1, .publisher_node = "a", .publisher_session = {1, 1}};
}

TEST(LocalLimits, OpenNeedsASessionAndAPrintableShortApplication) {
  const auto open = [](std::string application) { return ToDaemon{Open{.version = 1, .secret = {1, 1}, .application = std::move(application)}}; };
  EXPECT_EQ(error_of(open(std::string(application_bytes_max, 'a'))), "");
  EXPECT_EQ(error_of(open(std::string(application_bytes_max + 1, 'a'))), "open: the application's name is too long");
  EXPECT_EQ(error_of(open("a\nb")), "open: the application's name has control characters or is not UTF-8");
  EXPECT_EQ(error_of(open("\xff")), "open: the application's name has control characters or is not UTF-8");
  EXPECT_EQ(error_of(ToDaemon{Open{.version = 1, .secret = {}}}), "open: the session's secret is zero");
}

TEST(LocalLimits, OpenChecksItsPosition) {
  Open open{.version = 1, .secret = {1, 1}, .last_n = number_end - 1, .last_position = Position{.lane = {lanes_max - 1}, .seq = {number_end - 1}}};
  EXPECT_EQ(error_of(ToDaemon{open}), "");
  open.last_position->lane.value = lanes_max;
  EXPECT_EQ(error_of(ToDaemon{open}), "open: the lane of a position is out of range");
  open.last_position->lane.value = 0;
  open.last_position->seq.value = number_end;
  EXPECT_EQ(error_of(ToDaemon{open}), "open: the number of a position is out of range");
  open.last_position.reset();
  open.last_n = number_end;
  EXPECT_EQ(error_of(ToDaemon{open}), "open: the last number is out of range");
}

TEST(LocalLimits, GroupsAreTopicsOrPatterns) {
  EXPECT_EQ(error_of(ToDaemon{Join{.request = 1, .group = "a.*.>"}}), "");
  EXPECT_EQ(error_of(ToDaemon{Join{.request = 1, .group = "a..b"}}), "join: the group is neither a valid topic nor a valid pattern");
  EXPECT_EQ(error_of(ToDaemon{Leave{.request = 1, .group = ""}}), "leave: the group is neither a valid topic nor a valid pattern");
  EXPECT_EQ(error_of(ToDaemon{Query{.request = 1, .what = Query::What::members, .group = "a b"}}),
            "query: the group is neither a valid topic nor a valid pattern");
  EXPECT_EQ(error_of(ToDaemon{Query{.request = 1, .what = Query::What::status, .group = ""}}), "");
}

TEST(LocalLimits, PublishCountsWithinItsBounds) {
  Publish message = publish();
  message.count = batch_messages_max;
  message.topic_runs = batch_messages_max;
  message.first_n = number_end - batch_messages_max;
  EXPECT_EQ(error_of(ToDaemon{message}), "");
  message.first_n += 1;
  EXPECT_EQ(error_of(ToDaemon{message}), "publish: the numbers are out of range");
  message.first_n = 0;
  EXPECT_EQ(error_of(ToDaemon{message}), "publish: the first number is 0");
  message.first_n = 1;
  message.count = batch_messages_max + 1;
  EXPECT_EQ(error_of(ToDaemon{message}), "publish: the batch has too many messages");
  message.count = 0;
  EXPECT_EQ(error_of(ToDaemon{message}), "publish: the count is 0");
  message.count = 5;
  message.topic_runs = 6;
  EXPECT_EQ(error_of(ToDaemon{message}), "publish: the topic runs are not between 1 and the count");
  message.topic_runs = 0;
  EXPECT_EQ(error_of(ToDaemon{message}), "publish: the topic runs are not between 1 and the count");
}

TEST(LocalLimits, DeliverCountsWithinItsBounds) {
  EXPECT_EQ(error_of(ToClient{deliver()}), "");
  Deliver message = deliver();
  message.skip = 2;
  EXPECT_EQ(error_of(ToClient{message}), "deliver: skips more messages than there are");
  message = deliver();
  message.publisher_node = "a b";
  EXPECT_EQ(error_of(ToClient{message}), "deliver: publisher: the name of a node is not 1 to 63 of A-Z a-z 0-9 . _ -");
  message = deliver();
  message.first.seq.value = number_end - 1;
  EXPECT_EQ(error_of(ToClient{message}), "");
  message.count = 2;
  EXPECT_EQ(error_of(ToClient{message}), "deliver: the numbers are out of range");
}

TEST(LocalLimits, FreeTextIsUtf8AndBounded) {
  EXPECT_EQ(error_of(ToClient{Error{.code = ErrorCode::malformed, .text = std::string(free_text_bytes_max, 'x')}}), "");
  EXPECT_EQ(error_of(ToClient{Error{.code = ErrorCode::malformed, .text = std::string(free_text_bytes_max + 1, 'x')}}), "error: the text is too long");
  EXPECT_EQ(error_of(ToClient{QueryAnswer{.request = 1, .json = "\xff"}}), "answer: the text is not UTF-8");
}

TEST(LocalLimits, EnumerantsOfANewerVersionAreRefused) {
  Publish message = publish();
  message.level = static_cast<Level>(5);
  EXPECT_EQ(error_of(ToDaemon{message}), "publish: level: is no value that this version knows");
  EXPECT_EQ(error_of(ToDaemon{Join{.request = 1, .group = "a", .deliver_on = static_cast<DeliverOn>(4)}}),
            "join: deliver on: is no value that this version knows");
  EXPECT_EQ(error_of(ToClient{Error{.code = static_cast<ErrorCode>(static_cast<int>(ErrorCode::unavailable) + 1)}}),
            "error: code: is no value that this version knows");
}

TEST(LocalLimits, NothingConfirmsFifoMessages) {
  EXPECT_EQ(error_of(ToClient{Mark{.level = Level::fifo}}), "mark: level: is no value that this version knows");
}

TEST(LocalLimits, MessagesOfANewerVersionAreRefused) {
  // The discriminant of the union lies behind the first data words of the root: any value but those in the schema.
  Bytes bytes;
  encode(ToDaemon{Pong{0}}, bytes);
  const auto decoded = [&] {
    for (std::size_t at = 16; at + 2 <= bytes.size(); at += 2) {
      if (bytes[at] == std::byte{5}) bytes[at] = std::byte{77};
    }
    return decode_to_daemon(bytes);
  }();
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().what, "message to the daemon: is of a kind that this version doesn't know");
}

TEST(LocalLimits, EnvelopesAreBoundedPerDirection) {
  const Bytes request(local_request_bytes_max + 8);
  EXPECT_EQ(decode_to_daemon(request).error().what, "envelope: 4104 bytes, allowed are 4096");
  const Bytes answer(local_envelope_bytes_max + 8);
  EXPECT_EQ(decode_to_client(answer).error().what, "envelope: 4194312 bytes, allowed are 4194304");
}

TEST(LocalLimits, AListOfEmptyElementsCostsNothing) {
  // Half a thousand million members, claimed in a few words.
  capnp::MallocMessageBuilder builder;
  auto view = builder.initRoot<schema::ToClient>().initGroupView();
  view.setGroup("a");
  view.initPosition();
  view.initMembers(1);
  const auto flat = capnp::messageToFlatArray(builder);
  Bytes bytes(flat.asBytes().size());
  std::memcpy(bytes.data(), flat.asBytes().begin(), bytes.size());
  int tags = 0;
  // The tag word of the composite list: the count in its lower half, an element of no words in the upper half.
  for (std::size_t at = 8; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    const bool is_tag = (word & 0xffffffff) == (1u << 2) && (word >> 32) == 0x00030000;
    if (!is_tag) continue;
    word = (std::uint64_t{1} << 29) * 4 - 4;
    std::memcpy(bytes.data() + at, &word, sizeof word);
    ++tags;
  }
  ASSERT_EQ(tags, 1);
  const auto decoded = decode_to_client(bytes);
  EXPECT_FALSE(decoded);
}

}  // namespace
}  // namespace vsync::wire
