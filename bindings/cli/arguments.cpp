#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>

#include "exit_status.hpp"

namespace vsync::cli {
namespace {

const std::map<std::string, Level> levels{
    {"agreed", Level::agreed}, {"uniform", Level::uniform}, {"safe", Level::safe}, {"durable", Level::durable}, {"fifo", Level::fifo}};
const std::map<std::string, DeliverOn> confirmations{{"uniform", DeliverOn::uniform}, {"safe", DeliverOn::safe}, {"durable", DeliverOn::durable}};
const std::map<std::string, std::optional<bool>> waits{{"fail", false}, {"wait", true}};

constexpr const char* footer = R"(Exit status: 0 done, 1 the wait ran out before --count, 2 usage, 3 no connection to the daemon,
4 refused, 5 messages or outcomes lost, 6 a trace breaks a promise.)";

std::pair<std::string, std::string> split_header(const std::string& text) {
  const auto equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::string check_header(const std::string& text) {
  const auto equals = text.find('=');
  return equals == std::string::npos || equals == 0 ? "'" + text + "' is not NAME=VALUE" : "";
}

/// A number that a clock or a rate can be made of; NaN when it is none.
double number_in(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(number) ? number : std::nan("");
}

std::string check_rate(const std::string& text) { return number_in(text) > 0 ? "" : "'" + text + "' is no number above 0"; }
std::string check_seconds(const std::string& text) { return number_in(text) >= 0 ? "" : "'" + text + "' is no number of seconds"; }

std::string check_count(const std::string& text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc{} && end == text.data() + text.size() && count > 0 ? "" : "'" + text + "' is no whole number above 0";
}

/// An option that takes one of some words, in either case.
template <class Value>
CLI::Option* add_choice(CLI::App* command, const std::string& name, Value& value, const std::map<std::string, Value>& choices,
                        const std::string& description) {
  const auto take = [name, &value, &choices](std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto choice = choices.find(text);
    if (choice != choices.end()) {
      value = choice->second;
      return;
    }
    std::string words;
    for (const auto& [word, meaning] : choices) words += (words.empty() ? "" : ", ") + word;
    throw CLI::ValidationError(name, "'" + text + "' is none of " + words);
  };
  return command->add_option_function<std::string>(name, take, description);
}

/// The parser's option objects refer to the fields: both live until the parsing is done.
struct Parser {
  CLI::App app{"Publish to and subscribe to vsync's topics, and ask its daemon how it is.", "vsync"};
  Arguments arguments;
  PubArguments pub;
  SubArguments sub;
  StatusArguments status;
  GroupsArguments groups;
  MembersArguments members;
  BootstrapArguments bootstrap;
  ForcePrimaryArguments force_primary;
  JoinArguments join;
  ReloadArguments reload;
  bool discard = false;
  TraceCheckArguments trace_check;
  TraceDumpArguments trace_dump;
  std::string text;
  std::vector<std::string> headers;
  double wait_s = 0;
  std::optional<bool> when_blocked;  ///< wait?
  bool no_views = false;

  Parser() {
    app.footer(footer);
    app.require_subcommand(1);
    app.failure_message([](const CLI::App*, const CLI::Error& error) {
      return std::string("vsync: ") + error.what() + "\nRun `vsync --help`, or `vsync COMMAND --help`, for more information.\n";
    });
    app.set_version_flag("--version", "vsync " VSYNC_VERSION);
    app.add_option("--endpoint", arguments.endpoint, "Where the daemon listens, ipc://PATH (default: $VSYNC_ENDPOINT, else the system's daemon, else this user's)")
        ->type_name("ENDPOINT");
    app.add_option("--application", arguments.application, "Name of this program in group views")->type_name("NAME");
    app.fallthrough();
    add_pub();
    add_sub();
    add_questions();
    add_trace();
  }

  void add_pub() {
    CLI::App* command = app.add_subcommand("pub", "Publish TEXT, or each line of standard input, to a topic");
    command->add_option("TOPIC", pub.topic, "For example news.world")->required()->type_name("");
    command->add_option("TEXT", text, "The message; without it, one message per line of standard input")->type_name("");
    add_choice(command, "--level", pub.level, levels, "How it is to be confirmed: agreed (default), uniform, safe, durable, or fifo: no order but its publisher's")->type_name("LEVEL");
    command->add_option("--key", pub.key, "Key of the last value it replaces")->type_name("KEY");
    command->add_option("--header", headers, "A header, NAME=VALUE; may be repeated")->type_name("NAME=VALUE")->check(check_header)
        ->allow_extra_args(false);
    command->add_option("--rate", pub.rate, "Messages per second (default: as fast as it goes)")->type_name("N")->check(check_rate);
    command->add_option("--timeout", pub.timeout_s, "How long to wait for the outcomes at the end, in seconds (default 30)")
        ->type_name("SECONDS")->check(check_seconds);
    add_choice(command, "--when-blocked", when_blocked, waits, "Without a primary view: fail (the default with TEXT) or wait (without)")
        ->type_name("fail|wait");
  }

  void add_sub() {
    CLI::App* command = app.add_subcommand("sub", "Join topics, or patterns such as 'news.>', and print what comes");
    command->add_option("TOPIC", sub.topics, "Topics, or patterns with '*' (one level) and '>' (the rest)")->required()->type_name("");
    command->add_option("--count", sub.count, "End after so many messages")->type_name("N")->check(check_count);
    command->add_option("--wait", wait_s, "End when no message came for so long")->type_name("SECONDS")->check(check_seconds);
    auto* raw = command->add_flag("--raw", sub.raw, "Only the data, a line break after each");
    command->add_flag("--json", sub.json, "One JSON object per line")->excludes(raw);
    command->add_flag("--no-views", no_views, "Leave out the groups' views");
    add_choice(command, "--on-confirm", sub.deliver_on, confirmations, "Deliver when confirmed: uniform or safe (default: at once, in order)")
        ->type_name("LEVEL");
  }

  void add_questions() {
    CLI::App* command = app.add_subcommand("status", "How the daemon is: its view, its state, what it waits for");
    command->add_flag("--json", status.json, "As JSON");
    command = app.add_subcommand("groups", "All groups and how many members they have");
    command->add_flag("--json", groups.json, "As JSON");
    command = app.add_subcommand("members", "The members of a group");
    command->add_option("GROUP", members.group, "A topic, or a pattern with its observers")->required()->type_name("");
    command->add_flag("--json", members.json, "As JSON");
    command = app.add_subcommand("bootstrap", "Make a daemon that was never in a view a cluster of its own, for others to join");
    command->add_flag("--json", bootstrap.json, "As JSON");
    command = app.add_subcommand("force-primary", "Let a daemon whose others are lost for good go on with those that are left");
    command->add_flag("--json", force_primary.json, "As JSON");
    command = app.add_subcommand("join", "Make a daemon give up its own history and join the cluster that it hears");
    command->add_flag("--discard", discard, "Yes: what it has is to be given up (a daemon with nothing to give up joins by itself)")->required();
    command->add_flag("--json", join.json, "As JSON");
    command = app.add_subcommand("reload", "Have the daemon read its configuration again, and print what changed (exit status 1: it is wrong)");
    command->add_flag("--json", reload.json, "As JSON");
  }

  void add_trace() {
    CLI::App* trace = app.add_subcommand("trace", "Traces of what daemons did: dump the newest, check them against the promises");
    trace->require_subcommand(1);
    CLI::App* command =
        trace->add_subcommand("check", "Judge what daemons wrote (trace_file, dumps of their flight recorders), of one host or of several");
    command->add_option("FILE", trace_check.files, "All files of all daemons; what is missing is told, and not held against them")
        ->required()
        ->type_name("");
    command->add_flag("--json", trace_check.json, "As JSON");
    command = trace->add_subcommand("dump", "Have the daemon write its flight recorder to a file now, and print its path");
    command->add_flag("--json", trace_dump.json, "As JSON");
  }

  Arguments result() {
    if (app.got_subcommand("pub")) {
      if (app.get_subcommand("pub")->count("TEXT") != 0) pub.text = text;
      for (const std::string& header : headers) pub.headers.push_back(split_header(header));
      pub.wait_when_blocked = when_blocked.value_or(!pub.text);
      arguments.command = std::move(pub);
    } else if (app.got_subcommand("sub")) {
      if (app.get_subcommand("sub")->count("--wait") != 0) sub.wait_s = wait_s;
      sub.views = !no_views;
      arguments.command = std::move(sub);
    } else if (app.got_subcommand("status")) {
      arguments.command = status;
    } else if (app.got_subcommand("groups")) {
      arguments.command = groups;
    } else if (app.got_subcommand("members")) {
      arguments.command = std::move(members);
    } else if (app.got_subcommand("force-primary")) {
      arguments.command = force_primary;
    } else if (app.got_subcommand("join")) {
      arguments.command = join;
    } else if (app.got_subcommand("reload")) {
      arguments.command = reload;
    } else if (app.got_subcommand("bootstrap")) {
      arguments.command = bootstrap;
    } else if (app.get_subcommand("trace")->got_subcommand("check")) {
      arguments.command = std::move(trace_check);
    } else {
      arguments.command = trace_dump;
    }
    if (arguments.application.empty()) {
      arguments.application = std::holds_alternative<SubArguments>(arguments.command) ? "vsync-sub" : "vsync";
      if (std::holds_alternative<PubArguments>(arguments.command)) arguments.application = "vsync-pub";
    }
    return std::move(arguments);
  }
};

}  // namespace

std::variant<Arguments, int> parse(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  Parser parser;
  try {
    parser.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parser.app.exit(error, out, err) == 0 ? success : usage;
  }
  return parser.result();
}

}  // namespace vsync::cli
