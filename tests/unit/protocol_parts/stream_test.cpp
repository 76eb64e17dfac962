// One publisher's stream: a prefix without holes, forgotten from the front, fetched by range.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "messages.hpp"
#include "protocol/stream.hpp"

namespace vsync::protocol::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::uint64_t> firsts(const std::vector<Chunk>& chunks) {
  std::vector<std::uint64_t> out;
  for (const Chunk& one : chunks) out.push_back(one.first.value);
  return out;
}

/// Chunks 1-3, 4, 5-6.
struct Three : testing::Test {
  Three() {
    stream.insert(chunk(1, 3));
    stream.insert(chunk(4, 1));
    stream.insert(chunk(5, 2));
  }
  Stream stream;
};

TEST_F(Three, EndsAtTheLastMessage) { EXPECT_EQ(stream.end(), Seqno{6}); }

TEST_F(Three, TakesARepeatedChunkOnce) {
  EXPECT_EQ(stream.insert(chunk(4, 1)), Stream::Insert::duplicate);
  EXPECT_EQ(stream.chunks().size(), 3u);
}

TEST_F(Three, KeepsNothingBeyondAGap) {
  EXPECT_EQ(stream.insert(chunk(8, 1)), Stream::Insert::gap);
  EXPECT_EQ(stream.end(), Seqno{6});
  EXPECT_EQ(stream.insert(chunk(7, 1)), Stream::Insert::appended);
  EXPECT_EQ(stream.end(), Seqno{7});
}

TEST_F(Three, TakesNoChunkThatOverlapsItsEnd) {
  EXPECT_EQ(stream.insert(chunk(6, 3)), Stream::Insert::gap);
  EXPECT_EQ(stream.end(), Seqno{6});
}

TEST_F(Three, FindsAChunkByItsFirstMessage) { EXPECT_EQ(stream.at(Seqno{5}).last(), Seqno{6}); }

TEST_F(Three, GivesARangeInWholeChunks) {
  EXPECT_THAT(firsts(stream.range(Seqno{2}, Seqno{5}, 1 << 20)), ElementsAre(1, 4, 5));
  EXPECT_THAT(firsts(stream.range(Seqno{4}, Seqno{4}, 1 << 20)), ElementsAre(4));
  EXPECT_THAT(firsts(stream.range(Seqno{7}, Seqno{9}, 1 << 20)), IsEmpty());
}

TEST_F(Three, GivesAtLeastOneChunkHoweverSmallTheBound) { EXPECT_THAT(firsts(stream.range(Seqno{1}, Seqno{6}, 1)), ElementsAre(1)); }

TEST_F(Three, EndsARangeAtTheBound) {
  EXPECT_THAT(firsts(stream.range(Seqno{1}, Seqno{6}, 2 * Chunk::overhead_bytes)), ElementsAre(1, 4));
}

TEST_F(Three, ForgetsWholeChunksOnly) {
  stream.forget(Seqno{2});
  EXPECT_EQ(stream.base(), Seqno{0});
  stream.forget(Seqno{5});
  EXPECT_EQ(stream.base(), Seqno{4});
  EXPECT_EQ(stream.messages(), 2u);
  EXPECT_EQ(stream.end(), Seqno{6});
}

TEST_F(Three, GivesNothingThatIsForgotten) {
  stream.forget(Seqno{4});
  EXPECT_THAT(firsts(stream.range(Seqno{3}, Seqno{6}, 1 << 20)), IsEmpty());
  EXPECT_THAT(firsts(stream.range(Seqno{5}, Seqno{6}, 1 << 20)), ElementsAre(5));
}

TEST(Stream, CountsThePayloadAndAFixedCostPerChunk) {
  Stream stream;
  stream.insert(chunk(1, 1, 0, 100));
  stream.insert(chunk(2, 9, 0, 50));
  EXPECT_EQ(stream.bytes(), 150 + 2 * Chunk::overhead_bytes);
  stream.forget(Seqno{1});
  EXPECT_EQ(stream.bytes(), 50 + Chunk::overhead_bytes);
}

}  // namespace
}  // namespace vsync::protocol::test
