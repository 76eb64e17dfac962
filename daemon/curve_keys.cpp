#include "daemon/curve_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>

#include "daemon/file_io.hpp"
#include "daemon/start_error.hpp"
#include "daemon/unique_fd.hpp"

namespace vsync::daemon {

namespace {

constexpr std::size_t key_characters = 40;

[[noreturn]] void refuse_keys(const std::string& line) { throw StartError(ExitStatus::usage, line); }

UniqueFd open_key(const std::string& path, const std::string& where) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) refuse_keys(where + ": " + path + ": " + std::strerror(errno) + "; allowed is a key file made by `vsyncd keygen DIR`");
  return file;
}

std::string read_key(const UniqueFd& file, const std::string& path, const std::string& where) {
  std::string key(3 * key_characters, '\0');  // what is longer is none
  std::size_t length = 0;
  while (length < key.size()) {
    const ssize_t got = ::read(file.get(), key.data() + length, key.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse_keys(where + ": " + path + ": " + std::strerror(errno));
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  key.resize(length);
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' ')) key.pop_back();
  if (!valid_public_key(key)) refuse_keys(where + ": " + path + ": not a key: allowed are 40 characters of Z85");
  return key;
}

/// Whole, or it isn't there.
void write_new(const std::string& path, mode_t mode, const std::string& text) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file.valid()) refuse_keys(failure_of(path));
  if (!write_all(file.get(), std::as_bytes(std::span(text))) || ::fsync(file.get()) != 0) {
    const std::string failure = failure_of(path);
    ::unlink(path.c_str());
    refuse_keys(failure);
  }
}

}  // namespace

bool valid_public_key(std::string_view text) {
  std::uint8_t bytes[32];
  return text.size() == key_characters && zmq_z85_decode(bytes, std::string(text).c_str()) != nullptr;
}

std::string read_public_key(const std::string& path, const std::string& where) {
  return read_key(open_key(path, where), path, where);
}

KeyPair read_secret_key(const std::string& path, const std::string& where) {
  const UniqueFd file = open_key(path, where);
  struct stat status {};
  const bool known = fstat(file.get(), &status) == 0;
  const mode_t others = known && status.st_uid == 0 ? 037 : 077;
  if (!known || (status.st_mode & others) != 0) {
    refuse_keys(where + ": " + path + ": others may read it: allowed is mode 0600, or 0640 for a file of root's");
  }
  KeyPair pair;
  pair.secret_key = read_key(file, path, where);
  char public_key[key_characters + 1];
  if (zmq_curve_public(public_key, pair.secret_key.c_str()) != 0) refuse_keys(where + ": " + path + ": not a secret key");
  pair.public_key = public_key;
  return pair;
}

void write_key_pair(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) refuse_keys(directory + ": " + error.message());
  char public_key[key_characters + 1];
  char secret_key[key_characters + 1];
  if (zmq_curve_keypair(public_key, secret_key) != 0) refuse_keys(std::string("no key pair: ") + zmq_strerror(errno));
  write_new(directory + "/secret.key", 0600, std::string(secret_key) + "\n");
  try {
    write_new(directory + "/public.key", 0644, std::string(public_key) + "\n");
  } catch (const StartError&) {
    ::unlink((directory + "/secret.key").c_str());  // half a pair would be in the way of the next one
    throw;
  }
}

}  // namespace vsync::daemon
