#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "equal.hpp"
#include "mutate.hpp"
#include "random.hpp"
#include "wire/log_file.hpp"

namespace vsync::wire {
namespace {

using protocol::LogRecord;
using protocol::Payload;
using test::Bytes;
using test::Random;

/// A file as it grows: each job's records are on disk before the next job's are written.
struct Built {
  LogFileHead head{.number = 7, .oldest = 3, .former_bytes = 4321};
  Bytes bytes;
  std::vector<LogRecord> records;
  std::vector<std::size_t> ends;  ///< by record
  std::vector<std::size_t> jobs;  ///< where each job begins

  explicit Built(std::uint64_t key = 0x1234567890abcdef) {
    head.key = key;
    append(head, bytes);
  }

  void job(const std::vector<LogRecord>& more) {
    jobs.push_back(bytes.size());
    Bytes out;
    LogAppender appender(head.key, bytes.size(), out);
    for (const LogRecord& record : more) {
      appender.append(record);
      records.push_back(record);
      ends.push_back(bytes.size() + out.size());
    }
    bytes.insert(bytes.end(), out.begin(), out.end());
  }
};

Built random_file(Random& random, std::size_t jobs) {
  Built built(random.bits());
  while (built.jobs.size() < jobs) {
    std::vector<LogRecord> records;
    for (std::uint64_t i = random.number(1, 4); i > 0; --i) records.push_back(test::random_log_record(random));
    built.job(records);
  }
  return built;
}

/// The records that were found are the first ones that were written.
void expect_prefix(const LogFile& found, const Built& built) {
  ASSERT_LE(found.records.size(), built.records.size());
  for (std::size_t i = 0; i < found.records.size(); ++i) ASSERT_TRUE(test::equal(found.records[i].record, built.records[i])) << i;
  const std::size_t end = found.records.empty() ? log_file_head_bytes : built.ends[found.records.size() - 1];
  ASSERT_EQ(found.sound_bytes, found.head == LogFileHead{} ? 0 : end);
}

LogRecord entry_of(std::size_t payload_bytes, std::byte value = std::byte{7}) {
  Random random(1);
  auto entry = test::random_log_entry(random, {.seq = {1}});
  entry.chunk.payload = Payload(Bytes(payload_bytes, value));
  return entry;
}

TEST(LogFile, KeepsEveryFieldOfEveryRecord) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    const Built built = random_file(random, 5);
    const LogFile found = decode_log_file(Payload(built.bytes));
    ASSERT_EQ(found.end, LogFileEnd::clean) << found.why;
    ASSERT_EQ(found.head, built.head);
    ASSERT_EQ(found.records.size(), built.records.size());
    ASSERT_EQ(found.sound_bytes, built.bytes.size());
    expect_prefix(found, built);
  }
}

TEST(LogFile, DecodesAtEveryAlignment) {
  Random random(2);
  const Built built = random_file(random, 3);
  for (std::size_t offset = 0; offset < 8; ++offset) {
    const auto room = std::make_shared<test::Misaligned>(built.bytes, offset);
    const LogFile found = decode_log_file(Payload(room, room->bytes()));
    ASSERT_EQ(found.end, LogFileEnd::clean) << found.why;
    expect_prefix(found, built);
  }
}

TEST(LogFile, GivesPayloadsAsSlicesOfItsBytes) {
  Built built;
  built.job({entry_of(1000)});
  const Payload file(built.bytes);
  const LogFile found = decode_log_file(file);
  const Payload& payload = std::get<protocol::LogEntry>(found.records.at(0).record).chunk.payload;
  EXPECT_EQ(payload.owner(), file.owner());
  EXPECT_GE(payload.bytes().data(), file.bytes().data());
  EXPECT_LE(payload.bytes().data() + payload.size(), file.bytes().data() + file.size());
}

TEST(LogFile, WithoutRecordsIsSound) {
  const LogFile found = decode_log_file(Payload(Built().bytes));
  EXPECT_EQ(found.end, LogFileEnd::clean);
  EXPECT_TRUE(found.records.empty());
}

TEST(LogFile, CutOffAnywhereIsTorn) {
  Random random(3);
  const Built built = random_file(random, 3);
  for (std::size_t size = 0; size < built.bytes.size(); ++size) {
    const LogFile found = decode_log_file(Payload(Bytes(built.bytes.begin(), built.bytes.begin() + static_cast<std::ptrdiff_t>(size))));
    const bool whole = size >= log_file_head_bytes && (size == log_file_head_bytes || std::ranges::count(built.ends, size) == 1);
    ASSERT_EQ(found.end, whole ? LogFileEnd::clean : LogFileEnd::torn) << size << ": " << found.why;
    expect_prefix(found, built);
  }
}

// What a crash leaves of one write: any of its sectors, and zeros for the others.
TEST(LogFile, AWriteOfWhichSectorsAreMissingIsTorn) {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    Built built = random_file(random, 2);
    built.job({entry_of(random.size(3000)), entry_of(random.size(3000), std::byte{0}), test::random_log_record(random)});
    Bytes bytes = built.bytes;
    const std::size_t from = built.jobs.back();
    for (std::size_t at = from; at < bytes.size(); at = (at / 512 + 1) * 512) {
      if (random.coin()) continue;
      const std::size_t end = std::min(bytes.size(), (at / 512 + 1) * 512);
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(end), std::byte{0});
    }
    const LogFile found = decode_log_file(Payload(bytes));
    ASSERT_EQ(found.end, bytes == built.bytes ? LogFileEnd::clean : LogFileEnd::torn) << found.why;
    ASSERT_GE(found.sound_bytes, from) << "what was on disk before stays";
    expect_prefix(found, built);
  }
}

