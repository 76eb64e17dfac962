#include "tests/scenario/variants.hpp"

#include <sstream>

namespace vsync::scenario {
namespace {

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

}  // namespace

std::vector<Variant> variants_of(const std::string& script) {
  std::vector<Variant> variants = {{{}, script}};
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word, name;
    if (!(words >> word >> name) || word != "each") continue;
    std::vector<Variant> more;
    std::vector<std::string> values;
    for (std::string value; words >> value;) values.push_back(value);
    for (const Variant& variant : variants) {
      for (const std::string& value : values) {
        more.push_back({variant.title + (variant.title.empty() ? "" : ", ") + name + " = " + value, variant.text});
        replace_all(more.back().text, line, {});
        replace_all(more.back().text, "$" + name, value);
      }
    }
    variants = std::move(more);
  }
  return variants;
}

}  // namespace vsync::scenario
