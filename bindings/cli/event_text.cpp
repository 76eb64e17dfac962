#include "event_text.hpp"

#include <ctime>

namespace vsync::cli {
namespace {

std::string clock_time(Timestamp time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const std::time_t whole = seconds.count();
  std::tm local{};
  ::localtime_r(&whole, &local);
  char text[32];
  const int ms = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds).count());
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03d", local.tm_hour, local.tm_min, local.tm_sec, ms);
  return text;
}

std::string text(const Message& message, const Paint& paint) {
  std::string line = paint(Colour::dim, clock_time(message.published_at)) + "  " + paint(Colour::cyan, printable(message.topic)) + "  ";
  if (!message.key.empty()) line += paint(Colour::dim, "[" + printable(message.key) + "]") + "  ";
  return line + printable(message.text());
}

std::string text(const GroupView& view, const Paint& paint) {
  std::string line = "-- " + printable(view.group) + " view " + std::to_string(view.number) + ": " + std::to_string(view.members.size()) +
                     (view.members.size() == 1 ? " member" : " members");
  for (const Member& member : view.joined) line += "  " + paint(Colour::green, "+" + printable(member.display_name()));
  for (const GroupView::Departure& departure : view.left) {
    line += "  " + paint(Colour::red, "-" + printable(departure.member.display_name()) + " (" + name_of(departure.reason) + ")");
  }
  return line;
}

std::string text(const Joined& joined, const Paint& paint) {
  return paint(Colour::dim, "-- joined " + printable(joined.group) + (joined.again ? " again" : ""));
}

std::string text(const JoinRefused& refused, const Paint& paint) {
  return paint(Colour::red, "-- not joined " + printable(refused.group) + ": " + name_of(refused.code) + " " + printable(refused.text));
}

std::string text(const StateChange& change, const Paint& paint) {
  const Colour colour = change.state == ComponentState::primary ? Colour::green : Colour::yellow;
  return "-- " + paint(colour, name_of(change.state)) + (change.reason.empty() ? "" : ": " + printable(change.reason));
}

std::string text(const Resync& resync, const Paint& paint) {
  std::string line = "-- resync: this host was away; in common up to " + to_string(resync.last_common);
  if (resync.orphaned) line += ", delivered in vain " + to_string(resync.orphaned->first) + " to " + to_string(resync.orphaned->second);
  return paint(Colour::yellow, line + ", missed " + to_string(resync.missed_from) + " to " + to_string(resync.missed_to));
}

std::string text(const Gap& gap, const Paint& paint) {
  return paint(Colour::red, "-- gap: " + to_string(gap.from) + " to " + to_string(gap.to) + " will not come: " + printable(gap.reason));
}

std::string text(const Removed& removed, const Paint& paint) {
  return paint(Colour::red, "-- removed from " + printable(removed.group) + ": " + name_of(removed.code) + " " + printable(removed.text));
}

std::string text(const Disconnected& disconnected, const Paint& paint) {
  return paint(Colour::yellow, "-- daemon gone: " + printable(disconnected.reason));
}

std::string text(const Reconnected& reconnected, const Paint& paint) {
  return paint(Colour::green, "-- daemon " + printable(reconnected.node) + " is back (" + name_of(reconnected.state) + ")");
}

std::string text(const Mark&, const Paint&) { return {}; }
std::string text(const Outcome&, const Paint&) { return {}; }
std::string text(const Writable&, const Paint&) { return {}; }
std::string text(const Closed&, const Paint&) { return {}; }

}  // namespace

std::string text_of(const Event& event, const Paint& paint) {
  return std::visit([&](const auto& each) { return text(each, paint); }, event);
}

}  // namespace vsync::cli
