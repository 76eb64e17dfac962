#include "fake_daemon.hpp"

#include <unistd.h>

#include <chrono>

#include "wire/record.hpp"

namespace vsync::testing {

using namespace std::chrono_literals;

namespace {

std::string text_of(const std::vector<std::byte>& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::vector<std::string> parts_of(const wire::ToClient& message, const std::vector<std::byte>& body) {
  std::vector<std::byte> envelope;
  wire::encode(message, envelope);
  return {text_of(envelope), text_of(body)};
}

}  // namespace

SocketDirectory::SocketDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "vsync-client-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

SocketDirectory::~SocketDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

wire::Position at(std::uint64_t seq) { return {.epoch = {1, 7}, .view = 3, .lane = {}, .seq = {seq}}; }

std::vector<std::byte> body_of(const std::string& topic, const std::vector<std::string>& texts) {
  std::vector<std::byte> body;
  for (const std::string& text : texts) {
    wire::append_record(body, {.topic = body.empty() ? topic : std::string(), .published_at = 5, .data = std::as_bytes(std::span(text))});
  }
  return body;
}

std::vector<std::string> texts_of(std::span<const std::byte> body) {
  std::vector<std::string> texts;
  wire::RecordReader reader(body);
  wire::Record record;
  while (reader.next(record)) texts.emplace_back(reinterpret_cast<const char*>(record.data.data()), record.data.size());
  return texts;
}

FakeDaemon::FakeDaemon(std::string endpoint, Behaviour behaviour)
    : endpoint_(std::move(endpoint)), behaviour_(std::move(behaviour)), next_seq_(behaviour_.first_seq) {
  std::unique_lock lock(mutex_);
  thread_ = std::thread([this] { run(); });
  changed_.wait(lock, [&] { return router_ != nullptr; });
}

FakeDaemon::~FakeDaemon() {
  stop_ = true;
  thread_.join();
}

void FakeDaemon::run() {
  Router router(endpoint_);
  {
    const std::lock_guard lock(mutex_);
    router_ = &router;
  }
  changed_.notify_all();
  while (!stop_) {
    router.wait();
    Router::Request request;
    while (router.receive(request)) {
      auto message = wire::decode_to_daemon(request.envelope);
      if (!message) std::abort();
      const std::lock_guard lock(mutex_);
      received_.push_back({std::move(request.route), std::move(*message), std::move(request.body)});
      latest_route_ = received_.back().route;
      on(received_.back());
      changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    for (const auto& parts : outgoing_) router.send(latest_route_, parts);
    outgoing_.clear();
  }
  const std::lock_guard lock(mutex_);
  router_ = nullptr;
}

void FakeDaemon::on(const Received& request) {
  const std::string& route = request.route;
  if (std::holds_alternative<wire::Open>(request.message) && behaviour_.welcome) {
    transmit(route, wire::Welcome{.version = 1, .node = behaviour_.node, .max_message_bytes = behaviour_.max_message_bytes,
                                  .credit = behaviour_.credit, .last_n = 0, .state = wire::ComponentState::primary});
  }
  if (const auto* join = std::get_if<wire::Join>(&request.message); join != nullptr && behaviour_.grant_joins) {
    transmit(route, wire::Joined{join->request, at(next_seq_++)});
  }
  if (const auto* publish = std::get_if<wire::Publish>(&request.message)) {
    const wire::Position first = at(next_seq_);
    next_seq_ += publish->count;
    if (behaviour_.deliver) {
      transmit(route, wire::Deliver{.first = first, .count = publish->count, .publisher_node = "alpha", .publisher_session = {1, 2}, .ordered_at = 9, .level = publish->level},
               request.body);
    }
    if (behaviour_.resolve) transmit(route, wire::OutcomeRun{publish->first_n, publish->count, wire::OutcomeRun::Kind::ok, first});
  }
  if (const auto* query = std::get_if<wire::Query>(&request.message); query != nullptr && behaviour_.answer_queries) transmit(route, wire::QueryAnswer{query->request, behaviour_.query_answer});
  if (std::holds_alternative<wire::GoodbyeRequest>(request.message) && behaviour_.acknowledge_goodbye) transmit(route, wire::GoodbyeReply{});
}

void FakeDaemon::transmit(const std::string& route, const wire::ToClient& message, const std::vector<std::byte>& body) {
  router_->send(route, parts_of(message, body));
}

void FakeDaemon::send(const wire::ToClient& message, std::vector<std::byte> body) { send_raw(parts_of(message, body)); }

void FakeDaemon::send_raw(std::vector<std::string> parts) {
  const std::lock_guard lock(mutex_);
  outgoing_.push_back(std::move(parts));
}

void FakeDaemon::change(const std::function<void(Behaviour&)>& how) {
  const std::lock_guard lock(mutex_);
  how(behaviour_);
}

bool FakeDaemon::wait_until(const std::function<bool(const std::vector<Received>&)>& enough) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, 5s, [&] { return enough(received_); });
}

std::vector<Received> FakeDaemon::received() {
  const std::lock_guard lock(mutex_);
  return received_;
}

std::vector<std::string> FakeDaemon::published() {
  std::vector<std::string> all;
  for (const Received& each : received()) {
    if (!std::holds_alternative<wire::Publish>(each.message)) continue;
    for (std::string& text : texts_of(each.body)) all.push_back(std::move(text));
  }
  return all;
}

}  // namespace vsync::testing
