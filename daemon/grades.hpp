#pragma once
// The levels that marks confirm, and what a stream may wait for. They are no ladder: a safe message is uniform, a durable one too, but
// neither is the other.

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/chunk.hpp"
#include "wire/local.hpp"

namespace vsync::daemon {

enum class Grade : std::uint8_t { uniform, safe, durable };
inline constexpr std::array all_grades{Grade::uniform, Grade::safe, Grade::durable};

/// A value for each grade.
template <class Value>
class ByGrade {
 public:
  Value& operator[](Grade grade) { return values_[static_cast<std::size_t>(grade)]; }
  const Value& operator[](Grade grade) const { return values_[static_cast<std::size_t>(grade)]; }

 private:
  std::array<Value, all_grades.size()> values_{};
};

class Grades {
 public:
  void insert(Grade grade) { bits_ |= bit(grade); }
  void insert(wire::DeliverOn deliver_on) {
    switch (deliver_on) {
      case wire::DeliverOn::order: return;
      case wire::DeliverOn::uniform: return insert(Grade::uniform);
      case wire::DeliverOn::safe: return insert(Grade::safe);
      case wire::DeliverOn::durable: return insert(Grade::durable);
    }
  }
  [[nodiscard]] bool contains(Grade grade) const { return (bits_ & bit(grade)) != 0; }
  [[nodiscard]] bool empty() const { return bits_ == 0; }

 private:
  static std::uint8_t bit(Grade grade) { return static_cast<std::uint8_t>(1u << static_cast<unsigned>(grade)); }
  std::uint8_t bits_ = 0;
};

}  // namespace vsync::daemon
