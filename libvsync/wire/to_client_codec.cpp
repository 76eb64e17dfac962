// What a daemon says to an application, as bytes.

#include "wire/local_values.hpp"

namespace vsync::wire {
namespace {

using OutcomeKind = OutcomeRun::Kind;
using wire::to_schema;
using wire::write;

static_assert(static_cast<int>(schema::ErrorCode::UNAVAILABLE) == static_cast<int>(ErrorCode::unavailable));
static_assert(static_cast<int>(schema::ComponentState::BLOCKED) == static_cast<int>(ComponentState::blocked));
static_assert(static_cast<int>(schema::Outcome::RESEND) == static_cast<int>(OutcomeKind::resend));
static_assert(static_cast<int>(schema::LeaveReason::EXPIRED) == static_cast<int>(LeaveReason::expired));

schema::ErrorCode to_schema(ErrorCode code) { return static_cast<schema::ErrorCode>(code); }
schema::ComponentState to_schema(ComponentState state) { return static_cast<schema::ComponentState>(state); }

void write(schema::Credit::Builder out, const Credit& credit) {
  out.setBytes(credit.bytes);
  out.setMessages(credit.messages);
}

void write(schema::Departure::Builder out, const Departure& departure) {
  write(out.initMember(), departure.member);
  out.setReason(static_cast<schema::LeaveReason>(departure.reason));
}

template <class Build, class Values>
void write_members(const Build& build, const Values& members) {
  auto out = build(static_cast<unsigned>(members.size()));
  for (unsigned i = 0; i < members.size(); ++i) write(out[i], members[i]);
}

struct Writer {
  schema::ToClient::Builder out;

