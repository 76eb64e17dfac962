#pragma once
// Watches the processes of applications with pidfds, one per process however many sessions it has, so that an application's
// death is known at once. A pid alone proves little (it may have been reused before we looked), which is the caller's to
// settle; without pidfds (another pid namespace, no descriptors left) there is no watch, and heartbeats remain.

#include <sys/types.h>
#include <uv.h>

#include <map>
#include <memory>
#include <utility>

#include "daemon/loop_handle.hpp"
#include "daemon/unique_fd.hpp"

namespace vsync::daemon {

class ProcessWatch {
 public:
  ProcessWatch(uv_loop_t* loop, UniqueFd pidfd, bool& deaths);
  [[nodiscard]] bool dead() const { return dead_; }
  /// False: the system has no room for another one.
  [[nodiscard]] bool watches() const { return watches_; }

 private:
  UniqueFd pidfd_;
  LoopHandle<uv_poll_t> poll_;
  bool dead_ = false;
  bool watches_ = false;
};

class ProcessWatches {
 public:
  explicit ProcessWatches(uv_loop_t* loop) : loop_(loop) {}
  /// Null when the process can't be watched.
  [[nodiscard]] std::shared_ptr<ProcessWatch> watch(pid_t pid);
  /// Whether any watched process has died since the last call.
  [[nodiscard]] bool take_deaths() { return std::exchange(deaths_, false); }

 private:
  uv_loop_t* loop_;
  std::map<pid_t, std::weak_ptr<ProcessWatch>> watches_;
  std::size_t prune_at_ = 64;
  bool deaths_ = false;
};

}  // namespace vsync::daemon
