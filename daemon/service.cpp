#include "daemon/service.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <ctime>

#include "daemon/queries.hpp"

namespace vsync::daemon {

Service::Service(uv_loop_t* loop) : watchdog_([] { sd_notify(0, "WATCHDOG=1"); }) {
  uv_timer_init(loop, watchdog_.get());
  uv_unref(reinterpret_cast<uv_handle_t*>(watchdog_.get()));
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) > 0) {
    const std::uint64_t interval_ms = std::max<std::uint64_t>(microseconds / 3000, 1);
    uv_timer_start(watchdog_.get(), &LoopHandle<uv_timer_t>::call<>, 0, interval_ms);
  }
}

void Service::report(const protocol::Status& status) {
  std::string text = name_of(status.component);
  if (status.view) {
    text += ", view " + name_of(status.view->id) + " of " + std::to_string(status.view->size());
  }
  if (!status.waits_for.empty()) text += ": waiting for " + status.waits_for;
  const bool knows = status.component == protocol::ComponentState::primary || !status.waits_for.empty();
  if (text == last_ && (ready_ || !knows)) return;
  last_ = text;
  const bool announce = knows && !std::exchange(ready_, ready_ || knows);
  sd_notify(0, ((announce ? "READY=1\nSTATUS=" : "STATUS=") + text).c_str());
}

// Who isn't ready yet has nothing to become ready again from.
void Service::reloading() {
  if (!ready_) return;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

void Service::reloaded() {
  if (ready_) sd_notify(0, ("READY=1\nSTATUS=" + last_).c_str());
}

void Service::stopping() { sd_notify(0, "STOPPING=1\nSTATUS=leaving the view"); }

}  // namespace vsync::daemon
