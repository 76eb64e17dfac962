#include "daemon/spare_memory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <vector>

namespace vsync::daemon {
namespace {

std::size_t resident_bytes() {
  std::size_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// What stays in use lies above what is free, as after a storm of joins in which one application was new and stayed.
TEST(SpareMemory, WhatABurstLeftFreeGoesBack) {
#if defined(VSYNC_SANITIZED)
  GTEST_SKIP() << "the sanitizer has its own allocator";
#endif
  constexpr std::size_t pieces = 4096, bytes = 16u << 10;
  std::vector<std::unique_ptr<char[]>> burst;
  for (std::size_t i = 0; i < pieces; ++i) burst.push_back(std::make_unique<char[]>(bytes));
  const auto stays = std::make_unique<char[]>(bytes);
  burst.clear();
  const std::size_t before = resident_bytes();

  SpareMemory::give_back();

  EXPECT_LT(resident_bytes() + pieces * bytes * 9 / 10, before);
}

}  // namespace
}  // namespace vsync::daemon
