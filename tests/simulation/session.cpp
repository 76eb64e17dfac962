#include "tests/simulation/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/audit.hpp"
#include "protocol/directory.hpp"
#include "tests/simulation/host_names.hpp"

namespace vsync::simulation {

using protocol::Level;
using protocol::Outcome;

namespace {
constexpr std::array<const char*, 4> group_names = {"group0", "news.*", "group2", ">"};  // exact topics, and patterns
constexpr std::uint32_t patience_max = 12;  ///< acts without an answer before it tries another daemon
constexpr std::size_t unresolved_max = 24;  ///< runs; not more than the directory keeps for retries
}  // namespace

Session::Session(std::size_t index, const SwarmOptions& options, Random random)
    : index_(index), options_(options), random_(random), homing_(random.next() ^ 0x686f6d69'6e670000) {
  renew();
}

void Session::renew() {
  ++lives_;
  id_ = {index_ + 1, lives_};
  application_ = "app" + std::to_string(index_ + 1);
  state_ = State::away;
  home_.reset();
  back_to_.reset();
  spoke_ = false;
  next_n_ = 1;
  unresolved_.clear();
  groups_.clear();
  outcomes_.clear();
  wait_for_writable_ = false;
}

void Session::attach(Host home) {
  home_ = home;
  state_ = State::opening;
  patience_ = 0;
  wait_for_writable_ = false;
}

// What it had sent there is as good as not sent: the outcome can't reach it any more.
void Session::detach() {
  home_.reset();
  state_ = State::away;
  for (Run& run : unresolved_) run.sent = false;
}

void Session::on_daemon_gone(Host home) {
  if (home_ == home) detach();
}

void Session::choose_home(std::deque<Node>& nodes) {
  std::vector<Host> candidates;
  for (Host host = 0; host < nodes.size(); ++host) {
    if (nodes[host].responsive() && !nodes[host].leaving() && !nodes[host].config().witness) candidates.push_back(host);
  }
  if (!candidates.empty()) attach(candidates[random_.below(candidates.size())]);
}

// A daemon that has the session already takes it over without a record: to open it there again would change nothing.
bool Session::try_open(std::deque<Node>& nodes) {
  Node& node = nodes[*home_];
  if (!node.responsive()) return false;
  const protocol::Session* known = node.engine().directory().session(id_);
  if (known != nullptr && !known->homeless && known->node == node.id()) {
    state_ = State::open;
    patience_ = 0;
    return true;
  }
  return node.submit({protocol::OpenSession{id_, node.id(), application_, spoke_}});
}

void Session::act(std::deque<Node>& nodes, bool publishing) {
  if (!home_) return choose_home(nodes);
  Node& node = nodes[*home_];
  if (!node.running() || node.leaving()) return detach();
  if (node.paused()) {
    if (++patience_ > patience_max) detach();
    return;
  }
  if (state_ == State::opening) {
    // The answer is SessionChanged. A view change in between may have lost the record, so it is repeated.
    if (patience_ % 4 == 0) try_open(nodes);
    if (++patience_ > patience_max) detach();
    return;
  }
  if (publishing && back_to_ && homing_.chance(500)) return go_back();
  if (publishing && random_.chance(options_.move_permille)) return move(nodes);
  if (publishing && random_.chance(options_.end_permille)) return end(nodes);
  if (publishing && random_.chance(options_.group_permille)) change_groups(nodes);
  const std::size_t most = std::min<std::size_t>(unresolved_max, options_.config.session_window) - options_.burst_max;
  if (publishing && unresolved_.size() <= most) publish_burst();
  send_unsent(nodes);
}

void Session::pump(std::deque<Node>& nodes) {
  if (!home_ || !nodes[*home_].responsive()) return;
  if (state_ == State::open) return send_unsent(nodes);
  if (patience_++ % 4 == 0) try_open(nodes);
}

void Session::publish_burst() {
  for (std::uint64_t i = random_.between(0, options_.burst_max); i > 0; --i) {
    const auto count = static_cast<std::uint32_t>(random_.between(1, options_.run_messages_max));
    add_run(count, static_cast<Level>(random_.below(5)), random_.between(1, options_.payload_max));
  }
}

void Session::add_run(std::uint32_t count, Level level, std::size_t payload_bytes) {
  std::vector<std::byte> bytes(payload_bytes + 16);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_.below(256));
  protocol::Payload payload(std::move(bytes));
  const std::uint64_t digest = protocol::digest_of(payload);
  unresolved_.push_back({.first_n = next_n_, .count = count, .level = level, .payload = std::move(payload), .digest = digest});
  next_n_ += count;
  ++counts_.published;
}

