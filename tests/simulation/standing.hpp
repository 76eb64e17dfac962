#pragma once
// Standing fault: what stays broken when all else is healed. Faults that end are the first kind of liveness; with one that doesn't, the
// largest connected set that may go on must come to rest all the same, and the rest must neither disturb it nor take itself for it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/view.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/random.hpp"

namespace vsync::simulation {

enum class StandingKind : std::uint8_t {
  one_way,    ///< what one host says to another doesn't arrive
  deaf,       ///< a host hears nobody
  mute,       ///< nobody hears a host
  cut_link,   ///< two hosts don't hear each other, others hear both
  hears_few,  ///< a host hears a minority
  apart,      ///< a minority is cut off
  down,       ///< a host is down
  flapping,   ///< a link is cut and mended, again and again
  slow_disk,  ///< a host's writes take longer than the others' patience, or nearly so
  count_,
};
inline constexpr std::size_t standing_kinds = static_cast<std::size_t>(StandingKind::count_);
[[nodiscard]] const char* name_of(StandingKind kind);

/// As drawn; whom it concerns is chosen when it begins, among those without whom the others may go on.
struct StandingFault {
  StandingKind kind = StandingKind::one_way;
  bool after_rest = false;         ///< it begins where all had come together, else where other faults end
  bool connections_last = false;   ///< a connection with stalled frames doesn't break: one direction goes on
  protocol::Duration period{};     ///< flapping
  protocol::Duration write_max{};  ///< slow_disk
  protocol::Duration watched{};    ///< at rest, for so long
  std::uint64_t choice = 0;        ///< seeds the choice of whom
};

/// Which hosts it concerns.
class Standing {
 public:
  Standing(StandingFault fault, std::size_t hosts, Random& random);

  [[nodiscard]] const StandingFault& fault() const { return fault_; }
  [[nodiscard]] Host host() const { return a_; }
  [[nodiscard]] Host other() const { return b_; }
  /// Nothing from one reaches the other.
  [[nodiscard]] bool cut(Host from, Host to) const;
  [[nodiscard]] bool down(Host host) const { return fault_.kind == StandingKind::down && host == a_; }
  [[nodiscard]] bool slow(Host host) const { return fault_.kind == StandingKind::slow_disk && host == a_; }
  /// Both may be in the view that comes to rest.
  [[nodiscard]] bool may_meet(Host one, Host two) const { return !cut(one, two) && !cut(two, one) && !down(one) && !down(two); }
  /// And nothing says that they may not.
  [[nodiscard]] bool must_meet(Host one, Host two) const;
  /// Who is in the view may change for ever, though not often.
  [[nodiscard]] bool unsteady() const { return fault_.kind == StandingKind::flapping || fault_.kind == StandingKind::slow_disk; }
  /// All others hear each other as before, and nobody is heard by some of them only.
  [[nodiscard]] bool strikes_whole_hosts() const {
    return fault_.kind == StandingKind::deaf || fault_.kind == StandingKind::mute || fault_.kind == StandingKind::apart ||
           fault_.kind == StandingKind::down;
  }
  [[nodiscard]] std::string text() const;

 private:
  StandingFault fault_;
  Host a_ = 0;
  Host b_ = 0;
  std::uint64_t side_ = 0;
};

/// A view, and by host whose vote in it is there.
struct Votes {
  protocol::View view;
  std::vector<std::optional<protocol::Rank>> ranks;
};

/// Some hosts that must meet may go on from each of these views without the others.
[[nodiscard]] bool leaves_a_primary(const Standing& standing, const std::vector<Votes>& views);
/// The weight of the largest such set, in the first of the views; 0: there is none.
[[nodiscard]] std::uint64_t largest_weight(const Standing& standing, const std::vector<Votes>& views);

}  // namespace vsync::simulation
