// vsync join --discard: a daemon gives up its history for that of the daemons it hears.

#include "commands.hpp"
#include "questions.hpp"

namespace vsync::cli {

int run_join(Connection connection, const JoinArguments& arguments) {
  const std::string node = connection.node();
  return answer(connection.discard(), arguments.json,
                [&](const Json&) { return node + " has given up what it had and joins the cluster that it hears; `vsync status` shows how far it is\n"; });
}

}  // namespace vsync::cli
