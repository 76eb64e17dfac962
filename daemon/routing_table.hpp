#pragma once
// Which sessions want a topic: exact names by hash, patterns one by one. Where there are patterns, the answer for each topic is
// remembered until a pattern or that topic's subscribers change.

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
    List& list = wire::is_pattern(name) ? pattern(name) : exact(name);
    const auto place = std::lower_bound(list.begin(), list.end(), subscriber);
    if (place != list.end() && *place == subscriber) return;
    list.insert(place, subscriber);
    forget(name);
  }

  void remove(std::string_view name, Subscriber* subscriber) {
    if (wire::is_pattern(name)) {
      std::erase(pattern(name), subscriber);
      std::erase_if(patterns_, [](const auto& entry) { return entry.second.empty(); });
    } else if (auto found = exact_.find(name); found != exact_.end()) {
      std::erase(found->second, subscriber);
      if (found->second.empty()) exact_.erase(found);
    }
    forget(name);
  }

  /// Every subscriber of `topic` once, in the order of addresses. Holds until the next call.
  std::span<Subscriber* const> match(std::string_view topic) {
    if (patterns_.empty()) {
      const auto list = exact_.find(topic);
      return list == exact_.end() ? std::span<Subscriber* const>() : list->second;
    }
    if (auto known = remembered_.find(topic); known != remembered_.end()) return known->second;
    if (remembered_.size() >= remembered_max) remembered_ = {};
    List& found = remembered_[std::string(topic)];
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
  using List = std::vector<Subscriber*>;  ///< sorted

  List& exact(std::string_view name) { return exact_.try_emplace(std::string(name)).first->second; }
  List& pattern(std::string_view name) {
    for (auto& [known, list] : patterns_) {
      if (known == name) return list;
    }
    return patterns_.emplace_back(std::string(name), List{}).second;
  }

  void forget(std::string_view name) {
    if (wire::is_pattern(name)) {
      remembered_ = {};  // emptied it would keep, and each time clear, room for all it ever held
    } else if (auto known = remembered_.find(name); known != remembered_.end()) {
      remembered_.erase(known);
    }
  }

  TextMap<List> exact_;
  std::vector<std::pair<std::string, List>> patterns_;
  TextMap<List> remembered_;
};

}  // namespace vsync::daemon
