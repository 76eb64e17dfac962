// vsync trace dump: the daemon writes what its flight recorder holds.

#include "commands.hpp"
#include "questions.hpp"
#include "terminal.hpp"

namespace vsync::cli {

int run_trace_dump(Connection connection, const TraceDumpArguments& arguments) {
  return answer(connection.dump_trace(), arguments.json,
                [](const Json& reply) { return printable(reply.at("file").get<std::string>()) + "\n"; });
}

}  // namespace vsync::cli