  void operator()(const Welcome& welcome) {
    auto to = out.initWelcome();
    to.setVersion(welcome.version);
    to.setNode(text_of(welcome.node));
    to.setMaxMessageBytes(welcome.max_message_bytes);
    write(to.initCredit(), welcome.credit);
    to.setLastN(welcome.last_n);
    to.setState(to_schema(welcome.state));
  }
  void operator()(const Error& error) {
    auto to = out.initError();
    to.setCode(to_schema(error.code));
    to.setText(text_of(error.text));
  }
  void operator()(const Joined& joined) {
    auto to = out.initJoined();
    to.setRequest(joined.request);
    write(to.initPosition(), joined.position);
  }
  void operator()(const Refused& refused) {
    auto to = out.initRefused();
    to.setRequest(refused.request);
    to.setCode(to_schema(refused.code));
    to.setText(text_of(refused.text));
  }
  void operator()(const OutcomeRun& run) {
    auto to = out.initOutcome();
    to.setFirstN(run.first_n);
    to.setCount(run.count);
    to.setOutcome(static_cast<schema::Outcome>(run.kind));
    write(to.initPosition(), run.position);
    to.setReason(to_schema(run.reason));
  }
  void operator()(const Deliver& deliver) {
    auto to = out.initDeliver();
    write(to.initFirst(), deliver.first);
    to.setCount(deliver.count);
    to.setSkip(deliver.skip);
    to.setPublisherNode(text_of(deliver.publisher_node));
    write(to.initPublisherSession(), deliver.publisher_session);
    to.setOrderedAt(deliver.ordered_at);
    to.setFilter(deliver.filter);
    to.setLevel(to_schema(deliver.level));
  }
  void operator()(const GroupView& view) {
    auto to = out.initGroupView();
    write(to.initPosition(), view.position);
    to.setGroup(text_of(view.group));
    to.setNumber(view.number);
    write_members([&](unsigned n) { return to.initMembers(n); }, view.members);
    write_members([&](unsigned n) { return to.initJoined(n); }, view.joined);
    write_members([&](unsigned n) { return to.initLeft(n); }, view.left);
    to.setChange(view.change);
  }
  void operator()(const Mark& mark) {
    auto to = out.initMark();
    write(to.initUpTo(), mark.up_to);
    to.setLevel(to_schema(mark.level));
    to.setView(mark.view);
    to.setMemberLostBefore(mark.member_lost_before);
  }
  void operator()(const State& state) {
    auto to = out.initState();
    to.setState(to_schema(state.state));
    to.setReason(text_of(state.reason));
    to.setViewEpoch(state.view_epoch);
    to.setViewNumber(state.view_number);
  }
  void operator()(const Resync& resync) {
    auto to = out.initResync();
    write(to.initLastCommon(), resync.last_common);
    to.setHasOrphaned(resync.orphaned.has_value());
    if (resync.orphaned) {
      write(to.initOrphanedFrom(), resync.orphaned->first);
      write(to.initOrphanedTo(), resync.orphaned->second);
    }
    write(to.initMissedFrom(), resync.missed_from);
    write(to.initMissedTo(), resync.missed_to);
  }
  void operator()(const Gap& gap) {
    auto to = out.initGap();
    write(to.initFrom(), gap.from);
    write(to.initTo(), gap.to);
    to.setReason(text_of(gap.reason));
  }
  void operator()(const Removed& removed) {
    auto to = out.initRemoved();
    to.setGroup(text_of(removed.group));
    to.setCode(to_schema(removed.code));
    to.setText(text_of(removed.text));
  }
  void operator()(const QueryAnswer& answer) {
    auto to = out.initAnswer();
    to.setRequest(answer.request);
    to.setJson(text_of(answer.json));
  }
  void operator()(const Credit& credit) { write(out.initCredit(), credit); }
  void operator()(const Ping& ping) { out.setPing(ping.nonce); }
  void operator()(const GoodbyeReply&) { out.setGoodbye(); }
};

Credit read(schema::Credit::Reader in) { return {.bytes = in.getBytes(), .messages = in.getMessages()}; }

ErrorCode read_code(schema::ErrorCode in, const char* field) { return read_enum(in, ErrorCode::unavailable, field); }

ComponentState read_state(schema::ComponentState in, const char* field) { return read_enum(in, ComponentState::blocked, field); }

Welcome read(schema::Welcome::Reader in) {
  return {.version = in.getVersion(),
          .node = read_node_name(in.getNode(), "welcome"),
          .max_message_bytes = in.getMaxMessageBytes(),
          .credit = read(in.getCredit()),
          .last_n = in.getLastN(),
          .state = read_state(in.getState(), "welcome: state")};
}

Error read(schema::Error::Reader in) {
  return {.code = read_code(in.getCode(), "error: code"), .text = read_text(in.getText(), free_text_bytes_max, "error")};
}

Joined read(schema::Joined::Reader in) { return {.request = in.getRequest(), .position = read_position(in.getPosition(), "joined")}; }

Refused read(schema::Refused::Reader in) {
  return {.request = in.getRequest(),
          .code = read_code(in.getCode(), "refused: code"),
          .text = read_text(in.getText(), free_text_bytes_max, "refused")};
}

OutcomeRun read(schema::OutcomeRun::Reader in) {
  const OutcomeRun run{.first_n = in.getFirstN(),
                       .count = in.getCount(),
                       .kind = read_enum(in.getOutcome(), OutcomeKind::resend, "outcome: kind"),
                       .position = read_position(in.getPosition(), "outcome"),
                       .reason = read_code(in.getReason(), "outcome: reason")};
  require_run(run.first_n, run.count, "outcome");
  return run;
}

Deliver read(schema::Deliver::Reader in) {
  Deliver deliver;
  deliver.first = read_position(in.getFirst(), "deliver");
  deliver.count = in.getCount();
  deliver.skip = in.getSkip();
  deliver.publisher_node = read_node_name(in.getPublisherNode(), "deliver: publisher");
  deliver.publisher_session = read_session(in.getPublisherSession(), "deliver: publisher");
  deliver.ordered_at = in.getOrderedAt();
  deliver.filter = in.getFilter();
  deliver.level = read_enum(in.getLevel(), Level::fifo, "deliver: level");
  require_run(deliver.level == Level::fifo ? 1 : deliver.first.seq.value, deliver.count, "deliver");
  require(deliver.count <= batch_messages_max, "deliver", "the batch has too many messages");
  require(deliver.skip <= deliver.count, "deliver", "skips more messages than there are");
  return deliver;
}

template <class List>
std::vector<GroupMember> read_members(List in, const char* field) {
  require(in.size() <= group_members_max, field, "too many members");
  std::vector<GroupMember> members;
  members.reserve(in.size());
  for (const auto member : in) members.push_back(read_member(member, field));
  return members;
}

std::vector<Departure> read_departures(capnp::List<schema::Departure>::Reader in) {
  require(in.size() <= group_members_max, "group view: left", "too many members");
  std::vector<Departure> departures;
  departures.reserve(in.size());
  for (const auto departure : in) {
    departures.push_back({.member = read_member(departure.getMember(), "group view: left"),
                          .reason = read_enum(departure.getReason(), LeaveReason::expired, "group view: reason")});
  }
  return departures;
}

GroupView read(schema::GroupView::Reader in) {
  return {.position = read_position(in.getPosition(), "group view"),
          .group = read_group(in.getGroup(), "group view"),
          .number = in.getNumber(),
          .members = read_members(in.getMembers(), "group view: members"),
          .joined = read_members(in.getJoined(), "group view: joined"),
          .left = read_departures(in.getLeft()),
          .change = in.getChange()};
}

Mark read(schema::Mark::Reader in) {
  return {.up_to = read_position(in.getUpTo(), "mark"),
          .level = read_enum(in.getLevel(), Level::durable, "mark: level"),
          .view = in.getView(),
          .member_lost_before = in.getMemberLostBefore()};
}

State read(schema::State::Reader in) {
  return {.state = read_state(in.getState(), "state"),
          .reason = read_text(in.getReason(), free_text_bytes_max, "state: reason"),
          .view_epoch = in.getViewEpoch(),
          .view_number = in.getViewNumber()};
}

Resync read(schema::Resync::Reader in) {
  Resync resync;
  resync.last_common = read_position(in.getLastCommon(), "resync: last common");
  if (in.getHasOrphaned()) {
    resync.orphaned.emplace(read_position(in.getOrphanedFrom(), "resync: orphaned from"),
                            read_position(in.getOrphanedTo(), "resync: orphaned to"));
  }
  resync.missed_from = read_position(in.getMissedFrom(), "resync: missed from");
  resync.missed_to = read_position(in.getMissedTo(), "resync: missed to");
  return resync;
}

Gap read(schema::Gap::Reader in) {
  return {.from = read_position(in.getFrom(), "gap: from"),
          .to = read_position(in.getTo(), "gap: to"),
          .reason = read_text(in.getReason(), free_text_bytes_max, "gap: reason")};
}

Removed read(schema::Removed::Reader in) {
  return {.group = read_group(in.getGroup(), "removed"),
          .code = read_code(in.getCode(), "removed: code"),
          .text = read_text(in.getText(), free_text_bytes_max, "removed")};
}

QueryAnswer read(schema::Answer::Reader in) {
  return {.request = in.getRequest(), .json = read_text(in.getJson(), local_envelope_bytes_max, "answer")};
}

ToClient read(schema::ToClient::Reader in) {
  switch (in.which()) {
    case schema::ToClient::WELCOME: return read(in.getWelcome());
    case schema::ToClient::ERROR: return read(in.getError());
    case schema::ToClient::JOINED: return read(in.getJoined());
    case schema::ToClient::REFUSED: return read(in.getRefused());
    case schema::ToClient::OUTCOME: return read(in.getOutcome());
    case schema::ToClient::DELIVER: return read(in.getDeliver());
    case schema::ToClient::GROUP_VIEW: return read(in.getGroupView());
    case schema::ToClient::MARK: return read(in.getMark());
    case schema::ToClient::STATE: return read(in.getState());
    case schema::ToClient::RESYNC: return read(in.getResync());
    case schema::ToClient::GAP: return read(in.getGap());
    case schema::ToClient::REMOVED: return read(in.getRemoved());
    case schema::ToClient::ANSWER: return read(in.getAnswer());
    case schema::ToClient::CREDIT: return read(in.getCredit());
    case schema::ToClient::PING: return Ping{in.getPing()};
    case schema::ToClient::GOODBYE: return GoodbyeReply{};
  }
  refuse("message to the application", "is of a kind that this version doesn't know");
}

}  // namespace

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::malformed: return "malformed";
    case ErrorCode::unsupported_version: return "unsupported_version";
    case ErrorCode::too_large: return "too_large";
    case ErrorCode::not_open: return "not_open";
    case ErrorCode::credit_exceeded: return "credit_exceeded";
    case ErrorCode::session_expired: return "session_expired";
    case ErrorCode::session_moved: return "session_moved";
    case ErrorCode::not_allowed: return "not_allowed";
    case ErrorCode::too_many_sessions: return "too_many_sessions";
    case ErrorCode::too_slow: return "too_slow";
    case ErrorCode::shutting_down: return "shutting_down";
    case ErrorCode::already_member: return "already_member";
    case ErrorCode::not_member: return "not_member";
    case ErrorCode::bad_topic: return "bad_topic";
    case ErrorCode::too_many_groups: return "too_many_groups";
    case ErrorCode::not_primary: return "not_primary";
    case ErrorCode::wrong_state: return "wrong_state";
    case ErrorCode::no_such_group: return "no_such_group";
    case ErrorCode::unavailable: return "unavailable";
  }
  return "unknown";
}

void encode(const ToClient& message, std::vector<std::byte>& out) {
  EnvelopeBuilder builder;
  std::visit(Writer{builder.root<schema::ToClient>()}, message);
  builder.write_to(out);
}

Result<ToClient, DecodeError> decode_to_client(std::span<const std::byte> envelope) {
  return decode_envelope<ToClient, schema::ToClient>(envelope, local_envelope_bytes_max, [](auto in) { return read(in); });
}

}  // namespace vsync::wire
