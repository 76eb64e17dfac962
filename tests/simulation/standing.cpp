#include "tests/simulation/standing.hpp"

#include <algorithm>
#include <array>

#include "protocol/primary.hpp"
#include "tests/simulation/fault.hpp"
#include "tests/simulation/host_names.hpp"

namespace vsync::simulation {

namespace {
constexpr std::array<const char*, standing_kinds> kind_names = {"one_way", "deaf", "mute", "cut_link", "hears_few", "apart",
                                                                "down", "flapping", "slow_disk"};

bool on(std::uint64_t side, Host host) { return ((side >> host) & 1) != 0; }
}  // namespace

const char* name_of(StandingKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

Standing::Standing(StandingFault fault, std::size_t hosts, Random& random) : fault_(fault) {
  a_ = random.below(hosts);
  b_ = (a_ + 1 + random.below(hosts - 1)) % hosts;
  const std::uint64_t all = (std::uint64_t{1} << hosts) - 1;
  do {
    side_ = random.next() & all;
    if (fault.kind == StandingKind::hears_few) side_ &= ~(std::uint64_t{1} << a_);
  } while (side_ == 0 || side_ == all);
}

bool Standing::cut(Host from, Host to) const {
  if (from == to) return false;
  switch (fault_.kind) {
    case StandingKind::one_way: return from == a_ && to == b_;
    case StandingKind::deaf: return to == a_;
    case StandingKind::mute: return from == a_;
    case StandingKind::cut_link: return (from == a_ && to == b_) || (from == b_ && to == a_);
    case StandingKind::hears_few: return to == a_ && !on(side_, from);
    case StandingKind::apart: return on(side_, from) != on(side_, to);
    case StandingKind::down:
    case StandingKind::flapping:
    case StandingKind::slow_disk:
    case StandingKind::count_: break;
  }
  return false;
}

bool Standing::must_meet(Host one, Host two) const {
  const bool theirs = (one == a_ && two == b_) || (one == b_ && two == a_);
  const bool flaps = fault_.kind == StandingKind::flapping && theirs;
  return may_meet(one, two) && !flaps && !slow(one) && !slow(two);
}

std::string Standing::text() const {
  std::string text = std::string(name_of(fault_.kind)) + " " + host_name(a_);
  switch (fault_.kind) {
    case StandingKind::one_way: text += " to " + host_name(b_); break;
    case StandingKind::cut_link: text += " and " + host_name(b_); break;
    case StandingKind::flapping: text += " and " + host_name(b_) + " each " + in_milliseconds(fault_.period); break;
    case StandingKind::slow_disk: text += " up to " + in_milliseconds(fault_.write_max); break;
    case StandingKind::apart: text = "apart"; [[fallthrough]];
    case StandingKind::hears_few:
      for (Host host = 0; host < 64; ++host) text += on(side_, host) ? " " + host_name(host) : "";
      break;
    default: break;
  }
  return text;
}

std::uint64_t largest_weight(const Standing& standing, const std::vector<Votes>& views) {
  const std::size_t hosts = views.front().ranks.size();
  std::uint64_t largest = 0;
  for (std::uint64_t side = 1; side < std::uint64_t{1} << hosts; ++side) {
    const auto meet = [&] {
      for (Host one = 0; one < hosts; ++one) {
        for (Host other = one; other < hosts; ++other) {
          if (on(side, one) && on(side, other) && !standing.must_meet(one, other)) return false;
        }
      }
      return true;
    };
    const auto members = [&](const Votes& votes) {
      protocol::RankSet set;
      for (Host host = 0; host < hosts; ++host) {
        if (on(side, host) && votes.ranks[host]) set.insert(*votes.ranks[host]);
      }
      return set;
    };
    const auto goes_on = [&](const Votes& votes) { return may_go_on(votes.view, members(votes)); };
    if (!meet() || !std::all_of(views.begin(), views.end(), goes_on)) continue;
    largest = std::max(largest, weight_of(views.front().view, members(views.front())));
  }
  return largest;
}

bool leaves_a_primary(const Standing& standing, const std::vector<Votes>& views) { return largest_weight(standing, views) > 0; }

}  // namespace vsync::simulation
