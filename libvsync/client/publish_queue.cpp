#include "client/publish_queue.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace vsync::client {
namespace {

/// Below, a sealed body is copied into one of its own size, so that many small unresolved batches don't each hold the room of a
/// big one.
constexpr std::size_t worth_keeping_bytes = wire::batch_bytes_wanted / 2;

PublishError error_of(wire::RecordError error) {
  switch (error) {
    case wire::RecordError::bad_topic:
    case wire::RecordError::no_topic: return PublishError::bad_topic;
    case wire::RecordError::too_large: return PublishError::too_large;
    default: return PublishError::bad_headers;
  }
}

}  // namespace

Result<std::uint64_t, PublishError> PublishQueue::append(wire::RecordInput input, BatchKind kind) {
  if (input.data.size() > message_bytes_max_) return Unexpected{PublishError::too_large};
  if (input.key.size() > wire::key_bytes_max) return Unexpected{PublishError::bad_key};
  // The topic of a stream of messages seldom changes: what was checked once isn't checked again.
  const bool same_topic = input.topic == topic_ && !topic_.empty();
  if (!same_topic && !wire::valid_topic(input.topic)) return Unexpected{PublishError::bad_topic};
  if (!input.headers.empty()) {
    if (const auto checked = wire::check(input); !checked) return Unexpected{error_of(checked.error())};
  }

  std::size_t size = wire::encoded_size(input);
  if (bytes_ != 0 && bytes_ + size > bytes_max_) return Unexpected{PublishError::queue_full};
  if (open_.head.count != 0) {
    const BatchKind open_kind{open_.head.level, open_.head.fail_when_blocked};
    const bool full = open_.body.size() + size > wire::batch_bytes_wanted || open_.head.count == wire::batch_messages_max;
    if (full || open_kind != kind) seal();
  }
  const bool names_topic = !same_topic || open_.head.count == 0;
  if (!same_topic) topic_.assign(input.topic);
  if (!names_topic) {
    size -= input.topic.size();
    input.topic = {};
  }
  const std::uint64_t n = numbers_.use();
  if (open_.head.count == 0) open_.head = {.first_n = n, .level = kind.level, .fail_when_blocked = kind.fail_when_blocked, .topic_runs = 0};
  ++open_.head.count;
  open_.head.topic_runs += names_topic;
  wire::append_record(open_.body, input);
  bytes_ += size;
  return n;
}

bool PublishQueue::within_credit(std::size_t bytes, std::uint32_t messages) const {
  return spent_.bytes + bytes <= credit_.bytes && spent_.messages + messages <= credit_.messages;
}

bool PublishQueue::sendable() const {
  if (next_unsent_ < batches_.size()) return within_credit(batches_[next_unsent_].body->size(), batches_[next_unsent_].head.count);
  return open_.head.count != 0 && within_credit(open_.body.size(), open_.head.count);
}

std::optional<PublishQueue::Sendable> PublishQueue::take() {
  // What was resolved while it waited to be sent again doesn't go out.
  while (next_unsent_ < batches_.size() && trim(next_unsent_) == 0) skip_sent();
  if (!sendable()) return std::nullopt;
  if (next_unsent_ == batches_.size()) seal();
  Batch& batch = batches_[next_unsent_];
  batch.sent = true;
  skip_sent();
  spent_.bytes += batch.body->size();
  spent_.messages += batch.head.count;
  return Sendable{batch.head, batch.body};
}

void PublishQueue::skip_sent() {
  while (next_unsent_ < batches_.size() && batches_[next_unsent_].sent) ++next_unsent_;
}

void PublishQueue::seal() {
  Body body;
  if (open_.body.size() < worth_keeping_bytes) {
    body = open_.body;
    open_.body.clear();
  } else {
    body.swap(open_.body);
    open_.body.reserve(wire::batch_bytes_wanted);
  }
  batches_.push_back({open_.head, std::make_shared<const Body>(std::move(body))});
  open_.head.count = 0;
}

