// Bytes of one HTTP connection as requests, within all limits; answers as bytes. Knows HTTP, not
// what requests mean. Internal to http_*.cc.
//
// Everything runs on the executor of the socket, which must be a strand.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "holdfast/env/task.h"
#include "holdfast/real/http_reply.h"
#include "holdfast/real/http_server.h"
#include "holdfast/real/http_shared.h"

namespace holdfast::real {

struct HttpRequest {
  explicit HttpRequest(ByteBudget& budget) : held(budget) {}

  std::string method;
  std::string target;
  std::string content_type;
  std::string trace;                   // traceparent
  std::optional<std::string> timeout;  // Request-Timeout
  std::string body;
  ByteBudget::Hold held;  // for the body
  bool chunks = false;    // HTTP/1.1: understands chunks
  bool keep_alive = false;

  [[nodiscard]] bool head_only() const { return method == "HEAD"; }
};

class HttpStream {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  HttpStream(Socket socket, const HttpLimits& limits);
  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  [[nodiscard]] Executor executor();
  // "127.0.0.1:41234".
  [[nodiscard]] const std::string& peer() const;

  enum class Read { kRequest, kRefused, kClosed };
  // The next request. kRefused: `refusal` says why, and what else comes can't be understood.
  // kClosed: the client has gone, or took too long.
  [[nodiscard]] Task<Read> read(HttpRequest& request, HttpReply& refusal);
  // Is read() waiting for the first byte of a request?
  [[nodiscard]] bool idle() const;
  // Has the client sent more than what was read?
  [[nodiscard]] bool has_input() const;
  // Waits for the first bytes, whatever they are, for at most linger_timeout. False: none came.
  [[nodiscard]] Task<bool> wait_for_input();

  // False: the client has gone, or took too long.
  [[nodiscard]] Task<bool> write(std::string head, std::string body);

  // While an answer is being made: tells, once, that the client has gone or sends more.
  enum class Peer { kTalks, kGone };
  void watch(std::function<void(Peer)> f);
  void stop_watching();

  void close();
  // So that the client reads the answer before the connection goes.
  [[nodiscard]] Task<void> linger();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // with the handlers of watch()
};

}  // namespace holdfast::real
