#pragma once
// World: nodes, sessions, network and faults in one process. Everything follows from the options and the seed.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checker/check.hpp"
#include "checker/trace.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/node.hpp"
#include "tests/simulation/schedule.hpp"
#include "tests/simulation/session.hpp"
#include "tests/simulation/standing.hpp"
#include "tests/simulation/strikes.hpp"
#include "tests/simulation/swarm.hpp"

namespace vsync::simulation {

class World : private Hosts {
 public:
  World(const SwarmOptions& options, std::uint64_t seed);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void run_for(protocol::Duration time) { run_until(schedule_.now() + time, nullptr); }
  /// Until `done` (looked at every so often) or `deadline`. True: done.
  bool run_until(protocol::TimePoint deadline, const std::function<bool()>& done);

  /// Starts the nodes as the options say, the sessions, and the faults at their times.
  void begin();
  /// All faults end: cuts are mended, paused and dead nodes come back (but `dead_for_good`).
  void heal();
  /// Every process is killed and started again at once.
  void restart_all();
  /// Heals all but one fault, which stands from now on. False: it leaves nobody who may go on, whomever it concerns; nothing is healed.
  bool stand(const StandingFault& fault);
  /// The standing fault ends, and everything is healed.
  void fall();
  /// Sessions publish nothing new from now on; they settle what is open.
  void stop_publishing() { publishing_ = false; }
  void publish_again() { publishing_ = true; }
  /// Sessions do nothing at all any more.
  void rest() { resting_ = true; }

  // Single acts, for scenarios.
  void start(Host host, bool with_disk = true);
  void kill(Host host, bool powered = true);
  void pause(Host host) { nodes_[host].pause(); }
  void resume(Host host) { wake(host); }
  void leave(Host host);
  void hang_disk(Host host, bool on);

  /// Everybody who runs is in one view of exactly the running, loaded, primary, and nothing is open.
  [[nodiscard]] bool settled() const;
  /// Why not, in words.
  [[nodiscard]] std::string unsettled() const;
  /// Why they aren't in one view of all yet.
  [[nodiscard]] std::string scattered() const;
  [[nodiscard]] std::string what_each_waits_for() const;
  /// While a fault stands: what keeps those that it leaves connected from having come to rest.
  [[nodiscard]] std::string unsettled_apart() const;
  /// Answers that were under way when the fault began may have become a view that nobody can go on from while it stands.
  [[nodiscard]] bool blocked_for_good() { return !leaves_a_primary(*standing_, views_in_force()); }
  /// What the checker must find at the end of that, quiet since `quiet_from` where the view may not change any more.
  [[nodiscard]] checker::Liveness liveness_apart(protocol::TimePoint quiet_from) const;
  [[nodiscard]] const std::optional<Standing>& standing() const { return standing_; }
  [[nodiscard]] std::vector<protocol::NodeId> running_nodes() const;
  [[nodiscard]] bool directories_equal() const;
  /// A session that has its home, in some directory, at a node that isn't in the view.
  [[nodiscard]] std::string homes_gone() const;

  [[nodiscard]] const checker::Trace& trace() const { return trace_; }
  [[nodiscard]] Schedule& schedule() { return schedule_; }
  [[nodiscard]] Network& network() { return network_; }
  [[nodiscard]] std::deque<Node>& nodes() { return nodes_; }
  [[nodiscard]] std::deque<Session>& sessions() { return sessions_; }
  [[nodiscard]] std::uint64_t inputs() const { return around_.inputs; }
  [[nodiscard]] bool stuck() const { return around_.drain_stuck; }
  [[nodiscard]] bool asked_unpromised() const { return around_.asked_unpromised; }
  [[nodiscard]] bool ordered_alone() const { return around_.ordered_alone; }
  [[nodiscard]] bool window_exceeded() const { return around_.window_exceeded; }
  [[nodiscard]] const std::array<std::uint64_t, fault_kinds>& faults_done() const { return faults_done_; }
  [[nodiscard]] const Strikes& strikes() const { return strikes_; }
  /// Faults that name whom they strike and have waited for their moment so far; the others are chances that may pass.
  [[nodiscard]] std::uint64_t waited_in_vain() const;
  [[nodiscard]] const std::vector<Host>& dead_for_good() const { return dead_for_good_; }
  /// So many disks were damaged that nobody has the state any more, and no operator's command brings it back.
  [[nodiscard]] bool may_stand_still() const { return disks_were_needed_ && !forced_in_the_end_; }
  void let_die(Host host) { dead_for_good_.push_back(host); }
  void forget_the_dead() { dead_for_good_.clear(); }
  Session& add_session();

