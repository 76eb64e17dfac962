#pragma once
// The command line of `vsync`, understood.

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vsync/level.hpp"

namespace vsync::cli {

struct PubArguments {
  std::string topic;
  std::optional<std::string> text;  ///< none: lines of standard input
  Level level = Level::agreed;
  std::string key;
  std::vector<std::pair<std::string, std::string>> headers;
  double rate = 0;                  ///< messages per second, 0: as fast as it goes
  double timeout_s = 30;
  bool wait_when_blocked = false;   ///< else it fails; a stream of lines waits unless told otherwise
};

struct SubArguments {
  std::vector<std::string> topics;
  std::uint64_t count = 0;          ///< 0: no end
  std::optional<double> wait_s;
  bool raw = false;
  bool json = false;
  bool views = true;
  DeliverOn deliver_on = DeliverOn::order;
};

struct StatusArguments { bool json = false; };
struct GroupsArguments { bool json = false; };
struct MembersArguments { std::string group; bool json = false; };
struct BootstrapArguments { bool json = false; };
struct ForcePrimaryArguments { bool json = false; };
struct JoinArguments { bool json = false; };
struct ReloadArguments { bool json = false; };
struct TraceCheckArguments { std::vector<std::string> files; bool json = false; };
struct TraceDumpArguments { bool json = false; };

struct Arguments {
  std::string endpoint;     ///< empty: VSYNC_ENDPOINT or the default
  std::string application;  ///< how this program shows in group views
  std::variant<PubArguments, SubArguments, StatusArguments, GroupsArguments, MembersArguments, BootstrapArguments,
               ForcePrimaryArguments, JoinArguments, ReloadArguments, TraceCheckArguments, TraceDumpArguments> command;
};

/// Either what is to be done, or the exit status because everything is said already (--help, --version, an error).
[[nodiscard]] std::variant<Arguments, int> parse(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace vsync::cli
