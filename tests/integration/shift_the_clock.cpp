// Preloaded into a daemon: its wall clock is ahead by what stands in a file, as nanoseconds in eight bytes, which may change.
//
//   VSYNC_WALL_CLOCK_AHEAD=FILE

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

using Ahead = std::atomic<std::int64_t>;
constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

const Ahead* mapped() {
  const char* file = std::getenv("VSYNC_WALL_CLOCK_AHEAD");
  const int fd = file == nullptr ? -1 : ::open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) std::abort();
  void* memory = ::mmap(nullptr, sizeof(Ahead), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED) std::abort();
  return static_cast<const Ahead*>(memory);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const Ahead* const ahead = mapped();
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || clock != CLOCK_REALTIME) return static_cast<int>(result);
  const std::int64_t told = time->tv_sec * nanoseconds_per_second + time->tv_nsec + ahead->load(std::memory_order_relaxed);
  time->tv_sec = told / nanoseconds_per_second;
  time->tv_nsec = told % nanoseconds_per_second;
  return 0;
}
