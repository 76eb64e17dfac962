#include "daemon/process_watch.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/accept_guard.hpp"

namespace vsync::daemon {

ProcessWatch::ProcessWatch(uv_loop_t* loop, UniqueFd pidfd, bool& deaths)
    : pidfd_(std::move(pidfd)), poll_([this, &deaths] {
        dead_ = true;
        deaths = true;
        uv_poll_stop(poll_.get());  // it stays readable for ever
      }) {
  watches_ = uv_poll_init(loop, poll_.get(), pidfd_.get()) == 0;
  if (watches_) uv_poll_start(poll_.get(), UV_READABLE, &LoopHandle<uv_poll_t>::call<int, int>);
}

std::shared_ptr<ProcessWatch> ProcessWatches::watch(pid_t pid) {
  if (pid <= 0) return nullptr;
  if (watches_.size() >= prune_at_) {
    std::erase_if(watches_, [](const auto& entry) { return entry.second.expired(); });
    prune_at_ = std::max<std::size_t>(64, 2 * watches_.size());
  }
  if (auto known = watches_[pid].lock(); known && !known->dead()) return known;
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid() || is_kept(pidfd.get())) return nullptr;
  auto made = std::make_shared<ProcessWatch>(loop_, std::move(pidfd), deaths_);
  if (!made->watches()) return nullptr;
  watches_[pid] = made;
  return made;
}

}  // namespace vsync::daemon
