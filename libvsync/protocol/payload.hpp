#pragma once
// Immutable bytes that several queues hold: the one shared thing in the daemon.

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace vsync::protocol {

/// Bytes and whoever keeps them alive (a received socket message, a vector). Copies share; nothing is copied.
class Payload {
 public:
  Payload() = default;
  Payload(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}
  explicit Payload(std::vector<std::byte> bytes) {
    auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    bytes_ = *owner;
    owner_ = std::move(owner);
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  /// The part of this payload at `offset`, sharing its owner.
  [[nodiscard]] Payload slice(std::size_t offset, std::size_t size) const {
    return {owner_, bytes_.subspan(offset, size)};
  }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

}  // namespace vsync::protocol
