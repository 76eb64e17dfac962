// What an application says to its daemon, as bytes. Decoding trusts nothing: these bytes may come from any process on the host.

#include "wire/local_values.hpp"

namespace vsync::wire {
namespace {

using wire::to_schema;
using wire::write;

static_assert(static_cast<int>(schema::DeliverOn::DURABLE) == static_cast<int>(DeliverOn::durable));

struct Writer {
  schema::ToDaemon::Builder out;

  void operator()(const Open& open) {
    auto to = out.initOpen();
    to.setVersion(open.version);
    to.initSecret().setHigh(open.secret.high);
    to.getSecret().setLow(open.secret.low);
    to.setApplication(text_of(open.application));
    to.setLastN(open.last_n);
    to.setHasPosition(open.last_position.has_value());
    if (open.last_position) write(to.initLastPosition(), *open.last_position);
    to.setTakesChanges(open.takes_changes);
  }
  void operator()(const Join& join) {
    auto to = out.initJoin();
    to.setRequest(join.request);
    to.setGroup(text_of(join.group));
    to.setDeliverOn(static_cast<schema::DeliverOn>(join.deliver_on));
    to.setAgain(join.again);
  }
  void operator()(const Leave& leave) {
    auto to = out.initLeave();
    to.setRequest(leave.request);
    to.setGroup(text_of(leave.group));
  }
  void operator()(const Publish& publish) {
    auto to = out.initPublish();
    to.setFirstN(publish.first_n);
    to.setCount(publish.count);
    to.setLevel(to_schema(publish.level));
    to.setFailWhenBlocked(publish.fail_when_blocked);
    to.setTopicRuns(publish.topic_runs);
  }
  void operator()(const GoodbyeRequest&) { out.setGoodbye(); }
  void operator()(const Pong& pong) { out.setPong(pong.nonce); }
  void operator()(const Received& received) { out.setReceived(received.bytes); }
  void operator()(const JoinedAgain&) { out.setJoinedAgain(); }
  void operator()(const Query& query) {
    auto to = out.initQuery();
    to.setRequest(query.request);
    switch (query.what) {
      case Query::What::status: to.setStatus(); return;
      case Query::What::groups: to.setGroups(); return;
      case Query::What::members: to.setMembers(text_of(query.group)); return;
      case Query::What::bootstrap: to.setBootstrap(); return;
      case Query::What::force_primary: to.setForcePrimary(); return;
      case Query::What::discard: to.setDiscard(); return;
      case Query::What::dump_trace: to.setDumpTrace(); return;
      case Query::What::reload: to.setReload(); return;
    }
  }
};

Open read(schema::Open::Reader in) {
  Open open;
  open.version = in.getVersion();
  open.secret = {.high = in.getSecret().getHigh(), .low = in.getSecret().getLow()};
  require(!open.secret.empty(), "open", "the session's secret is zero");
  open.application = read_application(in.getApplication(), "open");
  open.last_n = in.getLastN();
  require(open.last_n < number_end, "open", "the last number is out of range");
  if (in.getHasPosition()) open.last_position = read_position(in.getLastPosition(), "open");
  open.takes_changes = in.getTakesChanges();
  return open;
}

Join read(schema::Join::Reader in) {
  return {.request = in.getRequest(),
          .group = read_group(in.getGroup(), "join"),
          .deliver_on = read_enum(in.getDeliverOn(), DeliverOn::durable, "join: deliver on"),
          .again = in.getAgain()};
}

Leave read(schema::Leave::Reader in) { return {.request = in.getRequest(), .group = read_group(in.getGroup(), "leave")}; }

Publish read(schema::Publish::Reader in) {
  const Publish publish{.first_n = in.getFirstN(),
                        .count = in.getCount(),
                        .level = read_enum(in.getLevel(), Level::fifo, "publish: level"),
                        .fail_when_blocked = in.getFailWhenBlocked(),
                        .topic_runs = in.getTopicRuns()};
  require_run(publish.first_n, publish.count, "publish");
  require(publish.count <= batch_messages_max, "publish", "the batch has too many messages");
  require(publish.topic_runs >= 1 && publish.topic_runs <= publish.count, "publish", "the topic runs are not between 1 and the count");
  return publish;
}

Query read(schema::Query::Reader in) {
  Query query;
  query.request = in.getRequest();
  switch (in.which()) {
    case schema::Query::STATUS: query.what = Query::What::status; return query;
    case schema::Query::GROUPS: query.what = Query::What::groups; return query;
    case schema::Query::BOOTSTRAP: query.what = Query::What::bootstrap; return query;
    case schema::Query::FORCE_PRIMARY: query.what = Query::What::force_primary; return query;
    case schema::Query::DISCARD: query.what = Query::What::discard; return query;
    case schema::Query::DUMP_TRACE: query.what = Query::What::dump_trace; return query;
    case schema::Query::RELOAD: query.what = Query::What::reload; return query;
    case schema::Query::MEMBERS:
      query.what = Query::What::members;
      query.group = read_group(in.getMembers(), "query");
      return query;
  }
  refuse("query", "asks for what this version doesn't know");
}

ToDaemon read(schema::ToDaemon::Reader in) {
  switch (in.which()) {
    case schema::ToDaemon::OPEN: return read(in.getOpen());
    case schema::ToDaemon::JOIN: return read(in.getJoin());
    case schema::ToDaemon::LEAVE: return read(in.getLeave());
    case schema::ToDaemon::PUBLISH: return read(in.getPublish());
    case schema::ToDaemon::GOODBYE: return GoodbyeRequest{};
    case schema::ToDaemon::PONG: return Pong{in.getPong()};
    case schema::ToDaemon::QUERY: return read(in.getQuery());
    case schema::ToDaemon::RECEIVED: return Received{in.getReceived()};
    case schema::ToDaemon::JOINED_AGAIN: return JoinedAgain{};
  }
  refuse("message to the daemon", "is of a kind that this version doesn't know");
}

}  // namespace

void encode(const ToDaemon& message, std::vector<std::byte>& out) {
  EnvelopeBuilder builder;
  std::visit(Writer{builder.root<schema::ToDaemon>()}, message);
  builder.write_to(out);
}

Result<ToDaemon, DecodeError> decode_to_daemon(std::span<const std::byte> envelope) {
  return decode_envelope<ToDaemon, schema::ToDaemon>(envelope, local_request_bytes_max, [](auto in) { return read(in); });
}

}  // namespace vsync::wire
