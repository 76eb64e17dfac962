#include "tests/simulation/report.hpp"

#include <string>

#include "tests/simulation/aim.hpp"

namespace vsync::simulation {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
  }
  return out + "\"";
}

std::string field(const char* name, const std::string& value) { return quoted(name) + ":" + value; }

/// Counts by name; those that are 0 are left out.
template <class Counts, class NameOf, class Value>
std::string object(const Counts& counts, NameOf name_at, Value value_of) {
  std::string out;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::string value = value_of(counts[i]);
    if (value == "0" || value == "{}") continue;
    out += (out.empty() ? "" : ",") + field(name_at(i), value);
  }
  return "{" + out + "}";
}

const char* fault_at(std::size_t i) { return name_of(static_cast<FaultKind>(i)); }
const char* command_at(std::size_t i) { return fault_at(striking_kinds + i); }
const char* step_at(std::size_t i) { return name_of(static_cast<Step>(i)); }

template <class NameOf>
std::string names(std::size_t count, NameOf name_at) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (out.empty() ? "" : ",") + quoted(name_at(i));
  return "[" + out + "]";
}

}  // namespace

void print_seed(const SeedReport& report, std::FILE* out) {
  const RunResult& counts = report.counts;
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  const auto by_fault = [&](const auto& of_kinds) { return object(of_kinds, fault_at, number); };
  const auto node_seconds = std::chrono::duration_cast<std::chrono::seconds>(counts.node_time).count();
  std::string line = field("seed", std::to_string(report.seed));
  line += "," + field("failure", quoted(report.failure));
  line += "," + field("events", std::to_string(counts.inputs));
  line += "," + field("views_installed", std::to_string(counts.views));
  line += "," + field("view_changes", std::to_string(counts.view_changes));
  line += "," + field("node_seconds", std::to_string(node_seconds));
  line += "," + field("faults", by_fault(counts.faults));
  line += "," + field("strikes", object(counts.strikes, step_at, by_fault));
  std::fprintf(out, "{%s}\n", line.c_str());
  std::fflush(out);
}

void print_pairs(std::FILE* out) {
  std::string out_of_reach;
  for (std::size_t step = 0; step < step_count; ++step) {
    for (std::size_t kind = 0; kind < striking_kinds; ++kind) {
      const char* why = why_out_of_reach(static_cast<Step>(step), static_cast<FaultKind>(kind));
      if (why == nullptr) continue;
      const std::string pair = field("step", quoted(step_at(step))) + "," + field("fault", quoted(fault_at(kind)));
      out_of_reach += (out_of_reach.empty() ? "{" : ",{") + pair + "," + field("why", quoted(why)) + "}";
    }
  }
  std::fprintf(out, "{%s,%s,%s,%s,%s}\n", field("first_aimed", std::to_string(first_aimed_seed)).c_str(),
               field("steps", names(step_count, step_at)).c_str(), field("faults", names(striking_kinds, fault_at)).c_str(),
               field("commands", names(fault_kinds - striking_kinds, command_at)).c_str(),
               field("out_of_reach", "[" + out_of_reach + "]").c_str());
}

}  // namespace vsync::simulation
