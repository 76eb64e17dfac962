// Scripts: what is done to nodes, network and sessions. What is done to single frames, or when they come, stands in frames.cpp.

#include "tests/scenario/script.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "checker/check.hpp"
#include "tests/simulation/host_names.hpp"

namespace vsync::scenario {

using namespace std::chrono_literals;
using protocol::Duration;
using simulation::Host;
using simulation::World;

namespace {

constexpr Duration pump_every = 10ms;
constexpr Duration settle_bound = 30s;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream in(text);
  while (std::getline(in, part, separator)) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

}  // namespace

// "a..d" is "a,b,c,d".
std::string listed(const std::string& names) {
  if (names.size() != 4 || names.substr(1, 2) != "..") return names;
  std::string all;
  for (Host h = 0; h < 52; ++h) {
    const char letter = simulation::letter_of(h);
    const bool in = all.empty() ? letter == names[0] : all.back() != names[3];
    if (in) all += (all.empty() ? "" : ",") + std::string(1, letter);
  }
  return all;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Duration duration(const std::string& text) {
  if (text.ends_with("us")) return std::chrono::microseconds(number(text));
  if (text.ends_with("ms")) return std::chrono::milliseconds(number(text));
  return std::chrono::seconds(number(text));
}

std::string Script::run(std::vector<Failure>& failures) {
  failures_ = &failures;
  std::istringstream lines(text_);
  for (std::string raw; std::getline(lines, raw);) {
    ++line_;
    const std::string line = raw.substr(0, raw.find('#'));
    const Words words = split(line, ' ');
    if (words.empty()) continue;
    if (echo_) transcript_ << "> " << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
    command(words);
  }
  judge();
  return transcript_.str();
}

void Script::fail(const std::string& what) {
  failures_->push_back({line_, what});
  transcript_ << "  NOT AS EXPECTED: " << what << "\n";
}

void Script::command(const Words& words) {
  if (!world_) {
    if (words[0] == "nodes" || words[0] == "weight" || words[0] == "witness" || words[0] == "tie-breaker" || words[0] == "set") {
      return configure(words);
    }
    build();
  }
  if (words[0] == "expect") return expect(words);
  if (words[0] == "show") return words.size() > 1 ? show_views() : show();
  if (!act_on_nodes(words) && !act_on_network(words) && !act_on_frames(words) && !act_on_sessions(words) && !act_in_time(words)) {
    fail("unknown command");
  }
}

void Script::configure(const Words& words) {
  if (words[0] == "nodes") {
    for (std::size_t i = 1; i < words.size(); ++i) {
      for (std::string& name : split(listed(words[i]), ',')) names_.push_back(std::move(name));
    }
    options_.nodes.resize(names_.size());
  } else if (words[0] == "weight") {
    options_.nodes[host(words[1])].weight = static_cast<std::uint32_t>(number(words[2]));
  } else if (words[0] == "witness") {
    options_.nodes[host(words[1])].witness = true;
  } else if (words[0] == "tie-breaker") {  // tie-breaker WHO [at NODE]
    for (Host at = 0; at < names_.size(); ++at) {
      if (words.size() < 4 || at == host(words[3])) options_.nodes[at].tie_breaker = words[1];
    }
  } else if (words[1] == "window-messages") {
    options_.config.window_messages = number(words[2]);
  } else if (words[1] == "seed") {  // delays by chance instead of fixed ones
    seed_ = number(words[2]);
  } else if (words[1] == "disk") {  // how long a write takes
    write_ = duration(words[2]);
  } else if (words[1] == "lag-exclude-after") {
    options_.config.lag_exclude_after = duration(words[2]);
  } else if (words[1] == "window-bytes") {
    options_.config.window_bytes = number(words[2]);
  } else if (words[1] == "session-expires") {
    options_.config.session_expires_after = duration(words[2]);
  } else {
    fail("unknown setting");
  }
}

void Script::build() {
  if (seed_) {
    options_.network.delay_max = 20ms;
  } else {
    options_.network.delay_min = options_.network.delay_max = 500us;
    options_.network.dial_every_min = options_.network.dial_every_max = 30ms;
    options_.network.break_after_min = options_.network.break_after_max = 1s;
  }
  options_.write_min = options_.write_max = write_;
  world_ = std::make_unique<World>(options_, seed_.value_or(1));
  world_->network().filter = [this](Host from, Host to, const simulation::FramePtr& frame) { return loses(from, to, frame); };
  pump();
}

void Script::pump() {
  for (simulation::Session& session : world_->sessions()) session.pump(world_->nodes());
  world_->schedule().after(pump_every, [this] { pump(); });
}

bool Script::act_on_nodes(const Words& words) {
  const std::string& what = words[0];
  const bool no_disk = words.back() == "no-disk";
  const auto each = [&](auto act) {
    const Words named(words.begin(), words.end() - (no_disk ? 1 : 0));
    for (const Host h : hosts_from(named, 1)) act(h);
    return true;
  };
  if (what == "start" || what == "restart") {
    return each([&](Host h) { world_->start(h, !no_disk); });
  }
  if (what == "crash") return each([&](Host h) { world_->kill(h); });
  if (what == "power-off") return each([&](Host h) { world_->kill(h, false); });
  if (what == "pause") return each([&](Host h) { world_->pause(h); });
  if (what == "resume") return each([&](Host h) { world_->resume(h); });
  if (what == "leave") return each([&](Host h) { world_->leave(h); });
  if (what == "force") return each([&](Host h) { check(world_->nodes()[h].force_primary(), "refused"); });
  if (what == "hang-disk") return each([&](Host h) { world_->hang_disk(h, true); });
  if (what == "mend-disk") return each([&](Host h) { world_->hang_disk(h, false); });
  if (what == "slow-disk") {  // slow-disk 2s NODE...: from now on, until its process is started again
    for (const Host h : hosts_from(words, 2)) {
      simulation::Disk& disk = world_->nodes()[h].disk();
      disk.write_min = disk.write_max = duration(words[1]);
    }
    return true;
  }
  if (what == "peers") {  // peers NODE OTHERS|nobody: these are all that its configuration names from now on
    simulation::Node& node = world_->nodes()[host(words[1])];
    protocol::Config config = node.config();
    config.peers = words[2] == "nobody" ? Words{} : split(listed(words[2]), ',');
    node.reconfigure(std::move(config));
    return true;
  }
  if (what == "discard") return each([&](Host h) { world_->nodes()[h].discard(); });
  if (what == "bootstrap") return each([&](Host h) { world_->nodes()[h].bootstrap(); });
  return false;
}

bool Script::act_in_time(const Words& words) {
  if (words[0] == "run") return world_->run_for(duration(words[1])), true;
  if (words[0] == "every" && words[1] == "nothing") return ++everys_ended_, true;
  if (words[0] == "every") return again(duration(words[1]), {words.begin() + 2, words.end()}, line_, everys_ended_), true;
  if (words[0] != "settle") return false;
  const Duration bound = words.size() > 1 ? duration(words[1]) : settle_bound;
  const bool done = world_->run_until(world_->schedule().now() + bound, [this] {
    world_->forget_the_dead();
    for (Host h = 0; h < names_.size(); ++h) {
      if (!world_->nodes()[h].running()) world_->let_die(h);
    }
    return world_->settled();
  });
  check(done, "not settled in time: " + world_->unsettled());
  check(!done || world_->directories_equal(), "the directories differ");
  world_->forget_the_dead();
  return true;
}

void Script::do_later(Duration after, const Words& words, std::size_t line) {
  world_->schedule().after(after, [this, words, line] {
    const std::size_t now = std::exchange(line_, line);
    command(words);
    line_ = now;
  });
}

void Script::again(Duration period, const Words& words, std::size_t line, std::uint64_t until) {
  if (everys_ended_ != until) return;
  do_later(Duration{}, words, line);
  world_->schedule().after(period, [this, period, words, line, until] { again(period, words, line, until); });
}

bool Script::act_on_network(const Words& words) {
  const std::string& what = words[0];
  auto& network = world_->network();
  const auto cut_between = [&](const std::string& left, const std::string& right, bool both) {
    for (const Host x : hosts(left)) {
      for (const Host y : hosts(right)) {
        network.cut(x, y);
        if (both) network.cut(y, x);
      }
    }
  };
  if (what == "partition") {  // partition a,b|c|d
    std::string all;
    for (std::size_t i = 1; i < words.size(); ++i) all += words[i];
    const std::vector<std::string> sides = split(all, '|');
    for (std::size_t i = 0; i < sides.size(); ++i) {
      for (std::size_t j = i + 1; j < sides.size(); ++j) cut_between(sides[i], sides[j], true);
    }
  } else if (what == "cut") {
    cut_between(words[1], words[2], true);
  } else if (what == "one-way") {  // one-way a>b: what a says reaches b, but not the other way round
    const std::vector<std::string> ends = split(words[1] + (words.size() > 3 ? words[2] + words[3] : ""), '>');
    cut_between(ends.back(), ends.front(), false);
  } else if (what == "heal") {
    network.mend_all();
  } else if (what == "reset") {
    network.reset(host(words[1]), host(words[2]));
  } else if (what == "delay") {  // delay 200ms: from now on, each frame
    network.options().delay_min = network.options().delay_max = duration(words[1]);
  } else {
    return false;
  }
  return true;
}

bool Script::act_on_sessions(const Words& words) {
  const std::string& what = words[0];
  if (what == "session") {  // session s1 at a
    sessions_[words[1]] = world_->sessions().size();
    world_->add_session().attach(host(words[3]));
  } else if (what == "away") {  // its application has lost its daemon
    part(words[1]);
  } else if (what == "move") {  // move s1 to b
    if (session(words[1]).home()) part(words[1]);
    session(words[1]).attach(host(words[3]));
  } else if (what == "forget") {  // its application is gone too
    session(words[1]).give_up();
  } else if (what == "join") {
    check(session(words[1]).join(world_->nodes(), words[2]), "refused");
  } else if (what == "leave-group") {
    check(session(words[1]).leave_group(world_->nodes(), words[2]), "refused");
  } else if (what == "publish") {  // publish s1 3 [LEVEL [BYTES]]: a run of three
    const auto level = level_of(words.size() > 3 ? words[3] : "agreed");
    if (!level) {
      fail("no level " + words[3]);
      return true;
    }
    session(words[1]).add_run(static_cast<std::uint32_t>(number(words[2])), *level, words.size() > 4 ? number(words[4]) : 16);
    session(words[1]).send_unsent(world_->nodes());
  } else {
    return false;
  }
  return true;
}

// What an application had read is what its daemon had delivered.
void Script::part(const std::string& name) {
  const auto home = session(name).home();
  if (!home) return fail(name + " has no daemon");
  const auto& node = world_->nodes()[*home];
  if (node.running() && node.engine().status().view) {
    const protocol::Status status = node.engine().status();
    read_[name] = {status.view->id.epoch, status.view->id.number, protocol::Lane{}, status.delivered};
  }
  session(name).detach();
}

void Script::judge() {
  if (!world_) return fail("a script without nodes");
  for (const When& when : whens_) failures_->push_back({when.line, "never came"});
  for (const Doomed& doomed : doomed_) {
    if (doomed.fate == Fate::kills_its_sender) failures_->push_back({doomed.line, "never came"});
  }
  for (const checker::Violation& violation : checker::check(world_->trace(), {.lease = options_.config.lease, .liveness = {}})) {
    fail(violation.property + ": " + violation.text);
  }
  if (failures_->empty()) transcript_ << "the promises hold\n";
}

Host Script::host(const std::string& name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) {
    fail("no node " + name);
    return 0;
  }
  return static_cast<Host>(found - names_.begin());
}

std::vector<Host> Script::hosts(const std::string& names) {
  std::vector<Host> found;
  for (const std::string& name : split(listed(names), ',')) found.push_back(host(name));
  return found;
}

std::vector<Host> Script::hosts_from(const Words& words, std::size_t first) {
  std::vector<Host> found;
  for (std::size_t i = first; i < words.size(); ++i) {
    for (const Host h : hosts(words[i])) found.push_back(h);
  }
  return found;
}

simulation::Session& Script::session(const std::string& name) {
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) fail("no session " + name);
  return world_->sessions()[found == sessions_.end() ? 0 : found->second];
}

}  // namespace vsync::scenario
