// Scripts: what is done to single frames, and what is done when they come.

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "tests/scenario/script.hpp"

namespace vsync::scenario {

using namespace std::chrono_literals;
using protocol::Duration;
using simulation::FramePtr;
using simulation::Host;

namespace {

constexpr std::array<const char*, 19> types = {
    "Heartbeat", "Data",   "Order",          "Ack",     "FetchData", "FetchOrder", "Prepare",  "Answer",   "Refused", "Gather",
    "Gathered",  "Accept", "AcceptedBallot", "Decided", "Form",      "Formed",     "Snapshot", "FetchLog", "LogPart"};
static_assert(std::variant_size_v<protocol::Body> == types.size());

/// An order record that ends a term has a name of its own.
std::string type_of(const protocol::Body& body) {
  const auto* order = std::get_if<protocol::Order>(&body);
  return order != nullptr && order->hand_off ? "HandOff" : types[body.index()];
}

}  // namespace

// [N] FRAME [from a] [to b]
Script::Frames Script::frames_in(const Words& words, std::size_t& at) {
  Frames frames;
  if (at < words.size() && std::isdigit(static_cast<unsigned char>(words[at].front())))
    frames.left = static_cast<int>(number(words[at++]));
  if (at == words.size()) return fail("which frames?"), frames;
  frames.type = words[at++];
  const bool known = frames.type == "everything" || frames.type == "HandOff" ||
                     std::find(types.begin(), types.end(), frames.type) != types.end();
  check(known, "no frame " + frames.type);
  for (; at + 1 < words.size() && (words[at] == "from" || words[at] == "to"); at += 2) {
    (words[at] == "from" ? frames.from : frames.to) = host(words[at + 1]);
  }
  return frames;
}

// drop|hold next|all FRAME [from a] [to b];  stop a before [N] FRAME;  when [N] FRAME [from a] [to b] COMMAND
bool Script::act_on_frames(const Words& words) {
  std::size_t at = 2;
  if (words[0] == "drop" && words[1] == "nothing") {
    std::erase_if(doomed_, [](const Doomed& doomed) { return doomed.fate != Fate::held; });
  } else if (words[0] == "drop" || words[0] == "hold") {
    Frames frames = frames_in(words, at);
    frames.left = words[1] == "next" ? 1 : -1;
    doomed_.push_back({frames, words[0] == "drop" ? Fate::lost : Fate::held, line_});
  } else if (words[0] == "release") {
    release();
  } else if (words[0] == "stop") {
    at = 3;
    Frames frames = frames_in(words, at);
    frames.from = host(words[1]);
    if (frames.left < 0) frames.left = 1;
    doomed_.push_back({frames, Fate::kills_its_sender, line_});
  } else if (words[0] == "when") {
    at = 1;
    Frames frames = frames_in(words, at);
    if (frames.left < 0) frames.left = 1;
    whens_.push_back({frames, {words.begin() + static_cast<std::ptrdiff_t>(at), words.end()}, line_});
  } else {
    return false;
  }
  return true;
}

bool Script::loses(Host from, Host to, const FramePtr& frame) {
  if (dying_.contains(from)) return true;
  // Whether it is one of them, and the last that counts.
  const auto is = [&](const Frames& frames) {
    return frames.left != 0 && (frames.type == "everything" || frames.type == type_of(frame->body)) &&
           (!frames.from || *frames.from == from) && (!frames.to || *frames.to == to);
  };
  const auto last = [](Frames& frames) { return frames.left > 0 && --frames.left == 0; };
  for (auto doomed = doomed_.begin(); doomed != doomed_.end(); ++doomed) {
    if (!is(doomed->frames)) continue;
    const Fate fate = doomed->fate;
    const bool was_last = last(doomed->frames);
    if (was_last) doomed_.erase(doomed);
    if (fate == Fate::held) held_.push_back({from, to, frame});
    if (fate != Fate::kills_its_sender) return true;
    if (!was_last) break;  // it leaves, and may be what somebody waits for
    stop(from);
    return true;
  }
  const Duration arrival = world_->network().options().delay_max + 1us;
  for (When& when : whens_) {
    if (is(when.frames) && last(when.frames)) do_later(arrival, when.command, when.line);
  }
  std::erase_if(whens_, [](const When& when) { return when.frames.left == 0; });
  return false;
}

// What it has sent before arrives: its connections end behind that.
void Script::stop(Host host) {
  dying_.insert(host);
  world_->schedule().after(world_->network().options().delay_max + 1us, [this, host, process = world_->nodes()[host].process()] {
    dying_.erase(host);
    if (world_->nodes()[host].process() == process) world_->kill(host);
  });
}

void Script::release() {
  std::erase_if(doomed_, [](const Doomed& doomed) { return doomed.fate == Fate::held; });
  for (const Held& held : std::exchange(held_, {})) world_->network().send(held.from, held.to, held.frame, false);
}

}  // namespace vsync::scenario
