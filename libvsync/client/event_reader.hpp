#pragma once
// The reading end of the stream: takes received batches apart, message by message, and leaves out what wasn't asked for.

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/event_queue.hpp"
#include "client/topic_filter.hpp"
#include "vsync/events.hpp"
#include "wire/record.hpp"

namespace vsync::client {

/// What the reader asks of the connection it reads for.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  /// The application has taken a body of that size that came on connection `line`.
  virtual void consumed(std::uint64_t line, std::size_t bytes) = 0;
  /// Whether the join that was granted still stands.
  [[nodiscard]] virtual bool still_member(const JoinedGroup& joined) = 0;
  /// The groups that the application has left since the last call.
  [[nodiscard]] virtual std::set<std::string> left_groups() = 0;
};

class EventReader {
 public:
  EventReader(EventQueue& queue, StreamOwner& owner) : queue_(queue), owner_(owner) {}

  /// One thread at a time. The event is valid until the next call.
  const Event* try_next();
  const Event* next(std::chrono::milliseconds timeout);

 private:
  const Event* next_message();
  const Event* end_batch();
  const Event* open_item(Incoming& item);
  const Event* open_view(ReceivedView& received);
  void take_members_back();
  void begin_batch(DeliveredBatch& batch);
  void fill_message(const wire::Record& record);
  void forget_left_groups();
  void forget(const std::string& group);

  EventQueue& queue_;
  StreamOwner& owner_;
  std::vector<Incoming> items_;
  std::size_t next_item_ = 0;

  DeliveredBatch* batch_ = nullptr;  ///< in items_, while its records are read
  wire::RecordReader records_{{}};
  std::uint32_t record_ = 0;         ///< number of the next record in the batch
  bool topic_wanted_ = true;

  /// The members of a joined group, as the newest view read here has them.
  struct Members {
    std::uint64_t number = 0;
    std::vector<Member> list;  ///< lent to event_ while the application reads that view
  };
  std::map<std::string, Members, std::less<>> members_;
  Members* lent_ = nullptr;

  TopicFilter filter_;
  bool has_left_ = false;            ///< a group was left: batches on their way may hold it without saying so
  bool closed_ = false;
  Event event_;
};

}  // namespace vsync::client
