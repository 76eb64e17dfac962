// vsync reload: the daemon reads its configuration again.

#include "commands.hpp"
#include "exit_status.hpp"
#include "questions.hpp"
#include "terminal.hpp"

namespace vsync::cli {
namespace {

std::string lines(const Json& changes, const std::string& behind) {
  std::string out;
  for (const Json& change : changes) {
    const auto text = [&](const char* name) { return printable(change.at(name).get<std::string>()); };
    out += text("key") + ": " + text("from") + " -> " + text("to") + behind + "\n";
  }
  return out;
}

}  // namespace

int run_reload(Connection connection, const ReloadArguments& arguments) {
  const auto reply = connection.reload();
  if (!reply && reply.error().code == RequestError::Code::refused && reply.error().reason == ErrorCode::unavailable) {
    complain(reply.error().text);
    return not_enough;
  }
  return answer(reply, arguments.json, [](const Json& said) {
    const std::string out = lines(said.at("changed"), "") + lines(said.at("at_restart"), " takes a restart; kept as it was until then");
    return out.empty() ? std::string("nothing has changed\n") : out;
  });
}

}  // namespace vsync::cli
