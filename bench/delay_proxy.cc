#include "bench/delay_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/check.h"

namespace holdfast::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReadBytes = 64 << 10;
constexpr std::chrono::milliseconds kIdleWait{20};  // how soon the end of the proxy is noticed

sockaddr_in Local(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// One direction of one connection.
struct Lane {
  int from = -1;
  int to = -1;
  std::deque<std::pair<Clock::time_point, std::string>> pieces;  // when they are due
};

}  // namespace

class DelayProxy::Loop {
 public:
  Loop(int target_port, std::chrono::microseconds one_way)
      : target_port_(target_port), one_way_(one_way), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = Local(0);
    HF_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    HF_CHECK(::listen(listener_, 64) == 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Loop() {
    for (const Lane& lane : lanes_) ::close(lane.from);
    ::close(listener_);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] int port() const { return port_; }

  void turn() {
    std::vector<pollfd> waiting = {{.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const Lane& lane : lanes_) {
      waiting.push_back({.fd = lane.from, .events = POLLIN, .revents = 0});
    }
    const auto wait = std::chrono::duration_cast<std::chrono::nanoseconds>(until_next_due());
    const timespec timeout{.tv_sec = 0, .tv_nsec = wait.count()};
    HF_CHECK(ppoll(waiting.data(), waiting.size(), &timeout, nullptr) >= 0 || errno == EINTR);
    for (size_t i = 1; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) read(lanes_[i - 1]);
    }
    for (Lane& lane : lanes_) write_due(lane);
    forget_closed();
    if (waiting[0].revents != 0) accept_one();
  }

 private:
  [[nodiscard]] Clock::duration until_next_due() const {
    Clock::duration wait = kIdleWait;
    const Clock::time_point now = Clock::now();
    for (const Lane& lane : lanes_) {
      if (!lane.pieces.empty()) wait = std::min(wait, lane.pieces.front().first - now);
    }
    return std::max(wait, Clock::duration::zero());
  }

  void accept_one() {
    const int client = ::accept(listener_, nullptr, nullptr);
    const int server = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = Local(target_port_);
    HF_CHECK(::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
        << std::strerror(errno);
    const int on = 1;
    for (int fd : {client, server}) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    lanes_.push_back({.from = client, .to = server, .pieces = {}});
    lanes_.push_back({.from = server, .to = client, .pieces = {}});
  }

  void read(Lane& lane) {
    std::array<char, kReadBytes> bytes;
    const ssize_t n = ::recv(lane.from, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n < 0) return;
    // An empty piece is the end of the stream.
    lane.pieces.emplace_back(Clock::now() + one_way_, std::string(bytes.data(), n));
  }

  void write_due(Lane& lane) {
    const Clock::time_point now = Clock::now();
    while (!lane.pieces.empty() && lane.pieces.front().first <= now) {
      const std::string& piece = lane.pieces.front().second;
      if (piece.empty()) closed_.push_back(lane.from);
      // Blocks if the reader is slow; what is sent here always fits into the socket's buffer.
      if (!piece.empty()) (void)::send(lane.to, piece.data(), piece.size(), MSG_NOSIGNAL);
      lane.pieces.pop_front();
    }
  }

  // Both lanes of a connection go with the first end.
  void forget_closed() {
    for (int fd : closed_) {
      std::erase_if(lanes_, [fd](const Lane& lane) {
        const bool mine = lane.from == fd || lane.to == fd;
        if (mine) ::close(lane.from);
        return mine;
      });
    }
    closed_.clear();
  }

  const int target_port_;
  const std::chrono::microseconds one_way_;
  const int listener_;
  int port_ = 0;
  std::vector<Lane> lanes_;
  std::vector<int> closed_;
};

DelayProxy::DelayProxy(int target_port, std::chrono::microseconds one_way)
    : loop_(std::make_unique<Loop>(target_port, one_way)) {
  port_ = loop_->port();
  thread_ = std::thread([this] {
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);  // ns; the default would add 50 us to each delay
    while (!stop_) loop_->turn();
  });
}

DelayProxy::~DelayProxy() {
  stop_ = true;
  thread_.join();
}

}  // namespace holdfast::bench
