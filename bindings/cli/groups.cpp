// vsync groups: all groups and the numbers of their members.

#include "commands.hpp"
#include "questions.hpp"
#include "terminal.hpp"

namespace vsync::cli {

int run_groups(Connection connection, const GroupsArguments& arguments) {
  const Paint paint = Paint::for_stream(stdout);
  return answer(connection.groups(), arguments.json, [&](const Json& reply) {
    std::vector<std::vector<std::string>> rows{{"group", "members"}};
    for (const Json& group : reply.at("groups")) {
      rows.push_back({printable(group.at("group").get<std::string>()), group.at("members").dump()});
    }
    std::string out = rows.size() == 1 ? "no groups\n" : table(rows, paint);
    if (reply.value("truncated", false)) out += "... and more: there are too many for one answer\n";
    return out;
  });
}

}  // namespace vsync::cli
