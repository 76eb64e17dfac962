#include "daemon/state_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <optional>
#include <span>

#include "daemon/file_io.hpp"
#include "daemon/start_error.hpp"
#include "protocol/assert.hpp"
#include "wire/peer.hpp"

namespace vsync::daemon {

namespace {

constexpr const char* state_name = "state";
constexpr const char* temporary_name = "state.new";
constexpr off_t state_bytes_max = 64 << 20;

/// Small enough that little more than what is kept lies on the disk, large enough that a new file is rare.
std::uint64_t file_bytes(std::uint64_t keep_bytes) { return std::clamp<std::uint64_t>(keep_bytes / 8, 64 << 10, 64 << 20); }

// Empty on success, else what failed. A file that was only half written keeps its temporary name, which nobody reads.
std::string replace_state(int directory, const protocol::PersistentState& state) {
  std::vector<std::byte> bytes;
  wire::encode(state, bytes);
  UniqueFd file(::openat(directory, temporary_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return failure_of("create");
  if (!write_all(file.get(), bytes)) return failure_of("write");
  if (::fsync(file.get()) != 0) return failure_of("fsync");
  if (::renameat(directory, temporary_name, directory, state_name) != 0) return failure_of("rename");
  if (::fsync(directory) != 0) return failure_of("fsync of the directory");
  return {};
}

[[noreturn]] void unusable(const std::string& directory, const std::string& why) {
  throw StartError(ExitStatus::state_unusable, "state directory " + directory + ": " + why);
}

/// A directory is there after a crash of the host when the one above is synced.
bool sync_directory(const std::filesystem::path& path) {
  const UniqueFd directory(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory.valid() && ::fsync(directory.get()) == 0;
}

void make_directory(const std::string& whole, const std::filesystem::path& path, mode_t mode) {
  const std::filesystem::path parent = path.parent_path();
  if (!parent.empty() && parent != path && !std::filesystem::exists(parent)) make_directory(whole, parent, 0777);
  if (::mkdir(path.c_str(), mode) == 0) {
    if (sync_directory(parent)) return;
    const std::string error = failure_of("fsync of '" + parent.string() + "'");
    (void)::rmdir(path.c_str());  // the next start makes it, and syncs that
    unusable(whole, error);
  } else if (errno != EEXIST) {
    unusable(whole, failure_of("'" + path.string() + "' cannot be made"));
  }
}

UniqueFd open_directory(const std::string& path) {
  const std::filesystem::path named(path);
  make_directory(path, named.has_filename() ? named : named.parent_path(), 0700);
  UniqueFd descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.valid()) unusable(path, failure_of("cannot be opened"));
  return descriptor;
}

}  // namespace

struct StateStore::Job {
  uv_work_t request{};
  StateStore* store = nullptr;
  int directory = -1;
  std::vector<protocol::LogRecord> log;
  std::optional<protocol::PersistentState> state;
  std::vector<protocol::WriteToken> tokens;
  std::string error;

  /// On the worker thread.
  void run() {
    if (!log.empty()) error = store->log_.append(log);
    if (error.empty() && state) error = replace_state(directory, *state);
  }
};

StateStore::StateStore(std::string directory, std::uint64_t log_keep_bytes)
    : directory_(std::move(directory)),
      descriptor_(open_directory(directory_)),
      log_(descriptor_.get(), directory_, log_keep_bytes, file_bytes(log_keep_bytes)) {
  lock_ = UniqueFd(::openat(descriptor_.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid()) unusable(directory_, failure_of("cannot be written"));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) unusable(directory_, failure_of("cannot be locked"));
    throw StartError(ExitStatus::in_use, "state directory " + directory_ + " is in use by another daemon");
  }
}

// In the lock's file, ended by a line break: without one it is what a crash left of a first start, that promised nothing.
void StateStore::claim(const std::string& node) {
  std::vector<std::byte> bytes;
  if (::lseek(lock_.get(), 0, SEEK_SET) != 0 || !read_all(lock_.get(), bytes)) unusable(directory_, failure_of("'lock' cannot be read"));
  const std::string line = node + '\n';
  const std::string owner(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (owner == line) return;
  if (owner.ends_with('\n')) {
    unusable(directory_, "it belongs to node '" + owner.substr(0, owner.size() - 1) + "', and this is '" + node +
                             "': name the right directory, or move this one away to join as a new node");
  }
  if (::ftruncate(lock_.get(), 0) != 0 || ::lseek(lock_.get(), 0, SEEK_SET) != 0 ||
      !write_all(lock_.get(), std::as_bytes(std::span(line))) || ::fsync(lock_.get()) != 0) {
    unusable(directory_, failure_of("'lock' cannot be written"));
  }
}

// An exception may end the daemon while a write is under way, which has the store's memory.
StateStore::~StateStore() {
  broken_ = true;
  failed_ = [](const std::string&) {};
  while (job_ != nullptr) uv_run(loop_, UV_RUN_ONCE);
}

StateStore::Loaded StateStore::load() {
  bool found = false;
  Loaded loaded{{load_state(found), {}}, {}};
  DurableLogFile::Loaded log = log_.load();
  if (!found && log.found) {
    unusable(directory_, "'state' is missing, but the durable log is there: restore it, or move the directory away to join as a new node");
  }
  if (!log.found && loaded.restored.state.log_reaches != protocol::ViewId{}) {
    unusable(directory_, "the durable log (log.000001 and so on) is missing. It held messages that were promised to outlive any crash: "
                         "restore it, or move the directory away to join as a new node");
  }
  loaded.restored.log = std::move(log.records);
  loaded.note = std::move(log.note);
  return loaded;
}

protocol::PersistentState StateStore::load_state(bool& found) const {
  UniqueFd file(::openat(descriptor_.get(), state_name, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return {};
    unusable(directory_, failure_of("'state' cannot be opened"));
  }
  found = true;
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) unusable(directory_, failure_of("'state' cannot be read"));
  if (status.st_size > state_bytes_max) unusable(directory_, "'state' is too large to be one");
  std::vector<std::byte> bytes;
  if (!read_all(file.get(), bytes)) unusable(directory_, failure_of("'state' cannot be read"));
  auto state = wire::decode_persistent(bytes);
  if (!state) {
    unusable(directory_, "'state' is damaged (" + state.error().what +
                             "). It holds this node's promises, so it is not replaced silently: restore it, or move the directory "
                             "away to join as a new node");
  }
  return *state;
}

void StateStore::write_now(const protocol::PersistentState& state) {
  if (std::string error = replace_state(descriptor_.get(), state); !error.empty()) unusable(directory_, error);
  if (!log_.begun()) log_.begin();
}

void StateStore::attach(uv_loop_t* loop, std::function<void(const std::string&)> failed) {
  loop_ = loop;
  failed_ = std::move(failed);
}

void StateStore::write(std::vector<protocol::Write>& writes) {
  std::move(writes.begin(), writes.end(), std::back_inserter(waiting_));
  writes.clear();
  if (job_ == nullptr) start_job();
}

// Of several states behind each other only the last is written: each contains what the ones before it promised. A record that comes
// behind a state waits for the next job, so that no beginning of the writes is on disk without what stands before it.
void StateStore::start_job() {
  if (waiting_.empty() || broken_) return;
  auto job = std::make_unique<Job>();
  job->request.data = job.get();
  job->store = this;
  job->directory = descriptor_.get();
  while (!waiting_.empty() && (!job->state || waiting_.front().log.empty())) {
    protocol::Write& next = waiting_.front();
    std::move(next.log.begin(), next.log.end(), std::back_inserter(job->log));
    if (next.state) job->state = std::move(next.state);
    job->tokens.push_back(next.token);
    waiting_.pop_front();
  }
  ++writes_;
  job_ = std::move(job);  // not before: who waits for a job waits for what is queued, and there may be no memory to make one
  int queued = uv_queue_work(
      loop_, &job_->request, [](uv_work_t* request) { static_cast<Job*>(request->data)->run(); },
      [](uv_work_t* request, int) {
        auto* done = static_cast<Job*>(request->data);
        done->store->finish_job(done);
      });
  VSYNC_ASSERT(queued == 0);
}

void StateStore::finish_job(Job* job) {
  std::unique_ptr<Job> done = std::move(job_);
  VSYNC_ASSERT(done.get() == job);
  if (!done->error.empty()) {
    broken_ = true;
    failed_("state directory " + directory_ + ": " + done->error);
    return;
  }
  persisted_.insert(persisted_.end(), done->tokens.begin(), done->tokens.end());
  start_job();
}

void StateStore::take_persisted(std::vector<protocol::WriteToken>& tokens) {
  tokens.insert(tokens.end(), persisted_.begin(), persisted_.end());
  persisted_.clear();
}

}  // namespace vsync::daemon
