// vsync members: who is in a group.

#include "commands.hpp"
#include "questions.hpp"
#include "terminal.hpp"

namespace vsync::cli {

int run_members(Connection connection, const MembersArguments& arguments) {
  const Paint paint = Paint::for_stream(stdout);
  return answer(connection.members(arguments.group), arguments.json, [&](const Json& reply) {
    std::vector<std::vector<std::string>> rows{{"member", "node", "application", "session"}};
    const auto text = [](const Json& member, const char* name) { return printable(member.at(name).get<std::string>()); };
    for (const Json& member : reply.at("members")) {
      rows.push_back({text(member, "member"), text(member, "node"), text(member, "application"), text(member, "session")});
    }
    std::string out = printable(reply.at("group").get<std::string>()) + ", view " + reply.at("number").dump() + "\n" + table(rows, paint);
    if (reply.value("truncated", false)) out += "... and more: there are too many for one answer\n";
    return out;
  });
}

}  // namespace vsync::cli