void PublishQueue::on_welcome(const wire::Credit& credit, std::uint32_t message_bytes_max) {
  credit_ = credit;
  spent_ = {};
  message_bytes_max_ = std::min<std::size_t>(message_bytes_max, wire::message_bytes_max);
  on_resend(1);
}

void PublishQueue::on_credit(const wire::Credit& credit) {
  credit_.bytes = std::max(credit_.bytes, credit.bytes);
  credit_.messages = std::max(credit_.messages, credit.messages);
}

void PublishQueue::on_resend(std::uint64_t first_n) {
  for (std::size_t i = 0; i < batches_.size();) {
    if (!batches_[i].sent || batches_[i].run().end() <= first_n) {
      ++i;
      continue;
    }
    const std::size_t parts = trim(i, first_n);
    for (std::size_t part = i; part < i + parts; ++part) {
      Batch& batch = batches_[part];
      batch.sent = batch.head.first_n < first_n;
      if (batch.sent) continue;
      // "Surely nowhere" can't be had any more, so there is nothing to fail for.
      batch.head.fail_when_blocked = false;
      resent_up_to_ = std::max(resent_up_to_, batch.run().end() - 1);
    }
    i += parts;
  }
  next_unsent_ = 0;
  skip_sent();
}

std::size_t PublishQueue::trim(std::size_t index, std::uint64_t cut) {
  const Batch whole = batches_[index];
  std::vector<Run> parts;
  for (const Run& part : numbers_.unresolved_within(whole.run())) {
    if (part.first < cut && cut < part.end()) {
      parts.push_back({part.first, cut - part.first});
      parts.push_back({cut, part.end() - cut});
    } else {
      parts.push_back(part);
    }
  }
  if (parts.size() == 1 && parts.front() == whole.run()) return 1;
  // What was rejected was reported as surely nowhere, so it must not go out again.
  const auto at = batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(index));
  bytes_ -= whole.body->size();
  std::vector<Batch> kept;
  for (const Run& part : parts) {
    kept.push_back(slice(whole, part));
    kept.back().sent = whole.sent;
    bytes_ += kept.back().body->size();
  }
  batches_.insert(at, kept.begin(), kept.end());
  return kept.size();
}

PublishQueue::Batch PublishQueue::slice(const Batch& batch, const Run& run) {
  Batch part{batch.head, nullptr, false};
  part.head.first_n = run.first;
  part.head.count = static_cast<std::uint32_t>(run.count);
  part.head.topic_runs = 0;
  Body body;
  wire::RecordReader reader(*batch.body);
  wire::Record record;
  std::string_view topic;
  for (std::uint64_t n = batch.head.first_n; n < run.end() && reader.next(record); ++n) {
    if (n < run.first) continue;
    const std::vector<wire::Header> headers = record.headers();
    const bool names_topic = record.topic != topic;
    topic = record.topic;
    part.head.topic_runs += names_topic;
    wire::append_record(body, {names_topic ? topic : std::string_view{}, record.key, headers, record.published_at, record.data});
  }
  part.body = std::make_shared<const Body>(std::move(body));
  return part;
}

std::vector<Run> PublishQueue::resolve(const Run& run) {
  std::vector<Run> fresh = numbers_.resolve(run);
  if (!fresh.empty()) release_resolved();
  return fresh;
}

void PublishQueue::release_resolved() {
  // Resolved before it was sent: only what a former connection had sent can be, or everything when the session is over.
  if (open_.head.count != 0 && numbers_.floor() >= open_.head.first_n + open_.head.count) seal();
  while (!batches_.empty() && numbers_.floor() >= batches_.front().run().end()) {
    bytes_ -= batches_.front().body->size();
    batches_.pop_front();
    if (next_unsent_ != 0) --next_unsent_;
  }
  skip_sent();
}

}  // namespace vsync::client
