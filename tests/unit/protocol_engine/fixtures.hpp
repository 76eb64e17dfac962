#pragma once
// Clusters in the state most tests begin with: settled, with a session at each daemon.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cluster.hpp"
#include "protocol/directory.hpp"

namespace vsync::protocol::test {

inline const std::vector<std::string> abc{"a", "b", "c"};

/// Daemon number i (from 0) has session i + 1.
struct Settled : testing::Test {
  explicit Settled(const std::vector<std::string>& names, const Config& config = {}) : cluster(names, config), names_(names) {}
  void SetUp() override {
    cluster.start_all();
    ASSERT_TRUE(settled(names_));
    for (std::size_t i = 0; i < names_.size(); ++i) cluster.open_session(names_[i], i + 1);
    cluster.run_for(100ms);
  }
  bool settled(const std::vector<std::string>& members, Duration limit = 10s) {
    return cluster.run_until([&] { return cluster.settled(members); }, limit);
  }
  bool delivers(const std::string& node, std::size_t count, Duration limit = 5s) {
    return cluster.run_until([&] { return cluster.delivered(node).size() >= count; }, limit);
  }
  void isolate(const std::string& node) {
    for (const std::string& other : names_) {
      if (other != node) cluster.cut(node, other);
    }
  }
  std::uint64_t changes(const std::string& node) { return cluster.at(node).status().view_changes; }

  Cluster cluster;

 private:
  std::vector<std::string> names_;
};

template <class Wanted>
bool is(const Frame& frame) {
  return std::holds_alternative<Wanted>(frame.body);
}

}  // namespace vsync::protocol::test
