#include "daemon/zmtp_guard.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

namespace vsync::daemon {

namespace {

constexpr std::uint8_t signature_end = 9;  // its last byte tells ZMTP 1 from what came later
constexpr std::uint8_t version_at = 10;
constexpr std::uint8_t greeting_bytes = 64;
constexpr std::uint8_t oldest_version = 3;
constexpr std::uint8_t long_frame = 2;
constexpr std::uint8_t command_frame = 4;
constexpr std::string_view ready = "\5READY";
constexpr std::string_view identity = "Identity";

std::uint64_t big_endian(std::string_view digits) {
  std::uint64_t number = 0;
  for (const char digit : digits) number = number << 8 | static_cast<std::uint8_t>(digit);
  return number;
}

/// As libzmq reads the properties; what it finds malformed it refuses itself.
bool names_itself(std::string_view command) {
  constexpr std::size_t length_bytes = 4;
  if (!command.starts_with(ready)) return false;
  command.remove_prefix(ready.size());
  while (command.size() > 1) {
    const auto name_bytes = static_cast<std::uint8_t>(command.front());
    command.remove_prefix(1);
    if (command.size() < name_bytes + length_bytes) return false;
    const std::string_view name = command.substr(0, name_bytes);
    const std::uint64_t value_bytes = big_endian(command.substr(name_bytes, length_bytes));
    command.remove_prefix(name_bytes + length_bytes);
    if (command.size() < value_bytes) return false;
    if (name == identity && value_bytes > 0) return true;
    command.remove_prefix(value_bytes);
  }
  return false;
}

// By descriptor: applications' connections. libzmq has one thread at a time at each, so what is in a slot is that thread's. No lock, since
// close() is called where none may be taken: in the handler of a fatal signal (of files, whose slots are empty).
using Slot = std::atomic<ZmtpStream*>;
constexpr std::size_t slots_per_page = 1024;
using Page = std::array<Slot, slots_per_page>;
std::array<std::atomic<Page*>, 1024> pages;

/// Nothing where there is none, and none is `wanted` or to be had.
Slot* slot_of(int descriptor, bool wanted = false) {
  const auto at = static_cast<std::size_t>(descriptor);
  if (descriptor < 0 || at / slots_per_page >= pages.size()) return nullptr;
  std::atomic<Page*>& place = pages[at / slots_per_page];
  Page* page = place.load();
  if (page == nullptr && wanted) {
    auto made = std::unique_ptr<Page>(new (std::nothrow) Page{});
    if (made == nullptr) return nullptr;
    page = place.compare_exchange_strong(page, made.get()) ? made.release() : page;
  }
  return page == nullptr ? nullptr : &(*page)[at % slots_per_page];
}

std::atomic<std::uint64_t> refused_so_far{0};
std::atomic<int> last_refused{0};

}  // namespace

bool ZmtpStream::take_greeting(std::uint8_t byte) {
  const std::uint8_t at = greeting_read_++;
  if (at == 0) return byte == 0xff;
  if (at == signature_end) return (byte & 1) != 0;
  return at != version_at || byte >= oldest_version;
}

bool ZmtpStream::take_head(std::uint8_t byte) {
  if (head_read_ == 0) {
    flags_ = byte;
    size_ = 0;
    if (is_ready_ && (flags_ & command_frame) != 0) return false;
  } else {
    size_ = size_ << 8 | byte;
  }
  const int length_bytes = (flags_ & long_frame) != 0 ? 8 : 1;
  if (++head_read_ <= length_bytes) return true;
  head_read_ = 0;
  left_ = size_;
  in_body_ = true;
  return is_ready_ || size_ <= ready_bytes_max;
}

bool ZmtpStream::end_frame() {
  in_body_ = false;
  if (is_ready_) return true;
  is_ready_ = true;
  return !names_itself({ready_.data(), size_});
}

bool ZmtpStream::take(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    std::size_t taken = 1;
    if (greeting_read_ < greeting_bytes) {
      if (!take_greeting(std::to_integer<std::uint8_t>(bytes.front()))) return false;
    } else if (!in_body_) {
      if (!take_head(std::to_integer<std::uint8_t>(bytes.front()))) return false;
    } else {
      taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      if (!is_ready_) std::memcpy(&ready_[size_ - left_], bytes.data(), taken);
      left_ -= taken;
    }
    if (in_body_ && left_ == 0 && !end_frame()) return false;
    bytes = bytes.subspan(taken);
  }
  return true;
}

bool guard_application(int descriptor) {
  Slot* slot = slot_of(descriptor, true);
  auto* stream = slot == nullptr ? nullptr : new (std::nothrow) ZmtpStream;
  if (stream == nullptr) return false;
  delete slot->exchange(stream);
  return true;
}

std::uint64_t connections_refused() { return refused_so_far; }
int refused_process() { return last_refused; }

}  // namespace vsync::daemon

// ThreadSanitizer follows descriptors by a close() of its own, and takes one that is used again for a race where it doesn't see its end.
#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if !__has_feature(thread_sanitizer)

namespace vsync::daemon {
namespace {

void refuse(int descriptor) {
  ucred process{};
  socklen_t size = sizeof process;
  last_refused = ::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &process, &size) == 0 ? process.pid : 0;
  ++refused_so_far;
}

}  // namespace
}  // namespace vsync::daemon

extern "C" __attribute__((visibility("default"))) ssize_t recv(int descriptor, void* data, size_t size, int flags) {
  const ssize_t received = ::syscall(SYS_recvfrom, descriptor, data, size, flags, nullptr, nullptr);
  if (received <= 0) return received;
  const auto* slot = vsync::daemon::slot_of(descriptor);
  vsync::daemon::ZmtpStream* stream = slot == nullptr ? nullptr : slot->load();
  if (stream == nullptr) return received;
  if (stream->take({static_cast<const std::byte*>(data), static_cast<std::size_t>(received)})) return received;
  vsync::daemon::refuse(descriptor);
  return 0;
}

extern "C" __attribute__((visibility("default"))) int close(int descriptor) {
  if (auto* slot = vsync::daemon::slot_of(descriptor); slot != nullptr && slot->load() != nullptr) delete slot->exchange(nullptr);
  return static_cast<int>(::syscall(SYS_close, descriptor));
}

#endif
