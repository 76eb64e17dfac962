// relay: a bad cable. It passes Ethernet frames between two network interfaces, and by a seed loses, delays, repeats, reorders
// and damages some of those that carry IPv4. `lab disturb` puts it into the cable of a node.
//
//   relay SEED A B FAULTS-FROM-A-TO-B FAULTS-FROM-B-TO-A
//
// FAULTS is "none" or a list such as "loss=2,delay=5,jitter=3": chances in percent, times in milliseconds (see Faults). Until
// SIGTERM; then it prints as JSON what it did to how many frames. The interfaces and the hosts behind them must leave no
// checksums and no segmentation to the hardware: what crosses here has the sums and the sizes of a real wire.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;
using Frame = std::vector<std::uint8_t>;

constexpr std::size_t frame_bytes_max = 65536;
constexpr std::size_t frames_at_once = 64;      ///< from one side, before the other has its turn
constexpr std::size_t frames_held_max = 20000;  ///< a wire holds no more: what comes then is lost
constexpr int socket_buffer_bytes = 8 << 20;

volatile std::sig_atomic_t stopping = 0;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

/// What may happen to a frame. Each chance is drawn by itself.
struct Faults {
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;  ///< percent that wait for `hold` longer, while later ones go by
  double corrupt = 0;  ///< percent in which one bit behind the Ethernet header is flipped: checksums find it
  double slip =
      0;  ///< percent in which one bit of TCP's payload is flipped and the checksum made to fit: only the application can find it
  double delay = 0;
  double jitter = 0;  ///< up to so much more delay, drawn for each frame; it alone reorders nothing
  double hold = 10;

  static Faults read(const std::string& text) {
    Faults faults;
    const std::map<std::string, double*> fields{
        {"loss", &faults.loss}, {"duplicate", &faults.duplicate}, {"reorder", &faults.reorder}, {"corrupt", &faults.corrupt},
        {"slip", &faults.slip}, {"delay", &faults.delay},         {"jitter", &faults.jitter},   {"hold", &faults.hold}};
    if (text == "none") return faults;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      const std::size_t equals = std::min(text.find('=', begin), end);
      const auto field = fields.find(text.substr(begin, equals - begin));
      if (field == fields.end() || equals == end) throw std::runtime_error("can't read the faults '" + text + "'");
      *field->second = std::stod(text.substr(equals + 1, end - equals - 1));
      begin = end + 1;
    }
    return faults;
  }
};

struct Counts {
  std::uint64_t passed = 0, lost = 0, duplicated = 0, reordered = 0, corrupted = 0, slipped = 0, overflowed = 0;
};

class Interface {
 public:
  explicit Interface(const std::string& name)
      : descriptor_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
    if (descriptor_ < 0) fail("AF_PACKET socket");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
    if (address.sll_ifindex == 0 || ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fail(name);
    packet_mreq everything{};
    everything.mr_ifindex = address.sll_ifindex;
    everything.mr_type = PACKET_MR_PROMISC;
    const int yes = 1;
    // What it sends itself must not come back to it.
    if (::setsockopt(descriptor_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0 ||
        ::setsockopt(descriptor_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof everything) != 0 ||
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUFFORCE, &socket_buffer_bytes, sizeof socket_buffer_bytes) != 0) {
      fail(name);
    }
  }
  ~Interface() { ::close(descriptor_); }
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }

  /// False: there is none now. An interface that is down is a cable without a signal.
  bool receive(Frame& frame) {
    const ssize_t size = ::recv(descriptor_, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) return false;
    frame.assign(buffer_.begin(), buffer_.begin() + size);
    return true;
  }
  [[nodiscard]] bool send(const Frame& frame) const { return ::send(descriptor_, frame.data(), frame.size(), 0) >= 0; }

 private:
  int descriptor_;
  std::array<std::uint8_t, frame_bytes_max> buffer_{};
};

