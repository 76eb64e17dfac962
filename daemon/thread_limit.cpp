#include "daemon/thread_limit.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <latch>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "daemon/loop_handle.hpp"
#include "daemon/start_error.hpp"

namespace vsync::daemon {

namespace {

constexpr std::size_t zeromq_reaper = 1;
constexpr std::size_t workers_by_default = 4;  // of libuv, which reads the same variable
constexpr std::size_t workers_max = 1024;

std::size_t workers() {
  const char* wanted = std::getenv("UV_THREADPOOL_SIZE");
  return wanted == nullptr ? workers_by_default : std::clamp<std::size_t>(std::strtoul(wanted, nullptr, 10), 1, workers_max);
}

/// Threads that wait for each other's sake, so that they are all there at once.
class TrialThreads {
 public:
  /// As many of `wanted` as there is room for.
  explicit TrialThreads(std::size_t wanted) : ids_(wanted) {
    threads_.reserve(wanted);
    try {
      for (pid_t& id : ids_) {
        threads_.emplace_back([this, &id] {
          id = static_cast<pid_t>(::syscall(SYS_gettid));
          end_.wait();
        });
      }
    } catch (const std::system_error& error) {
      refusal_ = error.code();
    } catch (const std::bad_alloc&) { refusal_ = std::make_error_code(std::errc::not_enough_memory); }
  }

  // A thread that was joined has ended for us; for the limit it is there until the kernel has forgotten it.
  ~TrialThreads() {
    end_.count_down();
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      threads_[i].join();
      while (::syscall(SYS_tgkill, ::getpid(), ids_[i], 0) == 0) std::this_thread::yield();
    }
  }
  TrialThreads(const TrialThreads&) = delete;
  TrialThreads& operator=(const TrialThreads&) = delete;

  [[nodiscard]] std::size_t count() const { return threads_.size(); }
  /// Why there aren't more.
  [[nodiscard]] const std::error_code& refusal() const { return refusal_; }

 private:
  std::latch end_{1};
  std::vector<pid_t> ids_;
  std::vector<std::thread> threads_;
  std::error_code refusal_;
};

}  // namespace

void require_threads_for(const Configuration& configuration) {
  const std::size_t needed = zeromq_reaper + configuration.io_threads + workers();
  const TrialThreads trial(needed);
  if (!trial.refusal()) return;
  throw StartError(
      ExitStatus::failure,
      "there is room for " + std::to_string(trial.count()) + " more threads, and " + std::to_string(needed) + " are needed (" +
          trial.refusal().message() +
          "): TasksMax of a unit or pids.max of a control group bound them, LimitNPROC, and LimitAS for their stacks");
}

void start_workers(uv_loop_t* loop) {
  auto nothing = std::make_unique<uv_work_t>();
  require_of_loop(uv_queue_work(
      loop, nothing.get(), [](uv_work_t*) {}, [](uv_work_t* request, int) { delete request; }));
  (void)nothing.release();  // the loop's until then
}

}  // namespace vsync::daemon
