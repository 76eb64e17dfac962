#include "daemon/handshake_guard.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace vsync::daemon {

namespace {

constexpr std::size_t signature_end = 9;  // its last byte tells ZMTP 1 from what came later
constexpr std::size_t version_at = 10;
constexpr std::size_t greeting_bytes = 64;
constexpr std::uint8_t oldest_version = 3;
constexpr char long_frame = 2;
constexpr std::size_t frame_head_max = 9;
constexpr std::size_t ready_bytes_max = 256;  // our library's has 41
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

/// libzmq's threads come here.
struct UnderWay {
  std::mutex mutex;
  std::unordered_map<int, Handshake> by_descriptor;
};
UnderWay& under_way() {
  static UnderWay& all = *new UnderWay;  // for threads that read on while the process exits
  return all;
}
std::atomic<bool> any_under_way{false};
std::atomic<std::uint64_t> refused_so_far{0};

bool may_go_on(int descriptor, std::span<const std::byte> bytes) {
  UnderWay& all = under_way();
  const std::lock_guard lock(all.mutex);
  const auto known = all.by_descriptor.find(descriptor);
  if (known == all.by_descriptor.end()) return true;
  const auto verdict = known->second.take(bytes);
  if (verdict == Handshake::Verdict::undecided) return true;
  all.by_descriptor.erase(known);
  any_under_way = !all.by_descriptor.empty();
  if (verdict == Handshake::Verdict::wrong) ++refused_so_far;
  return verdict == Handshake::Verdict::sound;
}

/// Closed in the middle: its descriptor is soon somebody else's.
void forget(int descriptor) {
  UnderWay& all = under_way();
  const std::lock_guard lock(all.mutex);
  all.by_descriptor.erase(descriptor);
  any_under_way = !all.by_descriptor.empty();
}

}  // namespace

Handshake::Verdict Handshake::take(std::span<const std::byte> bytes) {
  constexpr std::size_t bytes_max = greeting_bytes + frame_head_max + ready_bytes_max;
  said_.append(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), bytes_max - said_.size()));
  const std::string_view said = said_;
  if (said.size() > 0 && said[0] != '\xff') return Verdict::wrong;
  if (said.size() > signature_end && (said[signature_end] & 1) == 0) return Verdict::wrong;
  if (said.size() > version_at && static_cast<std::uint8_t>(said[version_at]) < oldest_version) return Verdict::wrong;
  if (said.size() <= greeting_bytes) return Verdict::undecided;

  const std::size_t length_bytes = (said[greeting_bytes] & long_frame) != 0 ? 8 : 1;
  const std::string_view frame = said.substr(greeting_bytes + 1);
  if (frame.size() < length_bytes) return Verdict::undecided;
  const std::uint64_t length = big_endian(frame.substr(0, length_bytes));
  if (length > ready_bytes_max) return Verdict::wrong;
  if (frame.size() < length_bytes + length) return Verdict::undecided;
  return names_itself(frame.substr(length_bytes, length)) ? Verdict::wrong : Verdict::sound;
}

void expect_handshake(int descriptor) {
  UnderWay& all = under_way();
  const std::lock_guard lock(all.mutex);
  all.by_descriptor.insert_or_assign(descriptor, Handshake{});
  any_under_way = true;
}

std::uint64_t handshakes_refused() { return refused_so_far; }

}  // namespace vsync::daemon

extern "C" __attribute__((visibility("default"))) ssize_t recv(int descriptor, void* data, size_t size, int flags) {
  const ssize_t received = ::syscall(SYS_recvfrom, descriptor, data, size, flags, nullptr, nullptr);
  if (received <= 0 || !vsync::daemon::any_under_way) return received;
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(data), static_cast<std::size_t>(received));
  return vsync::daemon::may_go_on(descriptor, bytes) ? received : 0;
}

extern "C" __attribute__((visibility("default"))) int close(int descriptor) {
  if (vsync::daemon::any_under_way) vsync::daemon::forget(descriptor);
  return static_cast<int>(::syscall(SYS_close, descriptor));
}
