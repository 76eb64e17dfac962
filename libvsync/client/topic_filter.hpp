#pragma once
// Which topics of a mixed batch this connection has joined.

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace vsync::client {

class TopicFilter {
 public:
  void add(std::string_view group);
  void remove(std::string_view group);
  void clear();
  /// Whether just this was added.
  [[nodiscard]] bool has(std::string_view group) const;
  [[nodiscard]] bool wants(std::string_view topic) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_set<std::string, Hash, std::equal_to<>> topics_;
  std::vector<std::string> patterns_;
};

}  // namespace vsync::client
