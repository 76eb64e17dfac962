#include "daemon/state_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>

#include "daemon/start_error.hpp"
#include "protocol/assert.hpp"
#include "wire/peer.hpp"

namespace vsync::daemon {

namespace {

constexpr const char* state_name = "state";
constexpr const char* temporary_name = "state.new";
constexpr off_t state_bytes_max = 64 << 20;

std::string failure(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

// Empty on success, else what failed. A file that was only half written keeps its temporary name, which nobody reads.
std::string replace_state(int directory, std::span<const std::byte> bytes) {
  UniqueFd file(::openat(directory, temporary_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return failure("create");
  if (!write_all(file.get(), bytes)) return failure("write");
  if (::fsync(file.get()) != 0) return failure("fsync");
  if (::renameat(directory, temporary_name, directory, state_name) != 0) return failure("rename");
  if (::fsync(directory) != 0) return failure("fsync of the directory");
  return {};
}

[[noreturn]] void unusable(const std::string& directory, const std::string& why) {
  throw StartError(ExitStatus::state_unusable, "state directory " + directory + ": " + why);
}

}  // namespace

struct StateStore::Job {
  uv_work_t request{};
  StateStore* store = nullptr;
  int directory = -1;
  std::vector<std::byte> bytes;
  std::vector<protocol::WriteToken> tokens;
  std::string error;
};

StateStore::StateStore(std::string directory) : directory_(std::move(directory)) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(directory_).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) unusable(directory_, parent.string() + " cannot be made: " + error.message());
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) unusable(directory_, failure("cannot be made"));
  descriptor_ = UniqueFd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor_.valid()) unusable(directory_, failure("cannot be opened"));
  lock_ = UniqueFd(::openat(descriptor_.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid()) unusable(directory_, failure("cannot be written"));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) unusable(directory_, failure("cannot be locked"));
    throw StartError(ExitStatus::in_use, "state directory " + directory_ + " is in use by another daemon");
  }
}

StateStore::~StateStore() { VSYNC_ASSERT(job_ == nullptr); }

protocol::PersistentState StateStore::load() const {
  UniqueFd file(::openat(descriptor_.get(), state_name, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return {};
    unusable(directory_, failure("'state' cannot be opened"));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) unusable(directory_, failure("'state' cannot be read"));
  if (status.st_size > state_bytes_max) unusable(directory_, "'state' is too large to be one");
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  if (::pread(file.get(), bytes.data(), bytes.size(), 0) != status.st_size) unusable(directory_, failure("'state' cannot be read"));
  auto state = wire::decode_persistent(bytes);
  if (!state) {
    unusable(directory_, "'state' is damaged (" + state.error().what +
                             "). It holds this node's promises, so it is not replaced silently: restore it, or move the directory "
                             "away to join as a new node");
  }
  return *state;
}

void StateStore::write_now(const protocol::PersistentState& state) const {
  std::vector<std::byte> bytes;
  wire::encode(state, bytes);
  if (std::string error = replace_state(descriptor_.get(), bytes); !error.empty()) unusable(directory_, error);
}

void StateStore::attach(uv_loop_t* loop, std::function<void(const std::string&)> failed) {
  loop_ = loop;
  failed_ = std::move(failed);
}

void StateStore::write(std::vector<protocol::Write>& writes) {
  for (protocol::Write& write : writes) {
    waiting_.push_back(write.token);
    newest_ = std::move(write.state);
  }
  writes.clear();
  if (job_ == nullptr) start_job();
}

// Each state contains what the ones before it promised, so the newest on disk fulfils the tokens of all.
void StateStore::start_job() {
  if (!newest_ || broken_) return;
  job_ = std::make_unique<Job>();
  job_->request.data = job_.get();
  job_->store = this;
  job_->directory = descriptor_.get();
  job_->tokens.swap(waiting_);
  wire::encode(*newest_, job_->bytes);
  newest_.reset();
  ++writes_;
  int queued = uv_queue_work(
      loop_, &job_->request,
      [](uv_work_t* request) {
        auto* job = static_cast<Job*>(request->data);
        job->error = replace_state(job->directory, job->bytes);
      },
      [](uv_work_t* request, int) {
        auto* job = static_cast<Job*>(request->data);
        job->store->finish_job(job);
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
