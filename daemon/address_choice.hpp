#pragma once
// Which of a peer's addresses its link uses: one at a time, and when that one fails, the next. It knows no sockets and no clock:
// a failure is what the connection reports.

#include <cstddef>
#include <vector>

namespace vsync::daemon {

class AddressChoice {
 public:
  explicit AddressChoice(std::size_t addresses) : refused_(addresses, false) {}

  /// The address to use; the first at the start.
  [[nodiscard]] std::size_t current() const { return current_; }

  /// The connection works, which says that what is known of failures is outdated.
  void connected();
  /// The connection worked, and is lost. True: another address is to be used now.
  [[nodiscard]] bool lost();
  /// An attempt to connect failed. True: another address is to be used now.
  [[nodiscard]] bool failed();

  /// The host of `address` says that no process listens there. True: that is new.
  [[nodiscard]] bool refused(std::size_t address);
  /// One address may be wrong or its network cut: the process is gone if nothing listens at any of them.
  [[nodiscard]] bool all_refuse() const;

 private:
  [[nodiscard]] bool go_over();

  std::size_t current_ = 0;
  std::size_t failures_ = 0;  ///< since the address is in use
  std::size_t patience_ = 1;  ///< failures after which the next one's turn comes
  std::vector<bool> refused_;
};

}  // namespace vsync::daemon
