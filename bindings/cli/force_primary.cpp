// vsync force-primary: a daemon goes on with those that are left.

#include "commands.hpp"
#include "questions.hpp"

namespace vsync::cli {

int run_force_primary(Connection connection, const ForcePrimaryArguments& arguments) {
  const std::string node = connection.node();
  return answer(connection.force_primary(), arguments.json, [&](const Json&) {
    return node + " goes on with those of its last view that it hears; `vsync status` shows the new epoch. If others went on from that view, "
                  "too, `vsync join --discard` on one side ends that\n";
  });
}

}  // namespace vsync::cli
