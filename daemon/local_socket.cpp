#include "daemon/local_socket.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "daemon/start_error.hpp"
#include "wire/limits.hpp"

namespace vsync::daemon {

namespace {

constexpr int backlog = 4096;
// Bounds what one application's flood can make ZeroMQ hold before we look at it.
constexpr int local_receive_hwm = 256;
// Bytes are bounded by the delivery window; this bounds what has no body.
constexpr int local_send_hwm = 16'384;
constexpr int linger_ms = 200;
// A connection that never speaks holds a descriptor no longer than this.
constexpr int handshake_timeout_ms = 5000;

[[noreturn]] void refuse(ExitStatus status, const std::string& path, const std::string& why) {
  throw StartError(status, "socket " + path + ": " + why);
}

std::string system_error(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// Whoever may change a directory above the socket can put their own socket in its place.
void make_directory(const std::string& path) {
  std::filesystem::path directory = std::filesystem::absolute(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) refuse(ExitStatus::network, path, "no directory: " + error.message());
  if (geteuid() == 0) return;
  struct stat root {};  // where a user namespace doesn't know root, whoever stands for it owns this
  if (::stat("/", &root) != 0) refuse(ExitStatus::network, path, system_error("/"));
  for (bool top = false; !top; directory = directory.parent_path()) {
    top = directory == directory.root_path();
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) refuse(ExitStatus::network, path, system_error(directory.c_str()));
    const bool trusted = status.st_uid == geteuid() || status.st_uid == 0 || status.st_uid == root.st_uid;
    const bool anybody = (status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0;
    if (!trusted) refuse(ExitStatus::network, path, directory.string() + " belongs to somebody else");
    if (anybody) refuse(ExitStatus::network, path, "anybody may change " + directory.string());
  }
}

// A file that isn't a socket is somebody's, and must neither go nor get a lock beside it.
void check_free(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) refuse(ExitStatus::network, path, "exists and is no socket");
}

void set_owner_and_mode(const std::string& path, const Configuration& configuration) {
  if (!configuration.socket_group.empty()) {
    const group* entry = getgrnam(configuration.socket_group.c_str());
    if (entry == nullptr) refuse(ExitStatus::usage, path, "key 'socket_group': there is no group '" + configuration.socket_group + "'");
    if (::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) refuse(ExitStatus::network, path, system_error("chown"));
  }
  if (::chmod(path.c_str(), configuration.socket_mode) != 0) refuse(ExitStatus::network, path, system_error("chmod"));
}

}  // namespace

LocalSocket::LocalSocket(uv_loop_t* loop, zmq::context_t& context, const Configuration& configuration)
    : path_(configuration.socket), socket_(open(context, configuration)), poller_(loop, socket_) {}

void LocalSocket::set_access(const Configuration& configuration) {
  if (handed_over_) return;
  if (configuration.socket_group.empty()) (void)::chown(path_.c_str(), static_cast<uid_t>(-1), getegid());
  set_owner_and_mode(path_, configuration);
}

LocalSocket::~LocalSocket() {
  if (!handed_over_) ::unlink(path_.c_str());
}

int LocalSocket::listen_on_path(const Configuration& configuration) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) refuse(ExitStatus::usage, path_, "the path is longer than a socket's may be (107)");
  std::memcpy(address.sun_path, path_.c_str(), path_.size());
  make_directory(path_);
  check_free(path_);

  const std::string lock_path = path_ + ".lock";
  lock_ = UniqueFd(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid()) refuse(ExitStatus::network, path_, system_error(lock_path.c_str()));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) refuse(ExitStatus::in_use, path_, "in use by another daemon");

  UniqueFd descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!descriptor.valid()) refuse(ExitStatus::network, path_, system_error("socket"));
  ::unlink(path_.c_str());  // of a daemon that was killed: we hold its lock
  if (::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    refuse(ExitStatus::network, path_, system_error("bind"));
  }
  set_owner_and_mode(path_, configuration);
  if (::listen(descriptor.get(), backlog) != 0) refuse(ExitStatus::network, path_, system_error("listen"));
  return descriptor.release();
}

zmq::socket_t LocalSocket::open(zmq::context_t& context, const Configuration& configuration) {
  int descriptor = -1;
  if (const int handed = sd_listen_fds(1); handed > 1) {
    refuse(ExitStatus::usage, path_, "systemd hands over more than one socket");
  } else if (handed == 1) {
    if (sd_is_socket(SD_LISTEN_FDS_START, AF_UNIX, SOCK_STREAM, 1) <= 0) {
      refuse(ExitStatus::usage, path_, "what systemd hands over is no listening stream socket");
    }
    handed_over_ = true;
    descriptor = SD_LISTEN_FDS_START;
    ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
  } else {
    descriptor = listen_on_path(configuration);
  }
  zmq::socket_t socket(context, zmq::socket_type::router);
  socket.set(zmq::sockopt::router_mandatory, true);
  socket.set(zmq::sockopt::linger, linger_ms);
  socket.set(zmq::sockopt::sndhwm, local_send_hwm);
  socket.set(zmq::sockopt::rcvhwm, local_receive_hwm);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(wire::batch_bytes_max));
  socket.set(zmq::sockopt::handshake_ivl, handshake_timeout_ms);
  socket.set(zmq::sockopt::use_fd, descriptor);
  try {
    socket.bind("ipc://" + path_);
  } catch (const zmq::error_t& error) {
    refuse(ExitStatus::network, path_, error.what());
  }
  return socket;
}

bool LocalSocket::receive(Request& request) {
  if (!socket_.recv(request.route, zmq::recv_flags::dontwait)) {
    poller_.drained();
    return false;
  }
  request.parts = 0;
  bool more = request.route.more();
  while (more) {  // a whole message is here; what follows its second part is thrown away
    zmq::message_t rest;
    zmq::message_t& part = request.parts == 0 ? request.envelope : request.parts == 1 ? request.body : rest;
    if (!socket_.recv(part, zmq::recv_flags::dontwait)) break;
    more = part.more();
    ++request.parts;
  }
  return true;
}

// "localhost:UID:GID:PID"; the host part is of no use. From what the application sent: the route, which libzmq makes, doesn't always have it.
std::optional<PeerCredentials> LocalSocket::Request::credentials() {
  const char* address = zmq_msg_gets(envelope.handle(), "Peer-Address");
  if (address == nullptr) return std::nullopt;
  std::string_view text(address);
  std::int64_t numbers[3];
  for (int i = 2; i >= 0; --i) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view digits = text.substr(colon + 1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), numbers[i]).ec != std::errc{}) return std::nullopt;
    text = text.substr(0, colon);
  }
  return PeerCredentials{static_cast<uid_t>(numbers[0]), static_cast<gid_t>(numbers[1]), static_cast<pid_t>(numbers[2])};
}

LocalSocket::Sent LocalSocket::send(std::string_view route, Parcel& parcel) {
  if (held_) return Sent::full;
  poller_.touched();
  // With ROUTER_MANDATORY the first part decides for all of them, and says what is wrong.
  zmq::message_t address(route.data(), route.size());
  if (zmq_msg_send(address.handle(), socket_.handle(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    return errno == EHOSTUNREACH ? Sent::gone : Sent::full;
  }
  (void)socket_.send(parcel.envelope, zmq::send_flags::sndmore | zmq::send_flags::dontwait);
  (void)socket_.send(parcel.body, zmq::send_flags::dontwait);
  return Sent::yes;
}

}  // namespace vsync::daemon
