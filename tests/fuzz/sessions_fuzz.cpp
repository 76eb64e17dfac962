#include <fuzzer/FuzzedDataProvider.h>

#include <optional>
#include <string>
#include <vector>

#include "hosted_sessions.hpp"
#include "wire/limits.hpp"

using namespace vsync;
using namespace std::chrono_literals;
using daemon::LocalSocket;
using daemon::test::body_of;
using protocol::Position;
using protocol::SessionId;

namespace {

using Bytes = std::vector<std::byte>;
using Input = FuzzedDataProvider;

constexpr const char* names[] = {"a", "a.b", "a.b.c", "quiet.word", "a.*", "a.>", ">", "*.b", "bad..name", ""};
constexpr wire::DeliverOn confirmations[] = {wire::DeliverOn::order, wire::DeliverOn::uniform, wire::DeliverOn::safe,
                                             wire::DeliverOn::durable};
constexpr protocol::Level levels[] = {protocol::Level::agreed, protocol::Level::uniform, protocol::Level::safe,
                                      protocol::Level::durable, protocol::Level::fifo};
constexpr const char* honest_topic = "quiet.word";

/// One application as it knows itself: what it needs in order to send what is nearly right.
struct Application {
  explicit Application(std::string name) : route(std::move(name)) {}
  std::string route;
  SessionId session;
  bool welcomed = false;
  std::uint64_t nonce = 0;
  std::uint64_t next_n = 1;
  std::uint64_t received = 0;  ///< bytes of bodies
  std::optional<Position> last;
  std::size_t resolved = 0, delivered = 0;
};

/// A daemon's sessions around an engine, alone or with two others, and four applications. One of them keeps to the rules.
class Host {
 public:
  explicit Host(bool alone) : daemon_(alone ? Names{"n"} : Names{"n", "o", "p"}, "n", limits()) {
    daemon_.wire.sent = [this](std::string_view route, const daemon::Parcel& parcel) { sent(route, parcel); };
    for (const char* route : {"honest", "one", "two", "three"}) applications_.emplace_back(route);
    turn();
  }

  void act(Input& in) {
    Application& who = applications_[in.ConsumeIntegralInRange<std::size_t>(1, applications_.size() - 1)];
    switch (in.ConsumeIntegralInRange(0, 15)) {
      case 0:
        return raw(in, who);
      case 1:
        return connection(in, who);
      case 2:
        return pass(in.PickValueInArray({1ms, 10ms, 100ms, 700ms, 2100ms}));
      case 3:
        return others(in);
      case 4:
        return turn();
      default:
        return send(in, who);
    }
  }

  /// The application that keeps to the rules, beside all that.
  void open_honest() {
    Application& honest = applications_.front();
    const wire::SessionSecret secret{1, 1};
    honest.session = wire::session_of(secret);
    ask(honest, wire::Open{.version = wire::local_version,
                           .secret = secret,
                           .application = "honest",
                           .last_n = 0,
                           .last_position = {}});
    turn();
    VSYNC_ASSERT(honest.welcomed);
    ask(honest, wire::Join{.request = 1, .group = honest_topic});
    turn();
  }
  void check_honest() {
    Application& honest = applications_.front();
    VSYNC_ASSERT(honest.welcomed);
    honest.resolved = honest.delivered = 0;
    ask(honest, wire::Publish{.first_n = honest.next_n++, .count = 1}, body_of(honest_topic, 1));
    for (int i = 0; i < 50 && (honest.resolved == 0 || honest.delivered == 0); ++i) pass(10ms);
    VSYNC_ASSERT(honest.resolved == 1 && honest.delivered >= 1);
  }
  void turn() {
    daemon_.turn();
    VSYNC_ASSERT(daemon_.session_count() <= limits().sessions_max);
  }

 private:
  using Names = std::vector<std::string>;

  static daemon::SessionLimits limits() {
    return {.sessions_max = 3,
            .groups_per_session_max = 4,
            .queue_bytes_max = 64 << 10,
            .window_bytes = 1 << 10,
            .held_publish_bytes_max = 16 << 10,
            .held_publish_messages_max = 256};
  }

