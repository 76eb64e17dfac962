// The `vsync` command.

#include <iostream>
#include <type_traits>

#include "arguments.hpp"
#include "commands.hpp"
#include "exit_status.hpp"
#include "terminal.hpp"

namespace {

using namespace vsync;
using namespace vsync::cli;

int exit_status_of(const ConnectError& error) {
  complain(error.text);
  if (error.code == ConnectError::Code::bad_options) return usage;
  return error.code == ConnectError::Code::refused ? refusal : connection;
}

int run(const Arguments& arguments) {
  if (const auto* check = std::get_if<TraceCheckArguments>(&arguments.command)) return run_trace_check(*check);
  StopSignal stop;
  auto opened = Connection::open({.endpoint = arguments.endpoint, .application = arguments.application});
  if (!opened) return exit_status_of(opened.error());
  return std::visit(
      [&](const auto& command) -> int {
        using Command = std::decay_t<decltype(command)>;
        if constexpr (std::is_same_v<Command, PubArguments>) return run_pub(std::move(*opened), command, stop);
        if constexpr (std::is_same_v<Command, SubArguments>) return run_sub(std::move(*opened), command, stop);
        if constexpr (std::is_same_v<Command, StatusArguments>) return run_status(std::move(*opened), command);
        if constexpr (std::is_same_v<Command, GroupsArguments>) return run_groups(std::move(*opened), command);
        if constexpr (std::is_same_v<Command, MembersArguments>) return run_members(std::move(*opened), command);
        if constexpr (std::is_same_v<Command, BootstrapArguments>) return run_bootstrap(std::move(*opened), command);
        if constexpr (std::is_same_v<Command, ForcePrimaryArguments>) return run_force_primary(std::move(*opened), command);
        if constexpr (std::is_same_v<Command, JoinArguments>) return run_join(std::move(*opened), command);
        if constexpr (std::is_same_v<Command, ReloadArguments>) return run_reload(std::move(*opened), command);
        if constexpr (std::is_same_v<Command, TraceDumpArguments>) return run_trace_dump(std::move(*opened), command);
        return usage;
      },
      arguments.command);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto parsed = parse(argc, argv, std::cout, std::cerr);
    if (const int* status = std::get_if<int>(&parsed)) return *status;
    return run(std::get<Arguments>(parsed));
  } catch (const std::exception& problem) {  // out of descriptors or memory
    complain(problem.what());
    return connection;
  }
}
