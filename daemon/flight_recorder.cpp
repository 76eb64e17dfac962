#include "daemon/flight_recorder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "checker/trace_text.hpp"
#include "daemon/file_io.hpp"

namespace vsync::daemon {

namespace {

// A file gets its name when it is whole, since half a dump would pass for a life that ended there. Until then it is hidden.
constexpr std::string_view name_head = ".flight.";
constexpr std::string_view name_tail = ".trace";
constexpr std::string_view no_view = " continued -";

constexpr std::array fatal_signals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
std::array<struct sigaction, fatal_signals.size()> former_actions;
std::atomic<FlightRecorder*> armed = nullptr;
// For a fault of the stack itself.
alignas(16) std::array<char, 64 << 10> signal_stack;

bool write_text(int file, std::string_view text) { return write_all(file, std::as_bytes(std::span(text.data(), text.size()))); }

/// Incarnation and number of a dump, whole or not.
using Numbers = std::pair<std::uint64_t, std::uint64_t>;
std::optional<Numbers> numbers_of(std::string_view name) {
  const std::string_view head = name.starts_with('.') ? name_head : name_head.substr(1);
  if (!name.starts_with(head) || !name.ends_with(name_tail)) return std::nullopt;
  name.remove_prefix(head.size());
  Numbers numbers;
  const char* end = name.data() + name.size();
  const auto incarnation = std::from_chars(name.data(), end, numbers.first);
  if (incarnation.ec != std::errc{} || incarnation.ptr == end || *incarnation.ptr != '.') return std::nullopt;
  const auto number = std::from_chars(incarnation.ptr + 1, end, numbers.second);
  if (number.ec != std::errc{} || std::string_view(number.ptr, end) != name_tail) return std::nullopt;
  return numbers;
}

/// Leaves room for one more.
void remove_oldest(int directory) {
  UniqueFd opened(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* list = opened.valid() ? ::fdopendir(opened.get()) : nullptr;
  if (list == nullptr) return;
  (void)opened.release();
  std::vector<std::pair<Numbers, std::string>> dumps;
  while (const dirent* entry = ::readdir(list)) {
    if (const auto numbers = numbers_of(entry->d_name)) dumps.emplace_back(*numbers, entry->d_name);
  }
  ::closedir(list);
  std::sort(dumps.begin(), dumps.end());
  for (std::size_t i = 0; i + FlightRecorder::files_kept <= dumps.size(); ++i) ::unlinkat(directory, dumps[i].second.c_str(), 0);
}

/// As a signal handler may. False: errno says why.
bool write_file(int directory, const char* hidden_name, std::span<const std::string_view> parts) {
  const UniqueFd file(::openat(directory, hidden_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return false;
  const auto take = [&](std::string_view part) { return write_text(file.get(), part); };
  if (std::all_of(parts.begin(), parts.end(), take) && ::renameat(directory, hidden_name, directory, hidden_name + 1) == 0) return true;
  const int error = errno;
  ::unlinkat(directory, hidden_name, 0);
  errno = error;
  return false;
}

/// Empty on success.
std::string write_newest(int directory, const char* hidden_name, const std::string& path, std::string_view text) {
  remove_oldest(directory);
  return write_file(directory, hidden_name, {&text, 1}) ? std::string() : failure_of(path);
}

/// Where the second space stands, or the end.
std::size_t end_of_head(std::string_view line) {
  const std::size_t space = line.find(' ');
  return space == std::string_view::npos ? line.size() : std::min(line.find(' ', space + 1), line.size());
}

}  // namespace

struct FlightRecorder::Job {
  uv_work_t request{};
  FlightRecorder* recorder = nullptr;  ///< null: gone meanwhile
  Name name;
  std::string path;
  UniqueFd directory;
  std::string text;
  std::string error;
  std::function<void(const Dumped&)> done;
};

FlightRecorder::FlightRecorder(const std::string& directory, std::uint64_t incarnation, std::size_t bytes)
    : directory_(std::filesystem::absolute(directory).lexically_normal().string()),
      descriptor_(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
      name_begin_(std::string(name_head) + std::to_string(incarnation) + "."),
      size_(bytes),
      ring_(std::make_unique_for_overwrite<char[]>(bytes)),
      contexts_{{.text = std::string(no_view)}},
      appending_thread_(pthread_self()) {
  remove_oldest(descriptor_.get());
}

FlightRecorder::~FlightRecorder() {
  if (job_ != nullptr) job_->recorder = nullptr;
  FlightRecorder* self = this;
  if (!armed.compare_exchange_strong(self, nullptr)) return;
  for (std::size_t i = 0; i < fatal_signals.size(); ++i) ::sigaction(fatal_signals[i], &former_actions[i], nullptr);
}

// ---------------------------------------------------------------- recording

// Says first that it appends and looks for a signal then, as a signal's handler does the other way round: at least one of the two notices
// the other, whichever threads they are on.
void FlightRecorder::append(const checker::TraceEvent& event, std::string_view line) {
  if (std::holds_alternative<checker::Logged>(event.body)) return;
  appending_ = true;
  if (!frozen_) record(event, line);
  appending_ = false;
}

void FlightRecorder::record(const checker::TraceEvent& event, std::string_view line) {
  ended_ = std::holds_alternative<checker::Crashed>(event.body);
  if (const auto* installed = std::get_if<checker::ViewInstalled>(&event.body)) {
    const std::string text = checker::to_line({event.time, event.node, checker::Continued{.view = installed->view}});
    contexts_.push_back({.at = end_, .text = text.substr(end_of_head(text), text.rfind(' ') - end_of_head(text))});
  } else if (const auto* started = std::get_if<checker::NodeStarted>(&event.body)) {
    contexts_.push_back({.at = end_, .start = true, .text = std::string(no_view)});
    clock_ = " " + std::to_string(started->clock);
  }
  if (line.size() <= size_ / 2) {
    make_room(line.size());
    copy(end_, line);
    last_line_ = end_;
    end_ += line.size();
  } else {
    end_ += line.size();
    give_up(end_);
  }
}

void FlightRecorder::publish() { published_ = end_; }

// What is about to be overwritten is given up first: a signal finds whole lines at any moment.
void FlightRecorder::make_room(std::size_t bytes) {
  const std::uint64_t needed = end_ + bytes > size_ ? end_ + bytes - size_ : 0;
  if (needed <= begin_) return;
  const Piece piece = held(needed - 1, end_);  // a line may end exactly there
  const std::size_t in_first = piece.first.find('\n');
  give_up(in_first != std::string_view::npos ? needed + in_first : needed + piece.first.size() + piece.second.find('\n'));
}

void FlightRecorder::give_up(std::uint64_t before) {
  begin_ = before;
  while (contexts_.size() > 1 && contexts_[1].at < before) contexts_.pop_front();
}

void FlightRecorder::copy(std::uint64_t at, std::string_view text) {
  const std::size_t place = at % size_;
  const std::size_t first = std::min(text.size(), size_ - place);
  std::memcpy(ring_.get() + place, text.data(), first);
  std::memcpy(ring_.get(), text.data() + first, text.size() - first);
}

FlightRecorder::Piece FlightRecorder::held(std::uint64_t from, std::uint64_t to) const {
  if (from >= to) return {};
  const std::size_t place = from % size_;
  const std::size_t length = to - from;
  const std::size_t first = std::min(length, size_ - place);
  return {{ring_.get() + place, first}, {ring_.get(), length - first}};
}

// ---------------------------------------------------------------- dumps

std::string_view FlightRecorder::head_of_line(std::uint64_t at, std::uint64_t end, Buffer& buffer) const {
  const Piece piece = held(at, std::min<std::uint64_t>(end, at + buffer.size()));
  char* behind = std::copy(piece.first.begin(), piece.first.end(), buffer.data());
  behind = std::copy(piece.second.begin(), piece.second.end(), behind);
  const std::string_view line{buffer.data(), behind};
  return line.substr(0, end_of_head(line));
}

FlightRecorder::Parts FlightRecorder::parts(Buffer& buffer) const {
  const std::uint64_t begin = begin_, end = published_;
  const Piece piece = held(begin, end);
  const bool with_start = contexts_.size() > 1 && contexts_[1].at == begin && contexts_[1].start;
  if (with_start || begin >= end) return {piece.first, piece.second};
  return {head_of_line(begin, end, buffer), contexts_.front().text, clock_, "\n", piece.first, piece.second};
}

std::string FlightRecorder::text() const {
  Buffer buffer;
  std::string text;
  text.reserve(size_ + 2 * buffer.size());
  for (const std::string_view part : parts(buffer)) text += part;
  if (!text.empty() && !ended_) text.append(head_of_line(last_line_, published_, buffer)).append(" interrupted\n");
  return text;
}

FlightRecorder::Name FlightRecorder::next_name() {
  Name name{};
  char* at = std::copy(name_begin_.begin(), name_begin_.end(), name.data());
  at = std::to_chars(at, name.data() + name.size(), next_number_.fetch_add(1)).ptr;
  std::copy(name_tail.begin(), name_tail.end(), at);
  return name;
}

std::string FlightRecorder::path_of(const Name& name) const { return directory_ + "/" + (name.data() + 1); }

FlightRecorder::Dumped FlightRecorder::dump_now() {
  const Name name = next_name();
  const std::string error = write_newest(descriptor_.get(), name.data(), path_of(name), text());
  return error.empty() ? Dumped(path_of(name)) : Dumped(Unexpected{error});
}

bool FlightRecorder::dump(uv_loop_t* loop, std::function<void(const Dumped&)> done) {
  if (job_ != nullptr) return false;
  auto job = std::make_unique<Job>();
  job->request.data = job.get();
  job->recorder = this;
  job->name = next_name();
  job->path = path_of(job->name);
  job->directory = UniqueFd(::fcntl(descriptor_.get(), F_DUPFD_CLOEXEC, 0));
  job->text = text();
  job->done = std::move(done);
  const int queued = uv_queue_work(
      loop, &job->request,
      [](uv_work_t* request) {
        Job& work = *static_cast<Job*>(request->data);
        work.error = write_newest(work.directory.get(), work.name.data(), work.path, work.text);
      },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Job> work(static_cast<Job*>(request->data));
        if (work->recorder == nullptr) return;
        work->recorder->job_ = nullptr;
        work->done(work->error.empty() ? Dumped(work->path) : Dumped(Unexpected{work->error}));
      });
  if (queued != 0) return false;
  job_ = job.release();
  return true;
}

// ---------------------------------------------------------------- fatal signals

void FlightRecorder::dump_on_fatal_signals() {
  appending_thread_ = pthread_self();
  FlightRecorder* nobody = nullptr;
  if (!armed.compare_exchange_strong(nobody, this)) return;
  stack_t stack{};
  if (::sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE) != 0) {
    stack = {};
    stack.ss_sp = signal_stack.data();
    stack.ss_size = signal_stack.size();
    ::sigaltstack(&stack, nullptr);
  }
  struct sigaction action {};
  action.sa_sigaction = &FlightRecorder::on_fatal_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < fatal_signals.size(); ++i) ::sigaction(fatal_signals[i], &action, &former_actions[i]);
}

// Only what is allowed in a signal handler (signal-safety(7)) from here on. Afterwards the signal does what it would have done, a core
// dump included: a fault happens again when this returns, and a signal that was sent is sent again.
void FlightRecorder::on_fatal_signal(int number, siginfo_t* info, void*) {
  const int error = errno;
  if (FlightRecorder* recorder = armed.exchange(nullptr)) recorder->write_in_signal_handler(number);
  for (std::size_t i = 0; i < fatal_signals.size(); ++i) {
    if (fatal_signals[i] == number) ::sigaction(number, &former_actions[i], nullptr);
  }
  if (info->si_code <= 0) ::raise(number);
  errno = error;
}

void FlightRecorder::write_in_signal_handler(int number) {
  frozen_ = true;
  // The loop's thread goes on while another one is here, and ends what it is at.
  for (int tries = 0; tries < 1000 && appending_ && pthread_equal(pthread_self(), appending_thread_) == 0; ++tries) {
    const timespec moment{0, 10'000};
    ::nanosleep(&moment, nullptr);
  }
  const Name name = next_name();
  Buffer buffer;
  const bool written = write_file(descriptor_.get(), name.data(), parts(buffer));
  char digits[16];
  const std::string_view signal{digits, std::to_chars(digits, digits + sizeof digits, number).ptr};
  const std::string_view what = written ? ": the newest events are in " : ": the newest events can't be written to ";
  for (const std::string_view part : {std::string_view("<2>vsync: signal "), signal, what, std::string_view(directory_),
                                      std::string_view("/"), std::string_view(name.data() + 1), std::string_view("\n")}) {
    (void)write_text(STDERR_FILENO, part);
  }
}

}  // namespace vsync::daemon
