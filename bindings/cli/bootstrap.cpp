// vsync bootstrap: a daemon that was never in a view becomes a cluster of its own.

#include "commands.hpp"
#include "questions.hpp"

namespace vsync::cli {

int run_bootstrap(Connection connection, const BootstrapArguments& arguments) {
  const std::string node = connection.node();
  return answer(connection.bootstrap(), arguments.json,
                [&](const Json&) { return node + " is the first member of a new cluster; others that name it as a peer join it now\n"; });
}

}  // namespace vsync::cli
