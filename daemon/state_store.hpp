#pragma once
// The state directory: what this node must find again after a crash. One daemon per directory (flock). A write is atomic:
// a temporary file, fsync, rename, fsync of the directory; it happens on a worker thread, one at a time, and several
// that wait become one.

#include <uv.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/unique_fd.hpp"
#include "protocol/persistent.hpp"

namespace vsync::daemon {

class StateStore {
 public:
  /// Takes the directory, which is made if it isn't there. Throws StartError (in_use, state_unusable).
  explicit StateStore(std::string directory);
  ~StateStore();
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  /// What the directory holds; a default value if it is new. Throws StartError if that can't be read or isn't sound: to
  /// begin again with nothing would forget promises.
  [[nodiscard]] protocol::PersistentState load() const;
  /// Writes at once, before the loop runs. Throws StartError.
  void write_now(const protocol::PersistentState& state) const;

  /// From here on writes go through `loop`. `failed` is called (on the loop) with the reason when a write fails; nothing is
  /// persisted after that.
  void attach(uv_loop_t* loop, std::function<void(const std::string&)> failed);
  /// Queues writes; their order is kept.
  void write(std::vector<protocol::Write>& writes);
  /// Moves the tokens of what is on disk by now to the end of `tokens`.
  void take_persisted(std::vector<protocol::WriteToken>& tokens);
  [[nodiscard]] bool busy() const { return job_ != nullptr; }
  [[nodiscard]] std::uint64_t writes() const { return writes_; }

 private:
  struct Job;
  void start_job();
  void finish_job(Job* job);

  std::string directory_;
  UniqueFd descriptor_;
  UniqueFd lock_;
  uv_loop_t* loop_ = nullptr;
  std::function<void(const std::string&)> failed_;
  std::vector<protocol::WriteToken> waiting_;
  std::optional<protocol::PersistentState> newest_;
  std::vector<protocol::WriteToken> persisted_;
  std::unique_ptr<Job> job_;  ///< under way on the worker
  std::uint64_t writes_ = 0;
  bool broken_ = false;
};

}  // namespace vsync::daemon
