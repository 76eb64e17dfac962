#include "tests/simulation/workers.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(VSYNC_COVERAGE)
extern "C" void __gcov_dump();
#endif

namespace vsync::simulation {
namespace {

using Run = std::function<RunResult(std::uint64_t)>;

/// A child that takes every `step`-th seed and tells of each in two lines: when it begins, and how it ended.
struct Worker {
  pid_t pid = -1;
  int pipe = -1;
  std::string unread;
  std::optional<std::uint64_t> current;
  std::uint64_t next = 0;
};

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

void write_all(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno != EINTR) _exit(3);
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
}

std::string line_of(const RunResult& result) {
  std::string line = "E " + std::to_string(result.inputs) + " " + std::to_string(result.views) + " " + std::to_string(result.delivered) +
                     " " + std::to_string(result.published) + " " + std::to_string(result.ok) + " " + std::to_string(result.resent) + " " +
                     std::to_string(result.resyncs) + " " + std::to_string(result.view_changes) + " " +
                     std::to_string(result.in_vain) + " " + std::to_string(result.blocked) + " " + std::to_string(result.churn) + " " + std::to_string(result.herd_views) + " " +
                     std::to_string(result.node_time.count()) + " " + std::to_string(result.settling.count()) + " " +
                     std::to_string(result.herding.count());
  for (const std::uint64_t faults : result.faults) line += " " + std::to_string(faults);
  for (const std::uint64_t stood : result.stood) line += " " + std::to_string(stood);
  for (const auto& step : result.strikes) {
    for (const std::uint64_t strikes : step) line += " " + std::to_string(strikes);
  }
  if (!result.violations.empty()) {
    const checker::Violation& first = result.violations.front();
    line += " " + first.property + ": " + one_line(first.text);
    if (result.violations.size() > 1) line += " (and " + std::to_string(result.violations.size() - 1) + " more)";
  }
  return line + "\n";
}

SeedReport report_of(std::uint64_t seed, const std::string& line) {
  SeedReport report{.seed = seed, .failure = {}, .counts = {}};
  const char* at = line.c_str() + 1;
  const auto number = [&at] {
    char* end = nullptr;
    const std::uint64_t value = std::strtoull(at, &end, 10);
    at = end;
    return value;
  };
  RunResult& counts = report.counts;
  for (std::uint64_t* field : {&counts.inputs, &counts.views, &counts.delivered, &counts.published, &counts.ok, &counts.resent,
                               &counts.resyncs, &counts.view_changes, &counts.in_vain, &counts.blocked, &counts.churn, &counts.herd_views}) {
    *field = number();
  }
  counts.node_time = protocol::Duration(static_cast<std::int64_t>(number()));
  counts.settling = protocol::Duration(static_cast<std::int64_t>(number()));
  counts.herding = protocol::Duration(static_cast<std::int64_t>(number()));
  for (std::uint64_t& faults : counts.faults) faults = number();
  for (std::uint64_t& stood : counts.stood) stood = number();
  for (auto& step : counts.strikes) {
    for (std::uint64_t& strikes : step) strikes = number();
  }
  if (*at == ' ') report.failure = at + 1;
  return report;
}

/// Ends this process after so much more of its own processor time: a busy machine, or one that sleeps, makes no seed hang.
void allow(unsigned seconds) {
  itimerval timer{};
  timer.it_value.tv_sec = seconds;
  setitimer(ITIMER_PROF, &timer, nullptr);
}

[[noreturn]] void work(int out, std::uint64_t first, std::uint64_t end, unsigned step, unsigned seconds, const Run& run) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (std::uint64_t seed = first; seed < end; seed += step) {
    write_all(out, "B " + std::to_string(seed) + "\n");
    allow(seconds);
    write_all(out, line_of(run(seed)));
  }
#if defined(VSYNC_COVERAGE)
  __gcov_dump();  // what this process has counted would end with it
#endif
  _exit(0);
}

/// Of what the system refuses nothing can be told but that.
[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

Worker spawn(std::uint64_t first, std::uint64_t end, unsigned step, unsigned seconds, const Run& run) {
  int fds[2];
  if (pipe(fds) != 0) give_up("no pipe");
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid < 0) give_up("no process");
  if (pid == 0) {
    close(fds[0]);
    work(fds[1], first, end, step, seconds, run);
  }
  close(fds[1]);
  return {.pid = pid, .pipe = fds[0], .unread = {}, .current = std::nullopt, .next = first};
}

/// Reads what a worker tells. False: it has ended.
bool read_more(Worker& worker, unsigned step, std::vector<SeedReport>& reports) {
  char buffer[4096];
  const ssize_t got = read(worker.pipe, buffer, sizeof buffer);
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  worker.unread.append(buffer, static_cast<std::size_t>(got));
  for (std::size_t end; (end = worker.unread.find('\n')) != std::string::npos;) {
    const std::string line = worker.unread.substr(0, end);
    worker.unread.erase(0, end + 1);
    if (line.front() == 'B') {
      worker.current = std::strtoull(line.c_str() + 1, nullptr, 10);
      worker.next = *worker.current + step;
    } else if (worker.current) {
      reports.push_back(report_of(*worker.current, line));
      worker.current.reset();
    }
  }
  return true;
}

std::string how_it_ended(int status, unsigned seconds) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) return "hang: no end within " + std::to_string(seconds) + " s of processor time";
  if (WIFSIGNALED(status)) return std::string("crash: ") + strsignal(WTERMSIG(status)) + " (a broken invariant is told on standard error)";
  return "crash: exit status " + std::to_string(WEXITSTATUS(status));
}

void finish(Worker& worker) {
  close(worker.pipe);
  worker.pipe = -1;
  kill(worker.pid, SIGKILL);
  waitpid(worker.pid, nullptr, 0);
}

}  // namespace

unsigned jobs_of_this_machine() {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return processors < 1 ? 1 : static_cast<unsigned>(processors);
}

void run_seeds(std::uint64_t first, std::uint64_t count, unsigned jobs, unsigned seconds, const Run& run,
               const std::function<bool(const SeedReport&)>& each) {
  const std::uint64_t end = first + count;
  std::vector<Worker> workers;
  for (unsigned job = 0; job < jobs && first + job < end; ++job) workers.push_back(spawn(first + job, end, jobs, seconds, run));
  bool go_on = true;
  while (go_on && !workers.empty()) {
    std::vector<pollfd> polled;
    for (const Worker& worker : workers) polled.push_back({worker.pipe, POLLIN, 0});
    poll(polled.data(), polled.size(), -1);
    for (std::size_t i = polled.size(); go_on && i-- > 0;) {
      if (polled[i].revents == 0) continue;
      Worker& worker = workers[i];
      std::vector<SeedReport> reports;
      const bool alive = read_more(worker, jobs, reports);
      if (!alive) {
        int status = 0;
        waitpid(worker.pid, &status, 0);
        close(worker.pipe);
        if (worker.current) reports.push_back({.seed = *worker.current, .failure = how_it_ended(status, seconds), .counts = {}});
        const std::uint64_t next = worker.next;
        const bool failed = worker.current.has_value();
        workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
        if (failed && next < end) workers.push_back(spawn(next, end, jobs, seconds, run));
      }
      for (const SeedReport& report : reports) go_on = go_on && each(report);
    }
  }
  for (Worker& worker : workers) finish(worker);
}

SeedReport run_apart(std::uint64_t seed, unsigned seconds, const Run& run) {
  SeedReport found;
  run_seeds(seed, 1, 1, seconds, run, [&](const SeedReport& report) {
    found = report;
    return true;
  });
  return found;
}

}  // namespace vsync::simulation
