#include "checker/trace_text.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <limits>
#include <optional>

namespace vsync::checker {
namespace {

constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

// Writer and Reader share one description of every event (the `fields` functions below), so that they can't disagree.
class Writer {
 public:
  explicit Writer(std::string& out) : line_(out) {}

  void text(char c) { line_ += c; }
  template <std::unsigned_integral T>
  void number(T& value, T /*max*/ = std::numeric_limits<T>::max()) { digits(value); }
  void clock(std::int64_t& value) { digits(value); }
  void name(std::string& value) {
    constexpr std::string_view hex = "0123456789abcdef";
    if (value.find_first_not_of(plain) == std::string::npos) {
      line_ += value;
      return;
    }
    for (const char c : value) {
      if (plain.find(c) != std::string_view::npos) { line_ += c; continue; }
      const auto byte = static_cast<unsigned char>(c);
      line_ += '%';
      line_ += hex[byte >> 4];
      line_ += hex[byte & 15];
    }
  }
  template <class T, class Item>
  void list(std::vector<T>& items, Item item) {
    digits(items.size());
    for (T& element : items) {
      line_ += ' ';
      item(element);
    }
  }
  template <class T, class Item>
  void optional(std::optional<T>& value, Item item) {
    line_ += value ? '+' : '-';
    if (value) item(*value);
  }

 private:
  template <class T>
  void digits(T value) {
    char text[20];
    line_.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  }

  std::string& line_;
};

class Reader {
 public:
  explicit Reader(std::string_view line) : rest_(line) {}

