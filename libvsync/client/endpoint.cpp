#include "client/endpoint.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace vsync::client {
namespace {

constexpr std::string_view ipc = "ipc://";
constexpr const char* system_socket = "/run/vsync/vsync.sock";

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// Where a daemon run by this user listens. In /tmp only a directory of this user is believed: anybody could have made it.
std::string socket_of_user() {
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime != '\0') {
    return std::string(runtime) + "/vsync/vsync.sock";
  }
  const std::string directory = "/tmp/vsync-" + std::to_string(::geteuid());
  struct stat found {};
  const bool ours = ::lstat(directory.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == ::geteuid();
  return ours ? directory + "/vsync/vsync.sock" : std::string();
}

}  // namespace

std::string resolve_endpoint(const std::string& chosen) {
  if (!chosen.empty()) return chosen;
  if (const char* from_environment = std::getenv("VSYNC_ENDPOINT"); from_environment != nullptr && *from_environment != '\0') {
    return from_environment;
  }
  if (!exists(system_socket)) {
    if (const std::string of_user = socket_of_user(); !of_user.empty() && exists(of_user)) return std::string(ipc) + of_user;
  }
  return std::string(ipc) + system_socket;
}

ConnectError explain_refusal(const std::string& endpoint) {
  const std::string at = "no daemon listens at " + endpoint;
  if (!std::string_view(endpoint).starts_with(ipc)) return {.code = ConnectError::Code::no_daemon, .text = at};
  const std::string path = endpoint.substr(ipc.size());
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == EACCES) return {.code = ConnectError::Code::no_permission, .text = "no permission to reach " + endpoint};
    return {.code = ConnectError::Code::no_daemon, .text = at + " (there is no such socket; is vsyncd running?)"};
  }
  if (!S_ISSOCK(found.st_mode)) return {.code = ConnectError::Code::bad_options, .text = path + " is not a socket"};
  if (::access(path.c_str(), W_OK) != 0) {
    return {.code = ConnectError::Code::no_permission, .text = "no permission to connect to " + endpoint + " (are you in its group?)"};
  }
  return {.code = ConnectError::Code::no_daemon, .text = at + " (the socket is there, but nobody behind it: vsyncd has ended)"};
}

}  // namespace vsync::client
