// vsync bootstrap: a daemon that was never in a view becomes a cluster of its own.

#include "commands.hpp"
#include "questions.hpp"

namespace vsync::cli {

int run_bootstrap(Connection connection, const BootstrapArguments& arguments) {
  const std::string node = connection.node();
  return answer(connection.bootstrap(), arguments.json,
                [&](const Json&) { return node + " begins a new cluster, unless it hears of a running one in its first moments; others that name it as a peer join it\n"; });
}

}  // namespace vsync::cli
