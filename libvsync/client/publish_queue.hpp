#pragma once
// The publishes of a session from the call until the outcome: encoded, gathered into batches, sent as far as the daemon's credit
// goes, kept for a resend until they are resolved. No sockets, no threads; who shares it locks.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/publish_numbers.hpp"
#include "vsync/errors.hpp"
#include "vsync/result.hpp"
#include "wire/limits.hpp"
#include "wire/local.hpp"
#include "wire/record.hpp"

namespace vsync::client {

using Body = std::vector<std::byte>;

/// What all messages of a batch have in common.
struct BatchKind {
  wire::Level level = wire::Level::agreed;
  bool fail_when_blocked = false;
  bool operator==(const BatchKind&) const = default;
};

/// Batching by natural pressure: a message goes into the open batch; whoever sends takes the open batch as soon as the line is
/// free, so under load it grows meanwhile, up to wire::batch_bytes_wanted.
class PublishQueue {
 public:
  explicit PublishQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Takes a copy of the message. `input.topic` must be set.
  [[nodiscard]] Result<std::uint64_t, PublishError> append(wire::RecordInput input, BatchKind kind);

  /// A batch to be sent now.
  struct Sendable {
    wire::Publish head;
    std::shared_ptr<const Body> body;
  };
  [[nodiscard]] bool sendable() const;
  std::optional<Sendable> take();
  [[nodiscard]] bool unsent() const { return next_unsent_ < batches_.size() || open_.head.count != 0; }

  /// A new connection: counts of credit start again, everything unresolved is sent again before anything new.
  void on_welcome(const wire::Credit& credit, std::uint32_t message_bytes_max);
  void on_credit(const wire::Credit& credit);
  /// The daemon can't tell what became of `first_n` and later ones: what of them was sent is sent again, in order, before
  /// anything new. On one connection numbers grow, so what is beyond goes again too; the cluster tells duplicates.
  void on_resend(std::uint64_t first_n);
  /// Up to here publishes may have gone out more than once. What is said of a later copy doesn't hold for the earlier ones: where
  /// one was rejected, another may have been delivered.
  [[nodiscard]] std::uint64_t resent_up_to() const { return resent_up_to_; }
  /// An outcome. Returns the parts that were unresolved.
  std::vector<Run> resolve(const Run& run);

  [[nodiscard]] const PublishNumbers& numbers() const { return numbers_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }
  [[nodiscard]] std::size_t message_bytes_max() const { return message_bytes_max_; }

 private:
  struct Batch {
    wire::Publish head;
    std::shared_ptr<const Body> body;
    bool sent = false;
    [[nodiscard]] Run run() const { return {head.first_n, head.count}; }
  };
  struct Open {
    wire::Publish head{.topic_runs = 0};
    Body body;
  };

  void seal();
  [[nodiscard]] bool within_credit(std::size_t bytes, std::uint32_t messages) const;
  /// Takes from batch `index` what is resolved meanwhile, and cuts it before `cut`; returns how many batches are in its place.
  std::size_t trim(std::size_t index, std::uint64_t cut = 0);
  [[nodiscard]] static Batch slice(const Batch& batch, const Run& run);
  void release_resolved();
  void skip_sent();

  std::size_t bytes_max_;
  std::size_t message_bytes_max_ = wire::message_bytes_max;
  PublishNumbers numbers_;
  std::deque<Batch> batches_;     ///< by number; the unsent ones mostly at the end
  std::size_t next_unsent_ = 0;   ///< no batch before it is unsent
  Open open_;
  std::uint64_t resent_up_to_ = 0;
  std::string topic_;             ///< last one used: valid, and that of the open batch's last record if it has one
  std::size_t bytes_ = 0;         ///< of all bodies
  wire::Credit credit_;           ///< totals since the welcome; none before it
  wire::Credit spent_;
};

}  // namespace vsync::client
