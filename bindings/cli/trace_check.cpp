// vsync trace check: the checker's verdict on what daemons wrote.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "checker/assemble.hpp"
#include "checker/names.hpp"
#include "commands.hpp"
#include "exit_status.hpp"
#include "json.hpp"
#include "terminal.hpp"

namespace vsync::cli {
namespace {

struct Verdict {
  checker::Assembled assembled;
  std::vector<std::string> holds;
  std::size_t violated = 0;  ///< properties
  std::vector<checker::Violation> violations;
  std::vector<checker::NotJudged> not_judged;
};

/// The whole file; nothing: errno says why.
std::optional<std::string> contents_of(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) return std::nullopt;
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get())) text.append(buffer, got);
  if (std::ferror(file.get()) != 0) return std::nullopt;
  return text;
}

std::optional<checker::Trace> trace_of(const std::string& path) {
  const auto text = contents_of(path);
  if (!text) {
    complain(path + " can't be read: " + std::strerror(errno));
    return std::nullopt;
  }
  auto trace = checker::read_trace(*text);
  if (!trace) {
    complain(path + ":" + std::to_string(trace.error().number) + ": " + checker::describe(trace.error().error) +
             "; this is no line of a trace that a vsyncd of this version wrote");
    return std::nullopt;
  }
  if (trace->events.empty()) {
    complain(path + ": no events; give files that a daemon wrote: its 'trace_file', or what `vsync trace dump` names");
    return std::nullopt;
  }
  return std::move(*trace);
}

Verdict judge(std::vector<checker::Trace> files) {
  Verdict verdict{.assembled = checker::assemble(std::move(files))};
  const checker::Options options = verdict.assembled.options();
  verdict.violations = checker::check(verdict.assembled.trace, options);
  verdict.not_judged = checker::not_judged(options);
  for (std::string& name : checker::property_names()) {
    const auto is_it = [&](const auto& found) { return found.property == name; };
    if (std::any_of(verdict.violations.begin(), verdict.violations.end(), is_it)) {
      ++verdict.violated;
    } else if (std::none_of(verdict.not_judged.begin(), verdict.not_judged.end(), is_it)) {
      verdict.holds.push_back(std::move(name));
    }
  }
  return verdict;
}

std::string names_of(const std::vector<protocol::NodeId>& nodes) {
  std::string text;
  for (const protocol::NodeId& node : nodes) text += ' ' + checker::name_of(node);
  return text;
}

std::string as_text(const Verdict& verdict, const Paint& paint) {
  std::string out;
  for (const std::string& name : verdict.holds) out += paint(Colour::green, "holds") + "       " + name + "\n";
  for (const checker::NotJudged& property : verdict.not_judged) {
    out += paint(Colour::dim, "not judged") + "  " + property.property + ": " + property.why + "\n";
  }
  for (const checker::Violation& violation : verdict.violations) {
    out += paint(Colour::red, "violated") + "    " + violation.property + ": " + printable(violation.text) + "\n";
  }
  const checker::Assembled& assembled = verdict.assembled;
  if (!assembled.in_part.empty()) out += "shown in part:" + names_of(assembled.in_part) + "\n";
  if (!assembled.without.empty()) out += "without a trace:" + names_of(assembled.without) + "\n";
  if (!assembled.one_clock) out += "of several clocks: times of different daemons were not compared\n";
  out += std::to_string(assembled.trace.events.size()) + " events: " + std::to_string(verdict.holds.size()) + " properties hold, " +
         std::to_string(verdict.violated) + " violated, " + std::to_string(verdict.not_judged.size()) + " not judged\n";
  return out;
}

void write_nodes(JsonWriter& json, const char* name, const std::vector<protocol::NodeId>& nodes) {
  json.name(name).begin_array();
  for (const protocol::NodeId& node : nodes) json.text(checker::name_of(node));
  json.end_array();
}

std::string as_json(const Verdict& verdict) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().name("events").number(static_cast<std::uint64_t>(verdict.assembled.trace.events.size()));
  json.name("one_clock").boolean(verdict.assembled.one_clock);
  write_nodes(json, "in_part", verdict.assembled.in_part);
  write_nodes(json, "without_trace", verdict.assembled.without);
  json.name("holds").begin_array();
  for (const std::string& name : verdict.holds) json.text(name);
  json.end_array().name("violations").begin_array();
  for (const checker::Violation& violation : verdict.violations) {
    json.begin_object().name("property").text(violation.property).name("text").text(violation.text).end_object();
  }
  json.end_array().name("not_judged").begin_array();
  for (const checker::NotJudged& property : verdict.not_judged) {
    json.begin_object().name("property").text(property.property).name("why").text(property.why).end_object();
  }
  json.end_array().end_object();
  return out + "\n";
}

}  // namespace

int run_trace_check(const TraceCheckArguments& arguments) {
  std::vector<checker::Trace> files;
  for (const std::string& path : arguments.files) {
    auto trace = trace_of(path);
    if (!trace) return not_enough;
    files.push_back(std::move(*trace));
  }
  const Verdict verdict = judge(std::move(files));
  const std::string out = arguments.json ? as_json(verdict) : as_text(verdict, Paint::for_stream(stdout));
  if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() || std::fflush(stdout) != 0) {
    complain("standard output can't be written");
    return not_enough;
  }
  return verdict.violations.empty() ? success : violation;
}

}  // namespace vsync::cli
