#include "tests/simulation/aim.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "tests/simulation/strikes.hpp"

namespace vsync::simulation {
namespace {

using namespace std::chrono_literals;
using protocol::Duration;

bool loses_disk(FaultKind kind) { return kind == FaultKind::reinstall || kind == FaultKind::damaged_disk; }

/// How often in a round a pair gets its turn: more often where one turn seldom leads to a strike.
std::size_t turns(const Aim& aim) {
  if (!loses_disk(aim.kind)) return aim.step == Step::left_out || aim.step == Step::fetching_cut ? 2 : 1;
  switch (aim.step) {
    case Step::coordinating_confirmations:
    case Step::coordinating_acceptances: return 18;
    case Step::answered: return 10;
    case Step::returning_accepted: return 6;
    case Step::coordinating_answers:
    case Step::returning_promised: return 4;
    case Step::accepted:
    case Step::answered_blocked:
    case Step::fetching_cut: return 3;
    default: return 2;
  }
}

const std::vector<Aim>& aims() {
  static const std::vector<Aim> all = [] {
    std::vector<Aim> found;
    for (std::size_t step = 0; step < step_count; ++step) {
      for (std::size_t kind = 0; kind < striking_kinds; ++kind) {
        const Aim aim{static_cast<Step>(step), static_cast<FaultKind>(kind)};
        if (why_out_of_reach(aim.step, aim.kind) == nullptr) found.insert(found.end(), turns(aim), aim);
      }
    }
    return found;
  }();
  return all;
}

class Lead {
 public:
  Lead(Duration at, SwarmOptions& options, Random& random) : at_(at), options_(options), random_(random) {}

  /// A fault of some host; with `moment` of whoever is in that step from now on.
  void happens(FaultKind kind, Duration lasts, std::optional<Moment> moment = std::nullopt) {
    Fault fault;
    fault.at = at_;
    fault.kind = kind;
    fault.a = random_.below(options_.nodes.size());
    fault.b = (fault.a + 1 + random_.below(std::max<std::size_t>(options_.nodes.size(), 2) - 1)) % options_.nodes.size();
    fault.side = random_.next() & ((std::uint64_t{1} << options_.nodes.size()) - 1);
    fault.killed = random_.chance(500) && kind == FaultKind::lose_side;
    fault.lasts = lasts;
    fault.moment = moment;
    options_.faults.push_back(fault);
  }
  void when(Step step, FaultKind kind, Duration lasts) { happens(kind, lasts, Moment{.step = step, .after = hesitation()}); }
  /// Nobody hears the node that is in the step, nor does it hear others.
  void isolate(Step step, Duration lasts) {
    when(step, FaultKind::partition, lasts);
    options_.faults.back().side = 0;
  }
  /// Somebody isn't there, and is missed if that lasts.
  void view_change(Duration lasts) {
    constexpr std::array ways = {FaultKind::crash, FaultKind::power_off, FaultKind::pause, FaultKind::leave, FaultKind::mute,
                                 FaultKind::lose_side};
    happens(ways[random_.below(ways.size())], lasts);
  }
  FaultKind either(FaultKind one, FaultKind other) { return random_.chance(500) ? one : other; }

 private:
  /// A step is struck at its beginning as often as later.
  Duration hesitation() {
    if (random_.chance(500)) return 0ms;
    return random_.chance(500) ? random_.between(0ms, 2ms) : random_.between(0ms, 40ms);
  }