 private:
  // Hosts
  [[nodiscard]] bool running(Host host) const override { return nodes_[host].running(); }
  [[nodiscard]] bool powered(Host host) const override { return nodes_[host].powered; }
  void receive(Host host, FramePtr frame) override { nodes_[host].receive(std::move(frame)); }
  void link_changed(Host host, Host peer, protocol::LinkState state) override { nodes_[host].link_changed(nodes_[peer].name(), state); }

  /// A fault that waits for its moment.
  struct Armed {
    Fault fault;
    bool seen = false;  ///< it strikes soon, if the moment lasts
    bool done = false;
  };

  [[nodiscard]] Host host_of(const std::string& name) const;
  void act(std::size_t session);
  /// What keeps this node, which runs, from being at rest in `view`.
  [[nodiscard]] std::string hears_what_is_cut() const;
  [[nodiscard]] std::string unsettled(Host host, const protocol::View& view) const;
  [[nodiscard]] std::vector<Host> in_primary() const;
  [[nodiscard]] std::vector<Votes> views_in_force();
  void flap();
  void set_disk_speed(Host host);
  [[nodiscard]] bool dies(Host host) const;
  [[nodiscard]] bool only_keeper(Host host) const;  ///< of messages: all others are witnesses
  void on_event(Host host, const protocol::Event& event);
  void arm(const Fault& fault);
  void look_for_moments(Host changed);
  [[nodiscard]] std::optional<Fault> at_its_moment(const Fault& fault) const;
  void strike(const Fault& fault);
  /// Whether the fault changes anything for this node.
  [[nodiscard]] bool hits(const Fault& fault, Host host) const;
  void note_steps(const Fault& fault);
  void strike_process(const Fault& fault);
  void strike_network(const Fault& fault);
  [[nodiscard]] bool someone_works() const;
  [[nodiscard]] bool someone_is_taken_out() const;
  void suspend(const Fault& fault);
  void starve(const Fault& fault, protocol::TimePoint until);
  void wake(Host host, protocol::Duration ahead = {});
  void set_wall_clocks();
  void cut_for(Host from, Host to, protocol::Duration lasts);
  [[nodiscard]] protocol::Versions next_program(Host host);
  void upgrade_who_is_refused();
  void reload(Host host, const Reload& chosen);
  void come_back(Host host, protocol::Duration after, bool with_disk);
  [[nodiscard]] bool may_lose_disk(Host host, bool aimed) const;
  [[nodiscard]] bool can_do_without(Host host) const;
  [[nodiscard]] bool another_disk_has_a_view(Host host) const;
  void strike_disk(const Fault& fault);
  void strike_operator(const Fault& fault);
  /// What operators do in the end: parted histories, and clusters whose disks are lost, don't settle by themselves.
  void operate();
  void give_up_parted_histories();
  void force_who_is_left();
  void discard(Host host);
  void watch_leaver(Host host, protocol::Duration back_after);

  SwarmOptions options_;
  bool bootstraps_;  ///< the first host's starts tell it to form alone
  Random random_;
  Random upgrades_;
  Random reloads_;
  Random wall_clocks_;
  Schedule schedule_;
  checker::Trace trace_;
  Surroundings around_;
  Network network_;
  std::deque<Node> nodes_;
  std::deque<Session> sessions_;
  std::vector<Host> dead_for_good_;
  std::array<std::uint64_t, fault_kinds> faults_done_{};
  Strikes strikes_{};
  std::deque<Armed> armed_;
  std::optional<Standing> standing_;
  std::uint64_t least_weight_ = 0;  ///< of the view that comes to rest while a fault stands, where that is known
  std::vector<std::optional<Step>> steps_;  ///< where each running node was after its last input
  std::set<Host> damaged_;                  ///< don't start before their disk is replaced
  std::set<Host> being_installed_;          ///< their disks are lost already
  Random operator_;
  std::string kept_;                        ///< with whose history parted ones are given up
  protocol::TimePoint force_at_{};
  bool disks_were_needed_ = false;          ///< of those damaged; the others may not be able to go on without them
  bool gave_up_ = false;                    ///< an operator some history
  bool forced_in_the_end_ = false;
  bool publishing_ = true;
  bool resting_ = false;
  bool faults_over_ = false;
};

}  // namespace vsync::simulation
