// A client for tests that sends what it likes, byte by byte, and sees what comes back. Blocking;
// gives up after kPatience, so that a server that hangs fails the test.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace holdfast::real {

struct WireResponse {
  int code = 0;  // 0: the connection ended before a whole response came
  std::string head;
  std::string body;

  // "" if there is none.
  [[nodiscard]] std::string header(const std::string& name) const {
    const size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class Wire {
 public:
  static constexpr int kPatience = 20;  // seconds

  explicit Wire(const std::string& address, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{.tv_sec = kPatience, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    const size_t colon = address.rfind(':');
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  ~Wire() { close(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // False when the other side doesn't take it any more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // "GET", "/v1/images/i", {}: with Host, and Content-Length if there is a body.
  bool request(const std::string& method, const std::string& target, const std::string& body = "",
               const std::string& headers = "") {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: test\r\n" + headers;
    if (!body.empty()) {
      text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n";
    }
    return send(text + "\r\n" + body);
  }

  // Reads up to and with `end`; less if the connection ends.
  std::string until(std::string_view end) {
    for (;;) {
      const size_t at = in_.find(end);
      if (at != std::string::npos) return take(at + end.size());
      if (!more()) return take(in_.size());
    }
  }

  enum class Body { kSent, kLeftOut };  // left out: of HEAD
  WireResponse response(Body body = Body::kSent) {
    WireResponse out;
    out.head = until("\r\n\r\n");
    if (!out.head.ends_with("\r\n\r\n")) return out;
    out.code = std::atoi(out.head.substr(9, 3).c_str());
    const std::string length = out.header("Content-Length");
    if (body == Body::kLeftOut || length.empty()) return out;
    const auto wanted = static_cast<size_t>(std::stoul(length));
    while (in_.size() < wanted && more()) continue;
    out.body = take(std::min(wanted, in_.size()));
    return out;
  }
  WireResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "", const std::string& headers = "") {
    request(method, target, body, headers);
    return response(method == "HEAD" ? Body::kLeftOut : Body::kSent);
  }

  // Content of the next chunk of a chunked body; empty at its end.
  std::string chunk() {
    const std::string size_line = until("\r\n");
    const size_t size = std::strtoul(size_line.c_str(), nullptr, 16);
    while (in_.size() < size + 2 && more()) continue;
    const std::string out = take(std::min(size + 2, in_.size()));
    return out.size() < 2 ? "" : out.substr(0, out.size() - 2);
  }

  // Did the other side close, with nothing more to read?
  bool ended() { return in_.empty() && !more() && !timed_out_; }

  [[nodiscard]] int port() const {
    sockaddr_in own{};
    socklen_t size = sizeof(own);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size);
    return ntohs(own.sin_port);
  }

 private:
  bool more() {
    char bytes[65536];
    const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
    timed_out_ = got < 0 && errno == EAGAIN;
    EXPECT_FALSE(timed_out_) << "the server neither answered nor closed";
    if (got <= 0) return false;
    in_.append(bytes, static_cast<size_t>(got));
    return true;
  }
  std::string take(size_t size) {
    std::string out = in_.substr(0, size);
    in_.erase(0, size);
    return out;
  }

  int fd_;
  bool connected_ = false;
  bool timed_out_ = false;
  std::string in_;
};

}  // namespace holdfast::real
