// vsyncd: reads its command line and its configuration, then runs. What stops a start is said in one line.

#include <cstdio>
#include <exception>
#include <iostream>

#include "daemon/command_line.hpp"
#include "daemon/configuration.hpp"
#include "daemon/curve_keys.hpp"
#include "daemon/daemon.hpp"
#include "daemon/start_error.hpp"

namespace {

using vsync::daemon::CommandLine;
using vsync::daemon::ExitStatus;

ExitStatus act(const CommandLine& line) {
  switch (line.what) {
    case CommandLine::What::print_defaults: std::cout << vsync::daemon::default_configuration_text(); return ExitStatus::success;
    case CommandLine::What::keygen:
      vsync::daemon::write_key_pair(line.key_directory);
      std::cout << line.key_directory << "/secret.key and " << line.key_directory << "/public.key\n";
      return ExitStatus::success;
    case CommandLine::What::check:
    case CommandLine::What::run: break;
  }
  const vsync::daemon::ConfigurationSource source{line.configuration_file, line.settings};
  const auto configuration = source.load();
  if (line.what == CommandLine::What::check) {
    std::cout << "the configuration is sound: node " << configuration.node << ", " << configuration.peers.size() << " peers, socket "
              << configuration.socket << ", state in " << configuration.state_dir << "\n";
    return ExitStatus::success;
  }
  return vsync::daemon::run_daemon(configuration, source);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    int status = 0;
    const auto line = vsync::daemon::parse_command_line(argc, argv, status);
    return line ? static_cast<int>(act(*line)) : status;
  } catch (const vsync::daemon::StartError& error) {
    std::fprintf(stderr, "vsyncd: %s\n", error.what());
    return static_cast<int>(error.status());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vsyncd: %s\n", error.what());
    return static_cast<int>(ExitStatus::failure);
  }
}
