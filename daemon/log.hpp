#pragma once
// The daemon's log: structured fields in the journal under systemd, readable lines on standard error elsewhere. A problem
// is logged once, where it is handled, with its consequence; node and view are added to every line here.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "protocol/ids.hpp"

namespace vsync::daemon {

/// Values are those of syslog.
enum class Severity : int { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// `key` is a journal field's name: capitals, digits and '_'. One without a value is left out.
struct Field {
  std::string_view key;
  std::string value;
};

/// Lets a burst through, then one per interval, so that whoever causes a line can't fill a disk with it.
class RateLimit {
 public:
  bool allow(protocol::TimePoint now);
  /// How many weren't allowed since the last one that was; resets.
  std::uint64_t take_suppressed();

 private:
  static constexpr int burst = 5;
  static constexpr std::chrono::seconds interval{10};
  protocol::TimePoint window_{};
  int used_ = 0;
  std::uint64_t suppressed_ = 0;
};

class Log {
 public:
  explicit Log(Severity threshold);

  void set_node(std::string node) { node_ = std::move(node); }
  void set_view(std::string view) { view_ = std::move(view); }
  void set_threshold(Severity threshold) { threshold_ = threshold; }

  void error(std::string_view text, std::initializer_list<Field> fields = {}) { write(Severity::error, text, fields); }
  void warning(std::string_view text, std::initializer_list<Field> fields = {}) { write(Severity::warning, text, fields); }
  void notice(std::string_view text, std::initializer_list<Field> fields = {}) { write(Severity::notice, text, fields); }
  void info(std::string_view text, std::initializer_list<Field> fields = {}) { write(Severity::info, text, fields); }
  void debug(std::string_view text, std::initializer_list<Field> fields = {}) { write(Severity::debug, text, fields); }

  /// As the others, but for what a peer or an application can cause at will.
  void limited(RateLimit& limit, Severity severity, std::string_view text, std::initializer_list<Field> fields = {});

 private:
  void write(Severity severity, std::string_view text, std::initializer_list<Field> fields);
  void to_journal(Severity severity, std::string_view text, std::initializer_list<Field> fields) const;
  void to_stderr(Severity severity, std::string_view text, std::initializer_list<Field> fields) const;

  Severity threshold_;
  bool journal_;
  bool colour_;
  std::string node_;
  std::string view_;
};

}  // namespace vsync::daemon
