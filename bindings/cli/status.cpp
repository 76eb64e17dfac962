// vsync status: how the daemon is, and if it is blocked, why and what it waits for.

#include <algorithm>

#include "commands.hpp"
#include "questions.hpp"
#include "status_text.hpp"

namespace vsync::cli {
namespace {

std::string plain(const Json& value) {
  if (value.is_null()) return "-";
  return printable(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string field(const Json& object, const char* name) { return object.contains(name) ? plain(object.at(name)) : "-"; }

std::string list(const Json& object, const char* name) {
  if (!object.contains(name) || object.at(name).empty()) return "-";
  if (!object.at(name).is_array()) return plain(object.at(name));
  std::string out;
  for (const Json& each : object.at(name)) out += (out.empty() ? "" : ", ") + plain(each);
  return out;
}

Colour colour_of(const std::string& state) {
  if (state == "primary") return Colour::green;
  return state == "blocked" ? Colour::red : Colour::yellow;
}

std::string explanation(const std::string& state, const std::string& waits_for) {
  const std::string reason = waits_for == "-" ? "\n" : ": " + waits_for + "\n";
  if (state == "blocked") return "it hears too few members of its view to go on, so it orders nothing" + reason;
  if (state == "joining") return "it isn't in a view that goes on" + reason;
  return {};
}

bool in_list(const Json& status, const char* name, const Json& node) {
  if (!status.contains(name) || !status.at(name).is_array()) return false;
  for (const Json& each : status.at(name)) {
    if (each == node) return true;
  }
  return false;
}

// Of a peer's two addresses one is in use.
std::string address_of(const Json& status, const Json& node) {
  for (const Json& link : status.value("links", Json::array())) {
    if (link.value("peer", Json()) != node) continue;
    const std::string next = link.contains("next") ? ", to be at " + field(link, "next") + " when that works" : "";
    if (link.value("up", false)) return " at " + field(link, "endpoint") + next;
  }
  return {};
}

// Whom an operator has yet to upgrade before the cluster goes over to what the others speak.
std::string older_members(const Json& view) {
  const Json members = view.value("members", Json::array());
  int newest = 0;
  for (const Json& member : members) newest = std::max(newest, member.value("newest_version", 0));
  std::string older;
  for (const Json& member : members) {
    if (member.value("newest_version", 0) < newest) older += (older.empty() ? "" : ", ") + field(member, "node");
  }
  return older.empty() ? "" : "; " + std::to_string(newest) + " waits for an upgrade of " + older;
}

std::string members_text(const Json& status, const Json& view, const Paint& paint) {
  std::vector<std::vector<std::string>> rows{{"member", "incarnation", "weight", "role", "link"}};
  for (const Json& member : view.value("members", Json::array())) {
    const Json node = member.value("node", Json());
    std::string role = rows.size() == 1 ? "coordinator" : "member";
    const auto add = [&](bool is, const char* what) { role += is ? std::string(", ") + what : ""; };
    add(status.value("sequencer", Json()) == node, "sequencer");
    add(member.value("witness", false), "witness");
    add(!member.value("loaded", true), "loading");
    std::string link = "-";
    if (in_list(status, "heard", node)) link = "heard";
    if (in_list(status, "suspected", node)) link = "suspected";
    link += address_of(status, node);
    if (status.value("node", Json()) == node) link = "this node";
    rows.push_back({plain(node), field(member, "incarnation"), field(member, "weight"), role, link});
  }
  return table(rows, paint);
}

}  // namespace

std::string status_text(const Json& status, const Paint& paint) {
  const std::string state = field(status, "state");
  std::string out = paint(Colour::bold, field(status, "node")) + " is " + paint(colour_of(state), state) + "\n";
  out += explanation(state, list(status, "waits_for"));
  if (const std::string parted = list(status, "parted"); parted != "-") {
    out += paint(Colour::red, "a forced primary has parted its history from that of " + parted) +
           ": they never merge; `vsync join --discard` at the daemons of one side gives that side up\n";
  }
  if (const std::string strangers = list(status, "unconfigured"); strangers != "-") {
    out += strangers + (status.at("unconfigured").size() == 1 ? " is a member but" : " are members but") + " not configured here\n";
  }
  const Json view = status.value("view", Json());
  std::vector<std::vector<std::string>> facts{{"", ""}};
  facts.push_back({"incarnation", field(status, "incarnation")});
  facts.push_back({"cluster", field(status, "cluster")});
  if (view.is_object()) {
    facts.push_back({"view", "epoch " + field(view, "epoch") + ", number " + field(view, "number")});
    for (const Json& forced : view.value("forced", Json::array())) {
      facts.push_back({"forced", "epoch " + field(forced, "epoch") + " by " + field(forced, "by") + ", from view " + field(forced, "from")});
    }
    facts.push_back({"protocol", "version " + field(view, "version") + older_members(view)});
  } else {
    facts.push_back({"view", "none"});
  }
  facts.push_back({"sequencer", field(status, "sequencer")});
  const Json lease = status.value("lease", Json());
  facts.push_back({"lease", lease.is_boolean() ? (lease.get<bool>() ? "held" : "not held") : plain(lease)});
  facts.push_back({"sessions", field(status, "sessions")});
  facts.push_back({"groups", field(status, "groups")});
  if (const Json positions = status.value("positions", Json()); positions.is_object()) {
    std::string text;
    for (const auto& [name, value] : positions.items()) text += (text.empty() ? "" : ", ") + name + " " + plain(value);
    facts.push_back({"positions", text});
  }
  const std::string columns = table(facts, Paint(false));
  out += columns.substr(columns.find('\n') + 1);
  if (view.is_object()) out += "\n" + members_text(status, view, paint);
  return out;
}

int run_status(Connection connection, const StatusArguments& arguments) {
  const Paint paint = Paint::for_stream(stdout);
  return answer(connection.status(), arguments.json, [&](const Json& status) { return status_text(status, paint); });
}

}  // namespace vsync::cli
