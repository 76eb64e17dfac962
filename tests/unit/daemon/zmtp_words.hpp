#pragma once
// What is said in ZMTP 3 (https://rfc.zeromq.org/spec/23/) by something that isn't libzmq.

#include <string>

namespace vsync::daemon::zmtp {

using namespace std::string_literals;

inline std::string greeting_of(const std::string& mechanism) {
  return "\xff"s + std::string(8, '\0') + "\x7f\x03"s + std::string(1, '\0') + mechanism + std::string(20 - mechanism.size() + 32, '\0');
}
inline const std::string greeting = greeting_of("NULL");

inline std::string property(const std::string& name, const std::string& value) {
  return static_cast<char>(name.size()) + name + std::string(2, '\0') + static_cast<char>(value.size() / 256) +
         static_cast<char>(value.size() % 256) + value;
}
inline std::string ready_as(const std::string& socket_type) { return "\5READY" + property("Socket-Type", socket_type); }
/// Of a command.
inline std::string frame(const std::string& body) { return "\x04"s + static_cast<char>(body.size()) + body; }
inline const std::string message = "\0\4text"s;
inline const std::string ping = frame("\4PING\0\0"s);

}  // namespace vsync::daemon::zmtp
