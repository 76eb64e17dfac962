#include "event_json.hpp"

#include "json.hpp"

namespace vsync::cli {
namespace {

void position(JsonWriter& json, std::string_view name, const Position& at) {
  json.name(name).begin_object();
  json.name("epoch").number(at.epoch.number).name("view").number(at.view);
  json.name("lane").number(std::uint64_t{at.lane}).name("seq").number(at.seq).end_object();
}

void range(JsonWriter& json, std::string_view name, const Position& from, const Position& to) {
  json.name(name).begin_object();
  position(json, "from", from);
  position(json, "to", to);
  json.end_object();
}

void members(JsonWriter& json, std::string_view name, const std::vector<Member>& all) {
  json.name(name).begin_array();
  for (const Member& member : all) json.text(member.display_name());
  json.end_array();
}

void headers(JsonWriter& json, const Headers& all) {
  json.name("headers").begin_object();
  bool text_only = true;
  for (const Header& header : all.list()) {
    if (valid_utf8(header.value)) {
      json.name(header.name).text(header.value);
    } else {
      text_only = false;
    }
  }
  json.end_object();
  if (text_only) return;
  json.name("headers_base64").begin_object();
  for (const Header& header : all.list()) {
    if (!valid_utf8(header.value)) json.name(header.name).text(base64(header.value));
  }
  json.end_object();
}

std::int64_t ns(Timestamp time) { return time.time_since_epoch().count(); }

bool write(JsonWriter& json, const Message& message) {
  json.name("event").text("message").name("topic").text(message.topic);
  position(json, "position", message.position);
  json.name("publisher").text(std::string(message.publisher.node) + '#' + to_string(message.publisher.session).substr(0, 8));
  json.bytes("key", message.key);
  headers(json, message.headers);
  json.name("published_at").number(ns(message.published_at)).name("ordered_at");
  if (message.ordered_at) {
    json.number(ns(*message.ordered_at));
  } else {
    json.null();
  }
  json.name("level").text(name_of(message.level));
  json.bytes("data", message.text());
  return true;
}

bool write(JsonWriter& json, const GroupView& view) {
  json.name("event").text("view").name("group").text(view.group).name("id").number(view.number);
  position(json, "position", view.position);
  members(json, "members", view.members);
  members(json, "joined", view.joined);
  json.name("left").begin_array();
  for (const GroupView::Departure& departure : view.left) {
    json.begin_object().name("member").text(departure.member.display_name());
    json.name("reason").text(name_of(departure.reason)).end_object();
  }
  json.end_array();
  return true;
}

bool write(JsonWriter& json, const Joined& joined) {
  json.name("event").text("joined").name("group").text(joined.group);
  position(json, "position", joined.position);
  json.name("again").boolean(joined.again);
  return true;
}

bool write(JsonWriter& json, const JoinRefused& refused) {
  json.name("event").text("refused").name("group").text(refused.group).name("reason").text(name_of(refused.code)).name("text").text(refused.text);
  return true;
}

bool write(JsonWriter& json, const Mark& mark) {
  json.name("event").text("mark");
  position(json, "up_to", mark.up_to);
  json.name("level").text(name_of(mark.level)).name("view").number(mark.view);
  json.name("member_lost_before").boolean(mark.member_lost_before);
  return true;
}

bool write(JsonWriter& json, const StateChange& change) {
  json.name("event").text("state").name("state").text(name_of(change.state)).name("reason").text(change.reason);
  json.name("view").begin_object().name("epoch").number(change.view_epoch).name("number").number(change.view_number).end_object();
  return true;
}

bool write(JsonWriter& json, const Resync& resync) {
  json.name("event").text("resync");
  position(json, "last_common", resync.last_common);
  if (resync.orphaned) {
    range(json, "orphaned", resync.orphaned->first, resync.orphaned->second);
  } else {
    json.name("orphaned").null();
  }
  range(json, "missed", resync.missed_from, resync.missed_to);
  return true;
}

bool write(JsonWriter& json, const Gap& gap) {
  json.name("event").text("gap");
  position(json, "from", gap.from);
  position(json, "to", gap.to);
  json.name("reason").text(gap.reason);
  return true;
}

bool write(JsonWriter& json, const Removed& removed) {
  json.name("event").text("removed").name("group").text(removed.group).name("reason").text(name_of(removed.code)).name("text").text(removed.text);
  return true;
}

bool write(JsonWriter& json, const Disconnected& disconnected) {
  json.name("event").text("disconnected").name("reason").text(disconnected.reason);
  return true;
}

bool write(JsonWriter& json, const Reconnected& reconnected) {
  json.name("event").text("reconnected").name("node").text(reconnected.node).name("state").text(name_of(reconnected.state));
  return true;
}

bool write(JsonWriter& json, const Closed& closed) {
  if (closed.by_application) return false;
  json.name("event").text("closed").name("reason").text(name_of(closed.code)).name("text").text(closed.text);
  return true;
}

bool write(JsonWriter&, const Outcome&) { return false; }
bool write(JsonWriter&, const Writable&) { return false; }

}  // namespace

void append_json(std::string& out, const Event& event) {
  const std::size_t before = out.size();
  JsonWriter json(out);
  json.begin_object();
  if (!std::visit([&](const auto& each) { return write(json, each); }, event)) return out.resize(before);
  json.end_object();
  out += '\n';
}

}  // namespace vsync::cli