/// The IPv4 packet in a frame, and TCP's payload in that.
class Packet {
 public:
  explicit Packet(Frame& frame) : frame_(frame) {
    if (frame.size() < ETH_HLEN + 20 || at16(12) != ETHERTYPE_IP) return;
    const std::size_t header = (frame[ETH_HLEN] & 15u) * 4u;
    const std::size_t end = std::min<std::size_t>(ETH_HLEN + at16(ETH_HLEN + 2), frame.size());
    if (end < ETH_HLEN + header) return;
    end_ = end;
    const bool whole = (at16(ETH_HLEN + 6) & 0x3fff) == 0;
    const std::size_t tcp = ETH_HLEN + header;
    if (!whole || frame[ETH_HLEN + 9] != IPPROTO_TCP || tcp + 20 > end_) return;
    tcp_ = tcp;
    payload_ = tcp + (frame[tcp + 12] >> 4u) * 4u;
  }
  [[nodiscard]] bool is_ipv4() const { return end_ != 0; }
  [[nodiscard]] bool has_payload() const { return tcp_ != 0 && payload_ < end_; }

  template <class Random>
  void corrupt(Random& random) {
    flip(ETH_HLEN, random);
  }

  /// The checksum is the one's complement of the sum of all words: a changed word changes it by the difference (RFC 1624).
  template <class Random>
  void corrupt_and_mend(Random& random) {
    const std::size_t sum_at = tcp_ + 16;
    const std::vector<std::uint8_t> before(frame_.begin() + static_cast<std::ptrdiff_t>(tcp_),
                                           frame_.begin() + static_cast<std::ptrdiff_t>(end_));
    const std::size_t place = flip(payload_, random);
    const std::size_t word = (place - tcp_) & ~std::size_t{1};
    const auto word_of = [&](const std::uint8_t* bytes) {
      return static_cast<std::uint16_t>(bytes[word] << 8u | (tcp_ + word + 1 < end_ ? bytes[word + 1] : 0));
    };
    std::uint32_t sum = static_cast<std::uint16_t>(~at16(sum_at));
    sum += static_cast<std::uint16_t>(~word_of(before.data()));
    sum += word_of(&frame_[tcp_]);
    while (sum >> 16u) sum = (sum & 0xffff) + (sum >> 16u);
    const auto mended = static_cast<std::uint16_t>(~sum);
    frame_[sum_at] = static_cast<std::uint8_t>(mended >> 8u);
    frame_[sum_at + 1] = static_cast<std::uint8_t>(mended);
  }

 private:
  [[nodiscard]] std::uint16_t at16(std::size_t place) const {
    return static_cast<std::uint16_t>(frame_[place] << 8u | frame_[place + 1]);
  }

  template <class Random>
  std::size_t flip(std::size_t from, Random& random) {
    const std::size_t place = std::uniform_int_distribution<std::size_t>(from, end_ - 1)(random);
    frame_[place] ^= static_cast<std::uint8_t>(1u << std::uniform_int_distribution<unsigned>(0, 7)(random));
    return place;
  }

  Frame& frame_;
  std::size_t tcp_ = 0;
  std::size_t payload_ = 0;
  std::size_t end_ = 0;  ///< behind the packet: a short frame is filled up
};

/// One direction of the cable.
class Direction {
 public:
  Direction(Interface& from, const Interface& to, const Faults& faults, std::uint64_t seed)
      : from_(from), to_(to), faults_(faults), random_(seed) {}

  void receive() {
    Frame frame;
    for (std::size_t i = 0; i < frames_at_once && from_.receive(frame); ++i) take(std::move(frame));
  }

  void send_due(Clock::time_point now) {
    while (!held_.empty() && held_.begin()->first.first <= now) {
      counts_.passed += to_.send(held_.begin()->second) ? 1 : 0;
      held_.erase(held_.begin());
    }
  }