// Unresolved runs go out again in order before new ones, and only when none of an earlier sending is under way: else an old run
// could come after a newer one.
void Session::send_unsent(std::deque<Node>& nodes) {
  if (!home_ || state_ != State::open || wait_for_writable_) return;
  const auto first = std::find_if(unresolved_.begin(), unresolved_.end(), [](const Run& run) { return !run.sent; });
  if (std::any_of(first, unresolved_.end(), [](const Run& run) { return run.sent; })) return;
  for (auto run = first; run != unresolved_.end(); ++run) {
    const checker::Published publish{
        .session = id_, .first_n = run->first_n, .count = run->count, .level = run->level, .digest = run->digest};
    protocol::PublishError error{};
    if (!nodes[*home_].publish(publish, run->payload, error)) {
      wait_for_writable_ = error == protocol::PublishError::window_full;
      if (wait_for_writable_) {
        ++counts_.window_full;
      } else if (++patience_ > patience_max) {
        detach();
      }
      return;
    }
    patience_ = 0;
    counts_.resent += run->tried ? 1 : 0;
    run->sent = run->tried = spoke_ = true;
  }
}

bool Session::join(std::deque<Node>& nodes, const std::string& group) {
  if (state_ != State::open || !nodes[*home_].submit({protocol::JoinGroup{id_, group}})) return false;
  groups_.insert(group);
  return true;
}

bool Session::leave_group(std::deque<Node>& nodes, const std::string& group) {
  if (state_ != State::open || !nodes[*home_].submit({protocol::LeaveGroup{id_, group}})) return false;
  groups_.erase(group);
  return true;
}

void Session::change_groups(std::deque<Node>& nodes) {
  const std::string group = group_names[random_.below(group_names.size())];
  if (groups_.contains(group)) {
    leave_group(nodes, group);
  } else {
    join(nodes, group);
  }
}

void Session::move(std::deque<Node>& nodes) {
  // The daemon that it leaves may take the end of the connection for the end of the application.
  if (random_.chance(300)) nodes[*home_].submit({protocol::CloseSession{id_, protocol::LeaveReason::crashed}});
  if (homing_.chance(300)) back_to_ = home_;
  detach();
  ++counts_.moved;
  choose_home(nodes);
}

// A daemon that hasn't noticed yet that the session was elsewhere has it still.
void Session::go_back() {
  detach();
  attach(*std::exchange(back_to_, std::nullopt));
}

void Session::end(std::deque<Node>& nodes) {
  const auto reason = random_.chance(500) ? protocol::LeaveReason::left : protocol::LeaveReason::crashed;
  if (reason == protocol::LeaveReason::left && !settled()) return;  // a closing client waits for its outcomes
  nodes[*home_].submit({protocol::CloseSession{id_, reason}});
  renew();
}

void Session::resolved(const protocol::Resolved& resolved) {
  if (resolved.session != id_ || resolved.outcome == Outcome::ordered) return;
  const auto run = std::find_if(unresolved_.begin(), unresolved_.end(), [&](const Run& r) { return r.first_n == resolved.first_n; });
  if (run == unresolved_.end() || !run->sent) return;
  if (resolved.outcome != Outcome::unresolved) outcomes_[resolved.first_n] = resolved.outcome;
  switch (resolved.outcome) {
    case Outcome::ok: ++counts_.ok; break;
    case Outcome::rejected: ++counts_.rejected; break;
    case Outcome::session_expired:
      ++counts_.expired;
      renew();
      return;
    case Outcome::unresolved: run->sent = false; return;
    case Outcome::ordered: return;
  }
  unresolved_.erase(run);
}

std::optional<Outcome> Session::outcome_of(std::uint64_t n) const {
  const auto found = outcomes_.find(n);
  return found == outcomes_.end() ? std::nullopt : std::optional(found->second);
}

std::string Session::waits_for() const {
  if (unresolved_.empty()) return {};
  std::string text = application_ + " has " + std::to_string(unresolved_.size()) + " open runs from n " +
                     std::to_string(unresolved_.front().first_n) + ", " + (unresolved_.front().sent ? "sent, " : "not sent, ");
  if (!home_) return text + "without a daemon";
  text += state_ == State::open ? "open at " : "opening at ";
  text += host_name(*home_);
  return wait_for_writable_ ? text + ", waiting for Writable" : text;
}

void Session::on_event(Host home, const protocol::Event& event, const protocol::NodeId& self) {
  if (home_ != home) return;
  if (const auto* outcome = std::get_if<protocol::Resolved>(&event)) {
    resolved(*outcome);
  } else if (std::holds_alternative<protocol::Writable>(event)) {
    wait_for_writable_ = false;
  } else if (std::holds_alternative<protocol::Resynced>(event)) {
    state_ = State::opening;  // its daemon is a new node, and registers it again
    patience_ = 0;
    wait_for_writable_ = false;
  } else if (const auto* changed = std::get_if<protocol::SessionChanged>(&event); changed && changed->session == id_) {
    if (!changed->open) {
      // While it opens, an end is that of its stay elsewhere; whether it may go on is what its own record is told.
      const bool own_record_refused = changed->refused && changed->node == self && changed->resumed == spoke_;
      const bool concerned = state_ == State::open ? !changed->refused : own_record_refused;
      if (!concerned) return;
      ++counts_.expired;
      renew();
    } else if (changed->node == self) {
      if (!changed->resumed) groups_.clear();
      state_ = State::open;
      patience_ = 0;
    } else if (state_ == State::open) {
      state_ = State::opening;  // its home failed in the eyes of the others, or it is moving
    }
  }
}

}  // namespace vsync::simulation