TEST(LogFile, ZerosBehindTheLastRecordAreTorn) {
  Built built;
  built.job({entry_of(100)});
  Bytes bytes = built.bytes;
  bytes.resize(bytes.size() + 4096);
  const LogFile found = decode_log_file(Payload(bytes));
  EXPECT_EQ(found.end, LogFileEnd::torn);
  EXPECT_EQ(found.sound_bytes, built.bytes.size());
  const LogFile nothing = decode_log_file(Payload(Bytes(4096)));
  EXPECT_EQ(nothing.end, LogFileEnd::torn);
  EXPECT_EQ(nothing.sound_bytes, 0u);
}

// Also in the last record: it has every sector that was written, so it was not cut off.
TEST(LogFile, AFlippedBitAnywhereIsDamage) {
  Random random(5);
  Built built = random_file(random, 3);
  built.job({entry_of(2000, std::byte{0}), entry_of(700)});
  for (std::size_t bit = 0; bit < built.bytes.size() * 8; ++bit) {
    built.bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    const LogFile found = decode_log_file(Payload(built.bytes));
    built.bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    ASSERT_EQ(found.end, LogFileEnd::damaged) << "bit " << bit;
    ASSERT_FALSE(found.why.empty());
    ASSERT_LE(found.sound_bytes, bit / 8);
  }
}

TEST(LogFile, WhatALaterWriteFoundOnDiskIsDamagedAndNotTorn) {
  Built built;
  built.job({entry_of(3000)});
  built.job({entry_of(10)});
  Bytes bytes = built.bytes;
  std::fill(bytes.begin() + 512, bytes.begin() + 1536, std::byte{0});  // lost sectors of an acknowledged record
  const LogFile found = decode_log_file(Payload(bytes));
  EXPECT_EQ(found.end, LogFileEnd::damaged);
  EXPECT_EQ(found.why, "a part of a record was never written, and the record at offset " + std::to_string(built.jobs[1]) + " was written after it");
}

TEST(LogFile, ARecordAtAnotherPlaceOrOfAnotherFileIsNotTaken) {
  Built built;
  built.job({entry_of(100)});
  Bytes moved = built.bytes;
  moved.insert(moved.end(), built.bytes.begin() + log_file_head_bytes, built.bytes.end());
  EXPECT_EQ(decode_log_file(Payload(moved)).end, LogFileEnd::damaged);

  Bytes foreign = Built(1).bytes;
  foreign.insert(foreign.end(), built.bytes.begin() + log_file_head_bytes, built.bytes.end());
  EXPECT_EQ(decode_log_file(Payload(foreign)).end, LogFileEnd::damaged);
}

TEST(LogFile, OfAnotherVersionIsNamed) {
  Built built;
  Bytes bytes = built.bytes;
  bytes[16] = std::byte{2};
  EXPECT_EQ(decode_log_file(Payload(bytes)).why, "the file does not begin as one of the durable log does, or its head is damaged");
  const std::uint64_t checksum = XXH3_64bits(bytes.data() + 16, log_file_head_bytes - 16);
  std::memcpy(bytes.data() + 8, &checksum, sizeof checksum);
  EXPECT_EQ(decode_log_file(Payload(bytes)).why, "of version 2, this daemon reads version 1");
}

TEST(LogFile, RecordsAreCheckedBehindTheirChecksums) {
  const auto error_of = [](LogRecord record) {
    Built built;
    built.job({std::move(record)});
    return decode_log_file(Payload(built.bytes)).why;
  };
  auto entry = std::get<protocol::LogEntry>(entry_of(1));
  EXPECT_EQ(error_of(entry), "");
  entry.chunk.level = protocol::Level::safe;
  EXPECT_EQ(error_of(entry), "a record can't be read (log entry: isn't durable)");
  EXPECT_EQ(error_of(protocol::LogCutBack{.lane = {1}, .keep = protocol::Position{.lane = {2}}}), "a record can't be read (cut back: keep: is of another lane)");
  EXPECT_EQ(error_of(protocol::LogCutBack{.lane = {256}, .keep = {}}), "a record can't be read (cut back: a lane is out of range)");
}

// Whatever the damage is: what is given was written, in its order, and what isn't clean says so.
TEST(LogFile, MutationsGiveAPrefixOfWhatWasWritten) {
  Random random(6);
  int shorter = 0;
  for (int i = 0; i < 20000; ++i) {
    const Built built = random_file(random, 2);
    const Built other = random_file(random, 1);
    const Bytes bytes = test::mutate(random, built.bytes, other.bytes);
    const LogFile found = decode_log_file(Payload(bytes));
    if (found.head == built.head) expect_prefix(found, built);
    ASSERT_EQ(found.end == LogFileEnd::clean, found.why.empty());
    ASSERT_LE(found.sound_bytes, bytes.size());
    ASSERT_TRUE(found.end != LogFileEnd::clean || found.sound_bytes == bytes.size());
    shorter += found.records.size() < built.records.size() ? 1 : 0;
  }
  EXPECT_GT(shorter, 10000);
}

}  // namespace
}  // namespace vsync::wire
