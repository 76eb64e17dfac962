#pragma once
// Flight recorder: the newest events of this daemon's trace, always at hand, in a ring of bounded memory. The ring holds the text that a
// dump consists of, so that a fatal signal has nothing to do but write it. A dump that doesn't begin with a start says where it begins
// (Continued), with the view of that moment; one whose daemon goes on says that it ends (Interrupted).

#include <pthread.h>
#include <uv.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "checker/trace.hpp"
#include "daemon/unique_fd.hpp"
#include "vsync/result.hpp"

namespace vsync::daemon {

class FlightRecorder {
 public:
  static constexpr std::size_t files_kept = 8;  ///< dumps in the directory, those of earlier incarnations included

  /// Dumps are flight.<incarnation>.<n>.trace in `directory`, which is there. Removes the oldest of earlier incarnations.
  FlightRecorder(const std::string& directory, std::uint64_t incarnation, std::size_t bytes);
  ~FlightRecorder();
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  /// An event and its line, with its end. What it pushes out, whole lines, is gone; a line longer than half of the ring takes everything
  /// before it along. A log of durable messages isn't recorded: it may be longer than the ring, and what it tells is on disk.
  void append(const checker::TraceEvent& event, std::string_view line);
  /// What was appended is in dumps from now on: events of one moment come together.
  void publish();

  /// From now until the end of this object, SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT (a failed assertion) leave a dump before they end
  /// the process as they would have. To be called on the thread that appends. One recorder of a process at a time.
  void dump_on_fatal_signals();

  using Dumped = Result<std::string, std::string>;  ///< the path, or what failed
  /// Writes on a worker of `loop` what is published by now, and calls `done` on the loop; not after the end of this object. False: a dump is
  /// being written already, and `done` isn't called.
  [[nodiscard]] bool dump(uv_loop_t* loop, std::function<void(const Dumped&)> done);
  /// The same at once, for a daemon that is about to stop.
  [[nodiscard]] Dumped dump_now();

 private:
  struct Job;
  struct Piece {
    std::string_view first, second;  ///< behind each other: the ring may wrap
  };
  using Parts = std::array<std::string_view, 6>;
  using Buffer = std::array<char, 512>;  ///< for what a line begins with
  using Name = std::array<char, 128>;
  static void on_fatal_signal(int number, siginfo_t* info, void* context);
  void write_in_signal_handler(int number);
  void record(const checker::TraceEvent& event, std::string_view line);
  [[nodiscard]] Piece held(std::uint64_t from, std::uint64_t to) const;
  void make_room(std::size_t bytes);
  void give_up(std::uint64_t before);
  void copy(std::uint64_t at, std::string_view text);
  /// "<time> <node>" of the line that begins there.
  [[nodiscard]] std::string_view head_of_line(std::uint64_t at, std::uint64_t end, Buffer& buffer) const;
  /// What is published, behind the line that says where it begins, unless that is a start.
  [[nodiscard]] Parts parts(Buffer& buffer) const;
  /// The same with its end, for a daemon that goes on.
  [[nodiscard]] std::string text() const;
  /// Hidden by its first character.
  [[nodiscard]] Name next_name();
  [[nodiscard]] std::string path_of(const Name& name) const;

  std::string directory_;
  UniqueFd descriptor_;
  std::string name_begin_;  ///< ".flight.<incarnation>."
  std::size_t size_;
  std::unique_ptr<char[]> ring_;
  std::atomic<std::uint64_t> next_number_ = 1;

  // Places count on from the first byte ever appended; modulo the size they are places in the ring.
  std::atomic<std::uint64_t> begin_ = 0;
  std::atomic<std::uint64_t> published_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t last_line_ = 0;

  bool ended_ = false;  ///< by the last line: nothing will follow

  /// What " continued" says of a dump that begins behind `at`.
  struct Context {
    std::uint64_t at = 0;
    bool start = false;  ///< the line there is a start
    std::string text;
  };
  std::deque<Context> contexts_;  ///< the first as of begin_, the others in the ring
  std::string clock_ = " 0";

  pthread_t appending_thread_;
  std::atomic<bool> appending_ = false;
  std::atomic<bool> frozen_ = false;  ///< by a fatal signal
  Job* job_ = nullptr;                ///< under way on a worker
};

}  // namespace vsync::daemon
