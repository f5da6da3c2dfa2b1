// The derived methods over HTTP/1.1 and JSON, as their google.api.http rules say (docs/reference/
// http.md). No Beast or Asio socket types in here.
//
// A connection serves one request after another. Everything that a client may make large or slow
// has a limit below; what goes beyond is answered with an error that says so, where that is still
// possible, and the connection is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/env/env.h"
#include "holdfast/server/dispatcher.h"

namespace holdfast::real {

struct HttpLimits {
  // Path and query. Room for a BatchGet of several hundred names; more than that is for gRPC.
  size_t max_target_bytes = 64 << 10;
  // One header, and all of them with the request line but without the target. As nginx and Apache
  // have it: room for a large token, not for abuse.
  size_t max_header_bytes = 8 << 10;
  size_t max_all_headers_bytes = 64 << 10;
  // Four times what gRPC takes by default, as JSON is the longer form.
  size_t max_body_bytes = 16 << 20;
  // The bodies that all connections hold at one time: beyond it OVERLOADED.
  size_t max_buffered_bytes = 128 << 20;
  // More are told SERVICE UNAVAILABLE and closed. Twice the watchers that a node is meant for.
  size_t max_connections = 20000;

  // Between two requests; longer than most clients keep a connection in their pool.
  Duration idle_timeout = Seconds(120);
  // From a request's first byte to the end of its headers, and from there to the end of its body.
  Duration header_timeout = Seconds(15);
  Duration body_timeout = Seconds(60);
  // For a client to take one response, or one message of a stream.
  Duration write_timeout = Seconds(60);
  // How long we listen on after an error, so that the client reads it before the connection goes.
  Duration linger_timeout = Seconds(2);
};

struct HttpOptions {
  // host:port; port 0 takes any that is free. An IPv6 address stands in brackets.
  std::string address = "127.0.0.1:0";
  HttpLimits limits;
  // What GET /openapi.json answers (server/openapi.h makes it); empty: there is none.
  std::string openapi;
  // What GET /readyz asks: anything but OK is answered with 503. Must not block. GET /healthz
  // answers as long as the process does.
  std::function<absl::Status()> ready;
};

// GET /metrics answers dispatcher.metrics(), to which this adds its own.
class HttpServer {
 public:
  // Listens and serves from now on. INVALID_ARGUMENT or UNAVAILABLE if the address can't be
  // listened on. `env` is a RealEnv; it and the dispatcher outlive the server.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      Env& env, server::Dispatcher& dispatcher, HttpOptions options);

  // Only after stop(), or after the env has stopped.
  virtual ~HttpServer() = default;

  // With the port that was taken: "127.0.0.1:40123".
  [[nodiscard]] virtual const std::string& address() const = 0;

  // Paths that two methods claim, and which of them has each: "GET /v1/…: both /a/B and /c/D".
  [[nodiscard]] virtual const std::vector<std::string>& conflicts() const = 0;

  // Takes no new connections, closes idle ones, lets requests in flight finish, and returns when
  // there are none. Streams end only if the dispatcher is drained or the client goes. After
  // `at_most` what is left is cut off.
  virtual Task<void> stop(Duration at_most) = 0;
};

}  // namespace holdfast::real