  // ---- to the daemon
  void ask(const Application& who, const wire::ToDaemon& message, Bytes body = {}) { daemon_.ask(who.route, message, std::move(body)); }
  void raw(Input& in, const Application& who) {
    daemon::test::Wire::Request request{who.route, {}};
    for (std::size_t parts = in.ConsumeIntegralInRange<std::size_t>(0, 3); parts > 0; --parts) {
      const auto bytes = in.ConsumeBytes<std::uint8_t>(in.ConsumeIntegralInRange<std::size_t>(0, 200));
      const auto view = std::as_bytes(std::span(bytes));
      request.parts.emplace_back(view.begin(), view.end());
    }
    daemon_.wire.requests.push_back(std::move(request));
  }
  void send(Input& in, Application& who) {
    const std::string group = in.PickValueInArray(names);
    const auto request = in.ConsumeIntegral<std::uint8_t>();
    switch (in.ConsumeIntegralInRange(0, 11)) {
      case 0: {
        const wire::SessionSecret secret{0, in.ConsumeIntegralInRange<std::uint64_t>(0, 4)};
        who.session = wire::session_of(secret);
        wire::Open open{
            .version = wire::local_version, .secret = secret, .application = "fuzz", .last_n = 0, .last_position = {}};
        if (in.ConsumeBool()) open.last_n = who.next_n - 1;
        if (in.ConsumeBool()) open.last_position = position(in, who);
        if (in.ConsumeIntegralInRange(0, 15) == 0) open.version = in.ConsumeIntegral<std::uint16_t>();
        ask(who, open);
        return in.ConsumeIntegralInRange(0, 7) != 0 ? turn() : void();  // nothing else may come before its welcome
      }
      case 1:
      case 2:
        return ask(who, wire::Join{request, group, in.PickValueInArray(confirmations), in.ConsumeBool()});
      case 3:
        return ask(who, wire::Leave{request, group});
      case 4:
      case 5:
      case 6:
        return publish(in, who, group);
      case 7:
        return ask(who, wire::GoodbyeRequest{});
      case 8:
        return ask(who, wire::Pong{in.ConsumeBool() ? who.nonce : in.ConsumeIntegral<std::uint64_t>()});
      case 9:
        return ask(who, wire::Query{request, static_cast<wire::Query::What>(in.ConsumeIntegralInRange(0, 6)), group});
      case 10:
        return ask(who, wire::Received{in.ConsumeBool() ? who.received : in.ConsumeIntegral<std::uint64_t>()});
      case 11:
        return ask(who, wire::JoinedAgain{});
    }
  }
  void publish(Input& in, Application& who, const std::string& topic) {
    wire::Publish head{.first_n = who.next_n, .count = in.ConsumeIntegralInRange<std::uint32_t>(1, 20)};
    head.level = in.PickValueInArray(levels);
    head.fail_when_blocked = in.ConsumeBool();
    Bytes body = body_of(topic, head.count, in.ConsumeIntegralInRange<std::size_t>(0, 800));
    who.next_n += head.count;
    switch (in.ConsumeIntegralInRange(0, 15)) {  // mostly as it should be
      case 0:
        head.first_n = in.ConsumeIntegral<std::uint64_t>();
        break;
      case 1:
        head.first_n = in.ConsumeIntegralInRange<std::uint64_t>(0, who.next_n);
        break;
      case 2:
        head.count = in.ConsumeIntegral<std::uint32_t>();
        break;
      case 3:
        head.topic_runs = in.ConsumeIntegral<std::uint32_t>();
        break;
      case 4:
        body.resize(in.ConsumeIntegralInRange<std::size_t>(0, body.size() + 8));
        break;
      case 5:
        if (!body.empty())
          body[in.ConsumeIntegralInRange<std::size_t>(0, body.size() - 1)] = std::byte{in.ConsumeIntegral<std::uint8_t>()};
        break;
      default:
        break;
    }
    ask(who, head, std::move(body));
  }
  Position position(Input& in, const Application& who) {
    Position at = who.last.value_or(Position{});
    switch (in.ConsumeIntegralInRange(0, 7)) {
      case 0:
        at.seq.value = in.ConsumeIntegral<std::uint64_t>() & (wire::number_end - 1);
        break;
      case 1:
        at.seq.value = in.ConsumeIntegralInRange<std::uint64_t>(0, 100);
        break;
      case 2:
        at.view = in.ConsumeIntegral<std::uint64_t>();
        break;
      case 3:
        at.epoch.number = in.ConsumeIntegralInRange<std::uint64_t>(0, 3);
        break;
      case 4:
        at.lane.value = in.ConsumeIntegral<std::uint16_t>();
        break;
      default:
        break;
    }
    return at;
  }
  void connection(Input& in, const Application& who) {
    daemon_.wire.answers[who.route] = in.PickValueInArray({LocalSocket::Sent::yes, LocalSocket::Sent::full, LocalSocket::Sent::gone});
  }

