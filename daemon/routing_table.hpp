#pragma once
// Which sessions want a topic: exact names by hash, patterns one by one, and the answer for each topic remembered until a
// subscription changes.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wire/record.hpp"

namespace vsync::daemon {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

template <class Subscriber>
class RoutingTable {
 public:
  /// `name` is a topic or a pattern; adding twice is adding once.
  void add(std::string_view name, Subscriber* subscriber) {
    auto& list = wire::is_pattern(name) ? pattern(name) : exact(name);
    if (std::find(list.begin(), list.end(), subscriber) == list.end()) list.push_back(subscriber);
    remembered_.clear();
  }

  void remove(std::string_view name, Subscriber* subscriber) {
    if (wire::is_pattern(name)) {
      std::erase(pattern(name), subscriber);
      std::erase_if(patterns_, [](const auto& entry) { return entry.second.empty(); });
    } else if (auto found = exact_.find(name); found != exact_.end()) {
      std::erase(found->second, subscriber);
      if (found->second.empty()) exact_.erase(found);
    }
    remembered_.clear();
  }

  /// Every subscriber of `topic` once. Holds until the next call.
  std::span<Subscriber* const> match(std::string_view topic) {
    if (auto known = remembered_.find(topic); known != remembered_.end()) return known->second;
    if (remembered_.size() >= remembered_max) remembered_.clear();
    std::vector<Subscriber*>& found = remembered_[std::string(topic)];
    if (auto list = exact_.find(topic); list != exact_.end()) found = list->second;
    for (const auto& [name, subscribers] : patterns_) {
      if (wire::matches(name, topic)) found.insert(found.end(), subscribers.begin(), subscribers.end());
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  [[nodiscard]] bool empty() const { return exact_.empty() && patterns_.empty(); }

 private:
  static constexpr std::size_t remembered_max = 1 << 16;
  using List = std::vector<Subscriber*>;

  List& exact(std::string_view name) { return exact_.try_emplace(std::string(name)).first->second; }
  List& pattern(std::string_view name) {
    for (auto& [known, list] : patterns_) {
      if (known == name) return list;
    }
    return patterns_.emplace_back(std::string(name), List{}).second;
  }

  TextMap<List> exact_;
  std::vector<std::pair<std::string, List>> patterns_;
  TextMap<List> remembered_;
};

}  // namespace vsync::daemon
