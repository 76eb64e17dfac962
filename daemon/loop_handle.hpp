#pragma once
// libuv keeps a handle's memory until its close callback has run, which may be after its owner is gone. LoopHandle owns the
// handle on the heap and gives it up to that callback.

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "daemon/start_error.hpp"

namespace vsync::daemon {

/// What libuv said to something that a daemon can't be without: it refuses for want of descriptors or memory.
inline void require_of_loop(int result) {
  if (result < 0) throw StartError(ExitStatus::failure, std::string("the event loop can't be set up: ") + uv_strerror(result));
}

/// `Handle` is one of libuv's types (uv_poll_t, uv_timer_t, ...). `Self` handlers are called on the loop's thread, never after
/// destruction.
template <class Handle>
class LoopHandle {
 public:
  using Handler = std::function<void()>;

  explicit LoopHandle(Handler handler) : cell_(std::make_unique<Cell>()) {
    cell_->handler = std::move(handler);
    cell_->handle.data = cell_.get();
  }
  LoopHandle(LoopHandle&&) noexcept = default;
  LoopHandle& operator=(LoopHandle&& other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~LoopHandle() {
    if (!cell_) return;
    if (uv_handle_get_type(base()) == UV_UNKNOWN_HANDLE) return;  // never initialised: the loop doesn't know it
    cell_->handler = nullptr;
    uv_close(cell_.release()->base(), [](uv_handle_t* handle) { delete static_cast<Cell*>(handle->data); });
  }

  [[nodiscard]] Handle* get() { return &cell_->handle; }

  /// The callback to give to libuv's start functions, whatever arguments it has.
  template <class... Arguments>
  static void call(Handle* handle, Arguments...) {
    auto* cell = static_cast<Cell*>(handle->data);
    if (cell->handler) cell->handler();
  }

 private:
  struct Cell {
    Handle handle{};
    Handler handler;
    uv_handle_t* base() { return reinterpret_cast<uv_handle_t*>(&handle); }
  };
  uv_handle_t* base() { return cell_->base(); }
  std::unique_ptr<Cell> cell_;
};

}  // namespace vsync::daemon
