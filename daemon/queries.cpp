#include "daemon/queries.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "wire/limits.hpp"

namespace vsync::daemon {

namespace {

// Keys in the order in which people want to read them.
using Json = nlohmann::ordered_json;

// A little below the bound, for the envelope around it.
constexpr std::size_t json_bytes_max = wire::local_envelope_bytes_max - (64u << 10);

std::string hex(std::uint64_t high, std::uint64_t low) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(high), static_cast<unsigned long long>(low));
  return text;
}

// What an application called itself is checked by wire/; text that is no UTF-8 must not stop the answer all the same.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json view_json(const protocol::View& view) {
  Json members = Json::array();
  for (const protocol::Member& member : view.members) {
    members.push_back({{"node", member.node.name},
                       {"incarnation", member.node.incarnation.counter},
                       {"weight", member.weight},
                       {"full_weight", member.full_weight},
                       {"witness", member.witness},
                       {"oldest_version", member.speaks.oldest},
                       {"newest_version", member.speaks.newest},
                       {"loaded", member.loaded}});
  }
  Json forced = Json::array();
  for (const protocol::Forced& each : view.forced) {
    forced.push_back({{"epoch", each.epoch.number}, {"from", name_of(each.from)}, {"by", each.by}, {"at", each.at}});
  }
  return {{"epoch", view.id.epoch.number}, {"number", view.id.number}, {"version", view.version},
          {"forced", std::move(forced)},   {"members", std::move(members)}};
}

Json sequencer_json(const protocol::Status& status) {
  if (!status.view || !status.sequencer || status.sequencer->value >= status.view->size()) return nullptr;
  return status.view->at(*status.sequencer).node.name;
}

}  // namespace

const char* name_of(protocol::ComponentState state) {
  switch (state) {
    case protocol::ComponentState::joining: return "joining";
    case protocol::ComponentState::primary: return "primary";
    case protocol::ComponentState::blocked: return "blocked";
  }
  return "";
}

std::string name_of(const protocol::ViewId& view) { return std::to_string(view.epoch.number) + "." + std::to_string(view.number); }

std::string status_json(const protocol::Status& status, const protocol::Directory& directory, std::size_t sessions,
                        const Counters& counters, std::span<const LinkReport> links) {
  Json json;
  json["node"] = status.self.name;
  json["incarnation"] = status.self.incarnation.counter;
  json["cluster"] = hex(status.cluster.high, status.cluster.low);
  json["state"] = name_of(status.component);
  json["view"] = status.view ? view_json(*status.view) : Json(nullptr);
  json["sequencer"] = sequencer_json(status);
  json["lease"] = status.lease;
  json["loaded"] = status.loaded;
  json["waits_for"] = status.waits_for;
  json["heard"] = status.heard;
  json["suspected"] = status.suspected;
  json["unconfigured"] = status.unconfigured;
  json["parted"] = status.parted;
  json["links"] = Json::array();
  for (const LinkReport& link : links) {
    json["links"].push_back({{"peer", link.peer}, {"endpoint", link.endpoint}, {"up", link.up}});
    if (!link.next.empty()) json["links"].back()["next"] = link.next;
  }
  json["sessions"] = sessions;
  json["groups"] = directory.group_count();
  json["positions"] = {{"ordered", status.ordered.value},
                       {"delivered", status.delivered.value},
                       {"uniform", status.uniform.value},
                       {"durable", status.durable.value},
                       {"stable", status.stable.value}};
  Json counted;
  for_each_counter(counters, [&](const char* name, std::uint64_t value) { counted[name] = value; });
  counted["frames_stale"] = status.dropped_frames;
  counted["view_changes"] = status.view_changes;
  counted["unstable_bytes"] = status.unstable_bytes;
  json["counters"] = std::move(counted);
  return dump(json);
}

std::string groups_json(const protocol::Directory& directory) {
  Json groups = Json::array();
  std::size_t bytes = 0;
  bool truncated = false;
  directory.for_each_group([&](const std::string& name, const protocol::Group& group) {
    bytes += 2 * name.size() + 40;  // every byte of a name may need escaping
    truncated = truncated || bytes > json_bytes_max;
    if (!truncated) groups.push_back({{"group", name}, {"members", group.members.size()}});
  });
  Json json;
  json["groups"] = std::move(groups);
  if (truncated) json["truncated"] = true;
  return dump(json);
}

std::optional<std::string> members_json(const protocol::Directory& directory, const std::string& name) {
  const protocol::Group* group = directory.find(name);
  if (group == nullptr) return std::nullopt;
  Json members = Json::array();
  std::size_t bytes = 0;
  bool truncated = false;
  for (const protocol::GroupMember& member : directory.members(name)) {
    const std::string session = hex(member.session.high, member.session.low);
    Json entry = {{"member", member.application + "@" + member.node.name + "#" + session.substr(0, 8)},
                  {"node", member.node.name},
                  {"session", session},
                  {"application", member.application}};
    bytes += 2 * (2 * member.application.size() + member.node.name.size()) + 160;
    truncated = truncated || bytes > json_bytes_max;
    if (!truncated) members.push_back(std::move(entry));
  }
  Json json;
  json["group"] = name;
  json["number"] = group->number;
  json["members"] = std::move(members);
  if (truncated) json["truncated"] = true;
  return dump(json);
}

std::string reload_json(const Reload& reload) {
  const auto list = [](const std::vector<Reload::Change>& changes) {
    Json all = Json::array();
    for (const Reload::Change& change : changes) all.push_back({{"key", change.key}, {"from", change.from}, {"to", change.to}});
    return all;
  };
  return dump(Json{{"changed", list(reload.changed)}, {"at_restart", list(reload.at_restart)}});
}

std::string dump_json(const std::string& file) { return dump(Json{{"file", file}}); }

}  // namespace vsync::daemon
