#include "fake_daemon.hpp"

#include <unistd.h>

#include <chrono>

#include "wire/record.hpp"

namespace vsync::testing {

using namespace std::chrono_literals;

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
  changed_.wait(lock, [&] { return socket_ != nullptr; });
}

FakeDaemon::~FakeDaemon() {
  stop_ = true;
  thread_.join();
}

void FakeDaemon::run() {
  zmq::socket_t socket(context_, zmq::socket_type::router);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.bind(endpoint_);
  {
    const std::lock_guard lock(mutex_);
    socket_ = &socket;
  }
  changed_.notify_all();
  while (!stop_) {
    zmq_pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
    zmq_poll(&item, 1, 1);
    zmq::message_t route;
    while (socket.recv(route, zmq::recv_flags::dontwait)) {
      zmq::message_t envelope;
      zmq::message_t body;
      static_cast<void>(socket.recv(envelope));
      static_cast<void>(socket.recv(body));
      auto message = wire::decode_to_daemon({static_cast<const std::byte*>(envelope.data()), envelope.size()});
      if (!message) std::abort();
      const auto* bytes = static_cast<const std::byte*>(body.data());
      const Received request{route.to_string(), std::move(*message), {bytes, bytes + body.size()}};
      const std::lock_guard lock(mutex_);
      received_.push_back(request);
      latest_route_ = request.route;
      on(request);
      changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    for (const auto& parts : outgoing_) {
      socket.send(zmq::buffer(latest_route_), zmq::send_flags::sndmore);
      for (std::size_t i = 0; i < parts.size(); ++i) {
        socket.send(zmq::buffer(parts[i]), i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
      }
    }
    outgoing_.clear();
  }
  const std::lock_guard lock(mutex_);
  socket_ = nullptr;
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
  std::vector<std::byte> envelope;
  wire::encode(message, envelope);
  socket_->send(zmq::buffer(route), zmq::send_flags::sndmore);
  socket_->send(zmq::buffer(envelope), zmq::send_flags::sndmore);
  socket_->send(zmq::buffer(body), zmq::send_flags::none);
}

void FakeDaemon::send(const wire::ToClient& message, std::vector<std::byte> body) {
  std::vector<std::byte> envelope;
  wire::encode(message, envelope);
  const auto text = [](const std::vector<std::byte>& bytes) { return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()); };
  send_raw({text(envelope), text(body)});
}

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
