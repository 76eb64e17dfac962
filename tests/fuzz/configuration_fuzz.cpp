#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/configuration.hpp"
#include "daemon/reload.hpp"
#include "daemon/start_error.hpp"
#include "protocol/assert.hpp"
#include "wire/text.hpp"

using namespace vsync::daemon;

namespace {

/// A file that is nowhere on a disk, written anew for each input.
class File {
 public:
  File() : descriptor_(::memfd_create("vsyncd.toml", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {
    VSYNC_ASSERT(descriptor_ >= 0);
  }
  void write(std::string_view text) const {
    VSYNC_ASSERT(::ftruncate(descriptor_, 0) == 0);
    VSYNC_ASSERT(::pwrite(descriptor_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

void check_sound(const Configuration& configuration) {
  VSYNC_ASSERT(vsync::wire::valid_node_name(configuration.node));
  VSYNC_ASSERT(configuration.protocol.peers.size() == configuration.peers.size());
  for (const PeerConfiguration& peer : configuration.peers) {
    VSYNC_ASSERT(vsync::wire::valid_node_name(peer.name) && peer.name != configuration.node);
    VSYNC_ASSERT(!peer.endpoints.empty() && peer.endpoints.size() <= 2);
    for (const std::string& endpoint : peer.endpoints) VSYNC_ASSERT(parse_endpoint(endpoint));
    VSYNC_ASSERT(!peer.public_key.empty() || configuration.effective_security() == Security::none);
  }
  VSYNC_ASSERT(configuration.protocol.lease < configuration.protocol.suspect_after_min);
}

/// One line for people, that drives no terminal.
bool is_a_line(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
  }
  return !text.empty();
}

std::optional<Configuration> load(std::string_view input) {
  static const File file;
  file.write(input.substr(0, input.find('\f')));
  std::vector<std::string> settings;
  for (std::size_t at = 0; (at = input.find('\f')) != std::string_view::npos;) {
    input.remove_prefix(at + 1);
    settings.emplace_back(input.substr(0, input.find('\f')));
  }
  try {
    return load_configuration(file.path(), settings);
  } catch (const StartError& error) {
    VSYNC_ASSERT(error.status() == ExitStatus::usage);
    VSYNC_ASSERT(is_a_line(error.what()));
    return std::nullopt;
  }
}

/// What a daemon makes of the one, when it runs with the other, fits together too; and the second time nothing is left to do.
void check_reload(const Configuration& running, const Configuration& read) {
  try {
    const Reload reload = plan_reload(running, read, !running.peers.empty());
    check_sound(reload.configuration);
    VSYNC_ASSERT(reload.configuration.peers == read.peers);
    VSYNC_ASSERT(plan_reload(reload.configuration, read, !running.peers.empty()).changed.empty());
  } catch (const StartError& error) {
    VSYNC_ASSERT(error.status() == ExitStatus::usage);
    VSYNC_ASSERT(is_a_line(error.what()));
  }
}

}  // namespace

/// The file and, each behind a form feed, what --set says. Behind a vertical tab stands what a running daemon reads when it reads
/// it again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t again = input.find('\v');
  const auto running = load(input.substr(0, again));
  if (running) check_sound(*running);
  if (again == std::string_view::npos) return 0;
  const auto read = load(input.substr(again + 1));
  if (running && read) check_reload(*running, *read);
  return 0;
}