  /// When something is to be sent next.
  [[nodiscard]] Clock::time_point next() const { return held_.empty() ? Clock::time_point::max() : held_.begin()->first.first; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void take(Frame frame) {
    Packet packet(frame);
    if (!packet.is_ipv4()) return hold(std::move(frame), Clock::now());  // how hosts find each other is not what is tested
    if (chance(faults_.loss)) {
      ++counts_.lost;
      return;
    }
    if (chance(faults_.corrupt)) {
      packet.corrupt(random_);
      ++counts_.corrupted;
    }
    if (packet.has_payload() && chance(faults_.slip)) {
      packet.corrupt_and_mend(random_);
      ++counts_.slipped;
    }
    const auto delayed =
        Clock::now() + milliseconds(faults_.delay + std::uniform_real_distribution<>(0, faults_.jitter)(random_));
    in_order_ = std::max(in_order_, delayed);
    if (chance(faults_.duplicate)) {
      hold(frame, in_order_);
      ++counts_.duplicated;
    }
    if (chance(faults_.reorder)) {
      hold(std::move(frame), in_order_ + milliseconds(faults_.hold));
      ++counts_.reordered;
    } else {
      hold(std::move(frame), in_order_);
    }
  }

  void hold(Frame frame, Clock::time_point until) {
    if (held_.size() >= frames_held_max) {
      ++counts_.overflowed;
      return;
    }
    held_.emplace(std::pair(until, arrived_++), std::move(frame));
  }

  bool chance(double percent) { return percent > 0 && std::uniform_real_distribution<>(0, 100)(random_) < percent; }
  static Clock::duration milliseconds(double count) { return std::chrono::duration_cast<Clock::duration>(Milliseconds(count)); }

  Interface& from_;
  const Interface& to_;
  Faults faults_;
  std::mt19937_64 random_;
  Clock::time_point in_order_;
  std::uint64_t arrived_ = 0;
  std::map<std::pair<Clock::time_point, std::uint64_t>, Frame> held_;
  Counts counts_;
};

void run(std::array<Direction, 2>& directions, const Interface& a, const Interface& b) {
  sigset_t outside;
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &outside);  // it comes in ppoll and nowhere else
  while (stopping == 0) {
    const Clock::time_point next = std::min(directions[0].next(), directions[1].next());
    const auto left = std::max<std::int64_t>(std::chrono::nanoseconds(next - Clock::now()).count(), 0);
    const timespec wait{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    std::array<pollfd, 2> readable{{{a.descriptor(), POLLIN, 0}, {b.descriptor(), POLLIN, 0}}};
    ::ppoll(readable.data(), readable.size(), next == Clock::time_point::max() ? nullptr : &wait, &outside);
    for (Direction& direction : directions) direction.receive();
    for (Direction& direction : directions) direction.send_due(Clock::now());
  }
}

void print(const char* name, const Counts& counts) {
  const std::array<std::pair<const char*, std::uint64_t>, 7> fields{{{"passed", counts.passed},
                                                                     {"lost", counts.lost},
                                                                     {"duplicated", counts.duplicated},
                                                                     {"reordered", counts.reordered},
                                                                     {"corrupted", counts.corrupted},
                                                                     {"slipped", counts.slipped},
                                                                     {"overflowed", counts.overflowed}}};
  std::printf("\"%s\":{", name);
  for (const auto& [field, count] : fields) {
    std::printf("%s\"%s\":%llu", field == fields[0].first ? "" : ",", field, static_cast<unsigned long long>(count));
  }
  std::printf("}");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: relay SEED A B FAULTS-FROM-A-TO-B FAULTS-FROM-B-TO-A\n");
    return 2;
  }
  struct sigaction stop {};
  stop.sa_handler = [](int) { stopping = 1; };
  sigaction(SIGTERM, &stop, nullptr);
  try {
    const std::uint64_t seed = std::stoull(argv[1]);
    Interface a(argv[2]);
    Interface b(argv[3]);
    std::array<Direction, 2> directions{
        {{a, b, Faults::read(argv[4]), seed}, {b, a, Faults::read(argv[5]), seed ^ 0x9e3779b97f4a7c15u}}};
    std::fprintf(stderr, "ready\n");
    run(directions, a, b);
    std::printf("{");
    print("out", directions[0].counts());
    std::printf(",");
    print("in", directions[1].counts());
    std::printf("}\n");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "relay: %s\n", error.what());
    return 1;
  }
}
