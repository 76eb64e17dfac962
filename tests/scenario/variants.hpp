#pragma once
// Variants: a script that begins with lines like "each k 1 2 3" stands for several, in which $k is 1, 2 and 3: a cluster of its
// own each.

#include <string>
#include <vector>

namespace vsync::scenario {

struct Variant {
  std::string title;  ///< "k = 1, j = 2"; empty: the script has one variant
  std::string text;
};

/// Of several `each` lines every combination. Line numbers stay as they are.
[[nodiscard]] std::vector<Variant> variants_of(const std::string& script);

}  // namespace vsync::scenario