  void text(char c) {
    if (!rest_.empty() && rest_.front() == c) { rest_.remove_prefix(1); return; }
    fail(LineError::bad_field);
  }
  template <std::unsigned_integral T>
  void number(T& value, T max = std::numeric_limits<T>::max()) {
    digits(value);
    if (value > max) fail(LineError::out_of_range);
  }
  void clock(std::int64_t& value) { digits(value); }
  void name(std::string& value) {
    value.clear();
    while (!rest_.empty() && (rest_.front() == '%' || plain.find(rest_.front()) != std::string_view::npos)) {
      if (rest_.front() != '%') { value += rest_.front(); rest_.remove_prefix(1); continue; }
      unsigned byte = 0;
      if (rest_.size() < 3 || std::from_chars(rest_.data() + 1, rest_.data() + 3, byte, 16).ptr != rest_.data() + 3) {
        return fail(LineError::bad_field);
      }
      value += static_cast<char>(byte);
      rest_.remove_prefix(3);
    }
  }
  template <class T, class Item>
  void list(std::vector<T>& items, Item item) {
    std::uint32_t size = 0;
    digits(size);
    if (size > rest_.size() / 2) return fail(LineError::list_too_long);  // an item is a space and one character at least
    items.resize(size);
    for (T& element : items) {
      text(' ');
      item(element);
      if (error_) return;
    }
  }
  template <class T, class Item>
  void optional(std::optional<T>& value, Item item) {
    const bool there = !rest_.empty() && rest_.front() == '+';
    text(there ? '+' : '-');
    if (there) item(value.emplace());
  }
  std::string_view word() {
    const std::string_view found = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(found.size());
    return found;
  }
  void fail(LineError error) { if (!error_) error_ = error; }
  [[nodiscard]] std::optional<LineError> error() const { return error_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  template <class T>
  void digits(T& value) {
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (code != std::errc{}) return fail(code == std::errc::result_out_of_range ? LineError::out_of_range : LineError::bad_field);
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
  }

  std::string_view rest_;
  std::optional<LineError> error_;
};

template <class A>
void io(A& a, bool& value) {
  std::uint8_t number = value ? 1 : 0;
  a.number(number, std::uint8_t{1});
  value = number != 0;
}
template <class A, class Enum>
  requires std::is_enum_v<Enum>
void io_enum(A& a, Enum& value, Enum last) {
  auto number = static_cast<std::uint8_t>(value);
  a.number(number, static_cast<std::uint8_t>(last));
  value = static_cast<Enum>(number);
}
template <class A>
void io(A& a, std::uint64_t& value) { a.number(value); }
template <class A>
void io(A& a, std::uint32_t& value) { a.number(value); }
template <class A>
void io(A& a, std::uint16_t& value) { a.number(value); }
template <class A, class Tag>
void io(A& a, protocol::Number<Tag>& value) { a.number(value.value); }
template <class A>
void io(A& a, protocol::Lane& lane) { a.number(lane.value); }
template <class A>
void io(A& a, protocol::Rank& rank) { a.number(rank.value); }
template <class A>
void io(A& a, protocol::Level& level) { io_enum(a, level, protocol::Level::fifo); }
template <class A>
void io(A& a, protocol::NodeId& node) {
  a.name(node.name), a.text('/'), a.number(node.incarnation.counter), a.text('/'), a.number(node.incarnation.random);
}
template <class A>
void io(A& a, protocol::Epoch& epoch) { a.number(epoch.number), a.text('.'), a.number(epoch.random); }
template <class A>
void io(A& a, protocol::ViewId& id) { io(a, id.epoch), a.text('/'), a.number(id.number); }
template <class A>
void io(A& a, protocol::Position& p) {
  io(a, p.epoch), a.text('/'), a.number(p.view), a.text('/'), io(a, p.lane), a.text('/'), io(a, p.seq);
}
template <class A>
void io(A& a, protocol::Ballot& ballot) { a.number(ballot.round), a.text('/'), io(a, ballot.coordinator); }
template <class A>
void io(A& a, protocol::SessionId& session) { a.number(session.high), a.text('-'), a.number(session.low); }
template <class A>
void io(A& a, protocol::Member& member) {
  io(a, member.node), a.text(':'), a.number(member.weight), a.text(':'), a.number(member.full_weight), a.text(':');
  io(a, member.witness), a.text(':'), io(a, member.loaded);
  a.text(':'), a.number(member.speaks.oldest), a.text('-'), a.number(member.speaks.newest);
}

/// How many messages a run has that was delivered. Properties look at each one, so that a damaged line must not have billions.
struct Run {
  std::uint32_t& count;
};
constexpr std::uint32_t run_max = 1u << 16;  // of wire/limits.hpp, which isn't known here
template <class A>
void io(A& a, Run& run) { a.number(run.count, run_max); }

/// Each field behind a space.
template <class A, class... T>
void row(A& a, T&&... values) {
  ((a.text(' '), io(a, values)), ...);
}
template <class A>
void io(A& a, protocol::View& view) {
  io(a, view.id), row(a, view.tie_breaker, view.min_weight, view.version), a.text(' ');
  a.list(view.members, [&](protocol::Member& member) { io(a, member); });
  a.text(' ');
  a.list(view.sequencers, [&](protocol::Rank& rank) { io(a, rank); });
  a.text(' ');
  a.list(view.forced, [&](protocol::Forced& forced) {
    io(a, forced.epoch), a.text(':'), io(a, forced.from), a.text(':'), a.name(forced.by), a.text(':'), a.clock(forced.at);
  });
}

template <class A>
void fields(A& a, NodeStarted& e) { row(a, e.with_disk, e.clock); }
template <class A>
void fields(A&, Crashed&) {}
template <class A>
void fields(A& a, Published& e) { row(a, e.session, e.first_n, e.count, e.lane, e.level, e.digest, e.accepted); }
template <class A>
void fields(A& a, Delivered& e) {
  row(a, e.first, e.publisher, e.stream, Run{e.count}, e.skip, e.session, e.first_n, e.level, e.after, e.digest);
}
template <class A>
void fields(A& a, ViewInstalled& e) { row(a, e.view, e.restart, e.forced); }
template <class A>
void fields(A& a, GroupView& e) {
  row(a, e.position), a.text(' '), a.name(e.group), row(a, e.number), a.text(' ');
  a.list(e.members, [&](protocol::SessionId& session) { io(a, session); });
  row(a, e.digest);
}
template <class A>
void fields(A& a, SessionChanged& e) { row(a, e.session, e.node, e.open); }
template <class A>
void fields(A& a, Marked& e) { row(a, e.up_to, e.level, e.of_view, e.member_lost_before); }
template <class A>
void fields(A& a, Resolved& e) {
  row(a, e.session, e.first_n, e.count), a.text(' ');
  io_enum(a, e.outcome, protocol::Outcome::session_expired), row(a, e.first);
}
template <class A>
void fields(A& a, StateChanged& e) { a.text(' '), io_enum(a, e.state, protocol::ComponentState::blocked); }
template <class A>
void fields(A& a, Resynced& e) {
  row(a, e.last_common), a.text(' ');
  a.optional(e.orphaned_from, [&](protocol::Position& p) { io(a, p); });
  a.text(' ');
  a.optional(e.orphaned_to, [&](protocol::Position& p) { io(a, p); });
}
template <class A>
void fields(A& a, AnsweredBallot& e) { row(a, e.view, e.ballot, e.from_disk, e.own); }
template <class A>
void fields(A& a, BallotValue& e) { row(a, e.view, e.ballot, e.value, e.next); }
template <class A>
void fields(A& a, AcceptedBallot& e) { row(a, e.view, e.ballot, e.own); }
template <class A>
void fields(A& a, Held& e) { row(a, e.view, e.lane, e.held); }
template <class A>
void fields(A& a, Resumed& e) { row(a, e.paused_ns); }
template <class A>
void fields(A& a, Stored& e) { row(a, e.view, e.lane, e.stored); }
template <class A>
void fields(A& a, Logged& e) {
  a.text(' ');
  a.list(e.runs, [&](Logged::Run& run) { io(a, run.first), row(a, run.count, run.session, run.first_n, run.digest); });
}
template <class A>
void fields(A& a, Diverged& e) {
  row(a, e.agreed, e.differs), a.text(' ');
  a.list(e.wrong, [&](protocol::NodeId& node) { io(a, node); });
}
template <class A>
void fields(A& a, Continued& e) {
  a.text(' ');
  a.optional(e.view, [&](protocol::View& view) { io(a, view); });
  row(a, e.clock);
}
template <class A>
void fields(A&, Interrupted&) {}

// By index in TraceBody.
constexpr std::array<std::string_view, std::variant_size_v<TraceBody>> names = {
    "started", "crashed", "published", "delivered", "view",   "group",    "session", "marked",
    "resolved", "state",  "resync",    "answered",  "ballot", "accepted", "held",
    "resumed",  "stored",  "logged",   "diverged", "continued", "interrupted"};

template <std::size_t I = 0>
bool read_body(Reader& reader, std::string_view name, TraceBody& body) {
  if constexpr (I == std::variant_size_v<TraceBody>) {
    return false;
  } else {
    if (names[I] != name) return read_body<I + 1>(reader, name, body);
    fields(reader, body.emplace<I>());
    return true;
  }
}

}  // namespace

const char* describe(LineError error) {
  switch (error) {
    case LineError::unknown_event: return "unknown event";
    case LineError::bad_field: return "a field is not what this event has there";
    case LineError::out_of_range: return "a number is out of range";
    case LineError::list_too_long: return "a list is longer than its line";
    case LineError::text_after_event: return "text after the event";
  }
  return "unknown error";
}

void append_line(std::string& text, TraceEvent& event) {
  Writer writer(text);
  std::int64_t time = event.time.time_since_epoch().count();
  writer.clock(time);
  writer.text(' ');
  io(writer, event.node);
  writer.text(' ');
  text += names[event.body.index()];
  std::visit([&](auto& body) { fields(writer, body); }, event.body);
}

std::string to_line(TraceEvent event) {
  std::string line;
  append_line(line, event);
  return line;
}

Result<TraceEvent, LineError> parse_line(std::string_view line) {
  TraceEvent event;
  Reader reader(line);
  std::int64_t time = 0;
  reader.clock(time);
  event.time = protocol::TimePoint(protocol::Duration(time));
  reader.text(' ');
  io(reader, event.node);
  reader.text(' ');
  if (!reader.error() && !read_body(reader, reader.word(), event.body)) return Unexpected{LineError::unknown_event};
  if (!reader.error() && !reader.at_end()) reader.fail(LineError::text_after_event);
  if (reader.error()) return Unexpected{*reader.error()};
  return event;
}

}  // namespace vsync::checker
