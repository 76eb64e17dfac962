#pragma once
// The key pair of this daemon, and the files it lives in.

#include <optional>
#include <string>
#include <string_view>

namespace vsync::daemon {

/// Z85 text, 40 characters each.
struct KeyPair {
  std::string public_key;
  std::string secret_key;
};

[[nodiscard]] bool valid_public_key(std::string_view text);

/// The key in a file made by write_key_pair. Throws StartError that begins with `where`.
[[nodiscard]] std::string read_public_key(const std::string& path, const std::string& where);

/// Reads a secret key and works out its public half. Nobody but its owner may read it; root's may also be read by one group, so that a
/// daemon that isn't root can use a key that it can't change. Throws StartError that begins with `where`.
[[nodiscard]] KeyPair read_secret_key(const std::string& path, const std::string& where);

/// Makes DIR/public.key and DIR/secret.key (mode 0600). Never overwrites.
void write_key_pair(const std::string& directory);

}  // namespace vsync::daemon
