#include "daemon/command_line.hpp"

#include <CLI/CLI.hpp>

#include "daemon/start_error.hpp"

namespace vsync::daemon {

std::optional<CommandLine> parse_command_line(int argc, char** argv, int& status) {
  CommandLine line;
  bool check = false;
  bool print_defaults = false;

  CLI::App app{"vsyncd: virtual synchrony for the applications of this host"};
  app.footer(
      "Without a configuration it is a cluster of one host at once.\n"
      "Exit status: 0 stopped orderly, 2 command line or configuration, 3 socket, address or state directory in use,\n"
      "4 state directory unusable, 5 cannot listen, 6 a write of the state failed while running, 1 anything else.");
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("vsyncd: ") + error.what() + "\nRun `vsyncd --help` for more information.\n";
  });
  app.set_version_flag("--version", "vsyncd " VSYNC_VERSION);
  app.add_option("-c,--config", line.configuration_file, "configuration file (TOML)")->type_name("FILE");
  app.add_option("--set", line.settings, "sets one key, over the file; may be repeated")->type_name("KEY=VALUE")->allow_extra_args(false);
  app.add_flag("--check", check, "checks the configuration and exits");
  app.add_flag("--print-defaults", print_defaults, "prints every key with its meaning and default");
  CLI::App* keygen = app.add_subcommand("keygen", "makes secret.key and public.key in a directory");
  keygen->add_option("DIR", line.key_directory, "directory, made if needed; keys there are never overwritten")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    status = app.exit(error) == 0 ? static_cast<int>(ExitStatus::success) : static_cast<int>(ExitStatus::usage);
    return std::nullopt;
  }
  if (keygen->parsed()) line.what = CommandLine::What::keygen;
  if (check) line.what = CommandLine::What::check;
  if (print_defaults) line.what = CommandLine::What::print_defaults;
  return line;
}

}  // namespace vsync::daemon