  Duration at_;
  SwarmOptions& options_;
  Random& random_;
};

}  // namespace

std::optional<Aim> aim_of(std::uint64_t seed) {
  if (seed < first_aimed_seed || seed >= first_standing_seed) return std::nullopt;
  return aims()[(seed - first_aimed_seed) / 2 % aims().size()];
}

void suit(const Aim& aim, SwarmOptions& options, Random& random) {
  const bool alone = loses_disk(aim.kind);
  // A disk may be lost where three others are at work in a view, or two others and the one that loses it.
  const std::size_t least = alone ? (random.chance(900) ? 4 : 3) : 2;
  while (options.nodes.size() < least) options.nodes.push_back({.starts_after = random.between(0ms, 50ms)});
  if (alone) {
    options.bootstrap = false;
    for (NodeOptions& node : options.nodes) node.weight = 1, node.witness = false;
    options.network.delay_max = std::max<Duration>(options.network.delay_max, 10ms);
    options.network.break_after_min = options.network.break_after_max;  // who is mute goes on hearing
  }
  if (aim.step == Step::witness) {
    for (NodeOptions& node : options.nodes) node.witness = false;
    options.nodes[1 + random.below(options.nodes.size() - 1)].witness = true;
  }
  if (aim.step == Step::idle) options.act_every = 400ms;
  if (aim.step == Step::learner || aim.step == Step::fetching_cut) {
    options.network.bulk_delay_max = std::max<Duration>(options.network.bulk_delay_max, 30ms);
  }
  if (aim.step == Step::fetching_cut) {
    options.act_every = std::min<Duration>(options.act_every, 30ms);
    options.network.loss_permille = std::max(options.network.loss_permille, 10u);
    options.config.fetch_again_after = 200ms;
  }
}

void lead_to(Step step, Duration at, SwarmOptions& options, Random& random) {
  Lead lead(at, options, random);
  const Duration soon = random.between(10ms, 500ms);
  const Duration late = random.between(2s, 4s);  // excluded meanwhile
  switch (step) {
    case Step::idle:
    case Step::loaded:
    case Step::sequencer:
    case Step::witness: return;
    case Step::forming: return lead.happens(FaultKind::reinstall, soon);  // at the beginning everybody forms
    case Step::joining:
    case Step::learner: return lead.happens(lead.either(FaultKind::crash, FaultKind::leave), late);
    case Step::returning: return lead.happens(lead.either(FaultKind::crash, FaultKind::crash_all), random.chance(500) ? soon : late);
    case Step::returning_promised:
    case Step::returning_accepted:
      lead.view_change(late);
      return lead.when(step == Step::returning_promised ? Step::answered : Step::accepted,
                       lead.either(FaultKind::crash, FaultKind::crash_all), random.chance(500) ? soon : late);
    case Step::sequencer_without_lease:
      return lead.when(Step::sequencer, lead.either(FaultKind::deaf, FaultKind::mute), random.between(300ms, 2s));
    case Step::view_unconfirmed:
    case Step::coordinating_answers:
    case Step::coordinating_confirmations:
    case Step::coordinating_acceptances:
    case Step::answered:
    case Step::accepted: return lead.view_change(late);
    case Step::answered_blocked:
      lead.view_change(late);
      return lead.when(Step::answered, lead.either(FaultKind::partition, FaultKind::split), late);
    case Step::fetching_cut:
      lead.when(Step::loaded, FaultKind::full_queue, 2s);
      return lead.view_change(late);
    case Step::leaving:
    case Step::left_out: return lead.happens(FaultKind::leave, soon);
    case Step::blocked: return lead.happens(lead.either(FaultKind::split, FaultKind::partition), late);
    case Step::doubting: return lead.happens(FaultKind::pause, random.between(350ms, 2s));
    case Step::count_: return;
  }
}

namespace {

/// Likewise, with all others at work, or no disk may be lost: they go on without the node, and it doesn't hear of that.
void lead_to_alone(Step step, Duration at, SwarmOptions& options, Random& random) {
  Lead lead(at, options, random);
  const Duration brief = random.between(10ms, 300ms);
  switch (step) {
    case Step::returning_promised:
    case Step::returning_accepted:
      lead.when(step == Step::returning_promised ? Step::answered : Step::accepted, FaultKind::crash, random.between(2s, 4s));
      lead.isolate(step, 1s);
      return lead.view_change(brief);
    case Step::view_unconfirmed:
      lead.when(step, FaultKind::deaf, random.between(100ms, 500ms));
      return lead.view_change(brief);
    case Step::answered: {
      // It hears the others, and isn't blocked, up to where it would hear of the view that leaves it out.
      lead.when(step, FaultKind::mute, 4s);
      const Duration suspicion = options.config.suspect_after_min;
      lead.happens(FaultKind::deaf, 4s, Moment{.step = step, .after = random.between(suspicion / 4, suspicion)});
      return lead.view_change(brief);
    }
    case Step::coordinating_answers:
      lead.isolate(step, 4s);
      return lead.view_change(brief);
    case Step::coordinating_confirmations:
    case Step::coordinating_acceptances: {
      // Where somebody is back that was left out a ballot has more patience than the others, who exclude its coordinator meanwhile. That
      // is the ballot behind the admission, among all again; its coordinator is mute from where the step before is over for the others.
      lead.happens(FaultKind::crash, brief);
      const Moment mute{.step = step == Step::coordinating_acceptances ? Step::coordinating_confirmations : Step::coordinating_answers,
                        .after = random.between(4ms, 25ms)};
      return Lead(at + brief + options.config.admit_after + random.between(60ms, 180ms), options, random)
          .happens(FaultKind::mute, 4s, mute);
    }
    case Step::accepted:
    case Step::fetching_cut:
    case Step::answered_blocked:
      if (step == Step::fetching_cut) lead.when(Step::loaded, FaultKind::full_queue, 2s);
      lead.isolate(step == Step::answered_blocked ? Step::answered : step, 4s);
      return lead.view_change(brief);
    case Step::blocked: return lead.isolate(Step::idle, 4s);
    default: return lead_to(step, at, options, random);
  }
}

}  // namespace

void take_aim(const Aim& aim, SwarmOptions& options, Random& random) {
  suit(aim, options, random);
  if (random.chance(loses_disk(aim.kind) ? 850 : 600)) options.faults.clear();
  const std::uint64_t rounds = random.between(2, 3);
  Duration at = aim.step == Step::forming ? 0ms : 500ms;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    Lead(at, options, random).when(aim.step, aim.kind, random.chance(500) ? random.between(10ms, 800ms) : random.between(500ms, 3s));
    const auto lead = loses_disk(aim.kind) ? lead_to_alone : lead_to;
    lead(aim.step, at + random.between(200ms, 1500ms), options, random);
    at += random.between(2500ms, 4s);
  }
  options.fault_phase = std::max(options.fault_phase, at);
  std::stable_sort(options.faults.begin(), options.faults.end(), [](const Fault& x, const Fault& y) { return x.at < y.at; });
}

}  // namespace vsync::simulation
