#include "tests/postgres/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "holdfast/base/check.h"

namespace holdfast::testing {
namespace {

sockaddr_in Local(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool SendAll(int socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace

struct CuttingProxy::Pair {
  struct Stream {
    bool typed = true;  // the first message of a client has no type
    int header = 0;     // bytes of it seen
    uint32_t length = 0;
    int64_t left = 0;  // of the message's body
  };
  int client = -1;
  int server = -1;
  std::array<Stream, 2> streams;
  std::thread thread;
};

CuttingProxy::CuttingProxy(int upstream) : upstream_(upstream) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Local(0);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  HF_CHECK(bind(listener_, raw, size) == 0 && listen(listener_, 100) == 0) << "no port";
  HF_CHECK(getsockname(listener_, raw, &size) == 0) << "no port";
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

CuttingProxy::~CuttingProxy() {
  ending_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  for (const auto& pair : pairs_) {
    shutdown(pair->client, SHUT_RDWR);
    pair->thread.join();
    close(pair->client);
    close(pair->server);
  }
}

void CuttingProxy::accept_loop() {
  while (!ending_) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    auto pair = std::make_unique<Pair>();
    pair->client = client;
    pair->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pair->streams[0].typed = false;
    const sockaddr_in address = Local(upstream_);
    if (connect(pair->server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      shutdown(client, SHUT_RDWR);
    }
    Pair& own = *pair;
    pair->thread = std::thread([this, &own] { serve(own); });
    pairs_.push_back(std::move(pair));
  }
}

void CuttingProxy::serve(Pair& pair) {
  std::array<pollfd, 2> ends = {pollfd{pair.client, POLLIN, 0}, pollfd{pair.server, POLLIN, 0}};
  std::array<char, 65536> buffer;
  bool cut = false;
  while (!cut && poll(ends.data(), 2, -1) > 0) {
    for (size_t i = 0; i < 2 && !cut; ++i) {
      if (ends[i].revents == 0) continue;
      const ssize_t got = recv(ends[i].fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        cut = true;
        break;
      }
      const auto direction = i == 0 ? Direction::kToServer : Direction::kToClient;
      const size_t pass = filter(pair, direction, buffer.data(), static_cast<size_t>(got), cut);
      if (!SendAll(ends[1 - i].fd, buffer.data(), pass)) cut = true;
    }
  }
  shutdown(pair.client, SHUT_RDWR);
  shutdown(pair.server, SHUT_RDWR);
}

bool CuttingProxy::begins_message(Pair& pair, Direction direction, char byte) {
  Pair::Stream& stream = pair.streams[direction == Direction::kToServer ? 0 : 1];
  if (stream.left > 0) {
    --stream.left;
    return false;
  }
  const bool begins = stream.header == 0;
  const int type_bytes = stream.typed ? 1 : 0;
  if (stream.header >= type_bytes) {
    stream.length = stream.length << 8 | static_cast<unsigned char>(byte);
  }
  if (++stream.header == type_bytes + 4) {
    stream.left = static_cast<int64_t>(stream.length) - 4;
    stream.header = 0;
    stream.length = 0;
    stream.typed = true;
  }
  return begins;
}

size_t CuttingProxy::filter(Pair& pair, Direction direction, const char* data, size_t size,
                            bool& cut) {
  const MutexLock lock(mutex_);
  for (size_t i = 0; i < size; ++i) {
    const bool begins = begins_message(pair, direction, data[i]);
    if (!plan_.armed || plan_.direction != direction) continue;
    if (begins && plan_.messages > 0) {
      --plan_.messages;
      continue;
    }
    if (plan_.messages > 0 || (!begins && plan_.messages == 0 && !plan_started_)) continue;
    plan_started_ = true;
    if (plan_.bytes-- > 0) continue;
    plan_.armed = false;
    has_cut_ = true;
    cut = true;
    return i;
  }
  return size;
}

void CuttingProxy::cut_after(Direction direction, int messages, int bytes) {
  const MutexLock lock(mutex_);
  plan_ = {true, direction, messages, bytes};
  plan_started_ = false;
  has_cut_ = false;
}

bool CuttingProxy::has_cut() const {
  const MutexLock lock(mutex_);
  return has_cut_;
}

void CuttingProxy::pass_everything() {
  const MutexLock lock(mutex_);
  plan_ = {};
}

}  // namespace holdfast::testing