  // ---- the others, and time
  void others(Input& in) {
    const bool cut = in.ConsumeBool();
    daemon_.cluster.heal();
    if (!cut) return;
    daemon_.cluster.cut("n", "o");
    daemon_.cluster.cut("n", "p");
  }
  void pass(protocol::Duration time) {
    daemon_.cluster.run_for(time);
    turn();
  }

  // ---- to the applications: what any library can read
  void sent(std::string_view route, const daemon::Parcel& parcel) {
    const auto message = wire::decode_to_client({parcel.envelope.data<std::byte>(), parcel.envelope.size()});
    VSYNC_ASSERT(message);
    VSYNC_ASSERT(parcel.body.size() == 0 || std::holds_alternative<wire::Deliver>(*message));
    for (Application& application : applications_) {
      if (application.route == route) std::visit([&](const auto& m) { got(application, m, parcel); }, *message);
    }
  }
  template <class Message>
  void got(Application& who, const Message&, const daemon::Parcel&) {
    constexpr bool ends = std::is_same_v<Message, wire::Error> || std::is_same_v<Message, wire::GoodbyeReply>;
    // Whoever asks a question before it is welcome is told.
    constexpr bool answers = std::is_same_v<Message, wire::Refused> || std::is_same_v<Message, wire::QueryAnswer>;
    VSYNC_ASSERT(who.welcomed || ends || answers);
    if (ends) who.welcomed = false;
  }
  void got(Application& who, const wire::Welcome& welcome, const daemon::Parcel&) {
    who.welcomed = true;
    who.received = 0;
    who.next_n = welcome.last_n + 1;
  }
  void got(Application& who, const wire::Ping& ping, const daemon::Parcel&) {
    who.nonce = ping.nonce;
    if (is_honest(who)) ask(who, wire::Pong{ping.nonce});
  }
  void got(Application& who, const wire::Deliver& deliver, const daemon::Parcel& parcel) {
    VSYNC_ASSERT(who.welcomed);
    wire::RecordReader records({parcel.body.data<std::byte>(), parcel.body.size()});
    wire::Record record;
    std::uint32_t count = 0;
    while (records.next(record)) ++count;
    VSYNC_ASSERT(!records.failed() && count == deliver.count && deliver.skip < count);
    who.received += parcel.body.size();
    who.last = deliver.first;
    who.delivered += deliver.publisher_session == who.session ? 1 : 0;
    if (is_honest(who)) ask(who, wire::Received{who.received});
  }
  void got(Application& who, const wire::OutcomeRun& run, const daemon::Parcel&) {
    VSYNC_ASSERT(who.welcomed);
    if (is_honest(who)) VSYNC_ASSERT(run.kind == wire::OutcomeRun::Kind::ok && run.count == 1);
    ++who.resolved;
  }
  [[nodiscard]] bool is_honest(const Application& who) const { return &who == &applications_.front(); }

  std::vector<Application> applications_;
  daemon::test::HostedSessions daemon_;
};

}  // namespace

/// What applications send, as they please, to sessions around a real engine; what is sent back, the library can read. On a host
/// by itself an application that keeps to the rules notices nothing of the others; with two hosts more, which come and go,
/// nothing is promised but that the daemon goes on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const bool alone = in.ConsumeIntegralInRange(0, 15) != 0;
  Host host(alone);
  if (alone) host.open_honest();
  for (int i = 0; i < 100 && in.remaining_bytes() > 0; ++i) host.act(in);
  host.turn();
  if (alone) host.check_honest();
  return 0;
}
