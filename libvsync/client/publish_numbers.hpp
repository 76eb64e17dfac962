#pragma once
// Which publish numbers of a session are still without an outcome.

#include <cstdint>
#include <map>
#include <vector>

namespace vsync::client {

/// Publishes `first` .. `first + count - 1`.
struct Run {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  [[nodiscard]] std::uint64_t end() const { return first + count; }
  bool operator==(const Run&) const = default;
};

/// Numbers are used one after the other from 1 and resolved in any order, mostly from the front; an outcome may be told twice.
class PublishNumbers {
 public:
  std::uint64_t use() {
    ++unresolved_;
    return ++last_;
  }
  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] std::uint64_t unresolved() const { return unresolved_; }

  /// The lowest number that isn't resolved, last() + 1 if there is none.
  [[nodiscard]] std::uint64_t floor() const { return floor_; }
  [[nodiscard]] bool all_resolved(const Run& run) const { return unresolved_within(run).empty(); }
  /// The parts of `run` that are in use and unresolved, in order.
  [[nodiscard]] std::vector<Run> unresolved_within(const Run& run) const;
  /// Resolves `run`; returns the parts that weren't resolved before.
  std::vector<Run> resolve(const Run& run);

 private:
  std::uint64_t last_ = 0;
  std::uint64_t floor_ = 1;
  std::map<std::uint64_t, std::uint64_t> resolved_;  ///< [first, end) above floor_, apart from each other
  std::uint64_t unresolved_ = 0;

  void mark(std::uint64_t first, std::uint64_t end);
};

}  // namespace vsync::client
