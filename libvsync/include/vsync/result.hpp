#pragma once
// Result: a value or an error, with the surface of std::expected, which GCC 12 lacks in C++20.

#include <cstdlib>
#include <utility>
#include <variant>

namespace vsync {

template <class E>
struct Unexpected {
  E error;
};
template <class E>
Unexpected(E) -> Unexpected<E>;

/// Either a `T` or an `E`. Reading the one that isn't there is a programming error and aborts.
template <class T, class E>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Unexpected<E> error) : state_(std::in_place_index<1>, std::move(error.error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] T& value() & { if (!has_value()) std::abort(); return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& value() const& { if (!has_value()) std::abort(); return *std::get_if<0>(&state_); }
  [[nodiscard]] T&& value() && { if (!has_value()) std::abort(); return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] const E& error() const { if (has_value()) std::abort(); return *std::get_if<1>(&state_); }

 private:
  std::variant<T, E> state_;
};

template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  Result(Unexpected<E> error) : error_(std::move(error.error)), failed_(true) {}

  [[nodiscard]] bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] const E& error() const { if (!failed_) std::abort(); return error_; }

 private:
  E error_{};
  bool failed_ = false;
};

}  // namespace vsync
