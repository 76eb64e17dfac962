#pragma once
// The state directory: what this node must find again after a crash, its state and its log of durable messages. One daemon per
// directory (flock). The state is replaced atomically: a temporary file, fsync, rename, fsync of the directory. Writes reach the disk in
// the order of their tokens, on a worker thread, one job at a time; a job takes as many of those that wait as keep that order: log
// records, behind each other in one write and one sync, then a state.

#include <uv.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/durable_log_file.hpp"
#include "daemon/unique_fd.hpp"
#include "protocol/persistent.hpp"

namespace vsync::daemon {

class StateStore {
 public:
  /// Takes the directory, which is made if it isn't there. Of each lane about `log_keep_bytes` of durable messages are kept. Throws
  /// StartError (in_use, state_unusable).
  StateStore(std::string directory, std::uint64_t log_keep_bytes);
  ~StateStore();
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  /// The directory is this node's: the first one that says so, for good. Throws StartError (state_unusable) if it is another's, whose
  /// promises would be kept under the wrong name.
  void claim(const std::string& node);

  struct Loaded {
    protocol::Restored restored;
    std::string note;  ///< for the log: what a crash had left unfinished; usually empty
  };
  /// What the directory holds; a default value if it is new. Called once, before anything is written. Throws StartError if that can't be
  /// read or isn't sound: to begin again with nothing would forget promises.
  [[nodiscard]] Loaded load();
  /// Writes at once, before the loop runs; begins the log where there is none. Throws StartError.
  void write_now(const protocol::PersistentState& state);

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
  [[nodiscard]] protocol::PersistentState load_state(bool& found) const;
  void start_job();
  void finish_job(Job* job);

  std::string directory_;
  UniqueFd descriptor_;
  UniqueFd lock_;
  uv_loop_t* loop_ = nullptr;
  std::function<void(const std::string&)> failed_;
  DurableLogFile log_;
  std::deque<protocol::Write> waiting_;
  std::vector<protocol::WriteToken> persisted_;
  std::unique_ptr<Job> job_;  ///< under way on the worker
  std::uint64_t writes_ = 0;
  bool broken_ = false;
};

}  // namespace vsync::daemon
