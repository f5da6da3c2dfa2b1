// One HTTP connection: requests in, calls of the dispatcher, answers out, one after another.
// Internal to http_*.cc.
//
//   read a request -> translate -> call or stream -> answer -> read the next …
//
// All of it runs on the executor of the socket, which must be a strand.
#pragma once

#include <functional>
#include <memory>

#include "holdfast/real/http_shared.h"
#include "holdfast/real/http_stream.h"

namespace holdfast::real {

class HttpConnection {
 public:
  // Starts serving. `on_end` is called when the connection is gone and no call of it is under way;
  // never if the env goes first.
  [[nodiscard]] static std::shared_ptr<HttpConnection> Serve(std::shared_ptr<HttpShared> shared,
                                                             HttpStream::Socket socket,
                                                             std::function<void()> on_end);
  // For connections beyond the limit: says SERVICE UNAVAILABLE to the first request.
  static void Refuse(std::shared_ptr<HttpShared> shared, HttpStream::Socket socket,
                     std::function<void()> on_end);

  virtual ~HttpConnection() = default;

  // Ends after the request that is under way, if any. Thread-safe.
  virtual void wind_down() = 0;
  // Ends as soon as its call returns, which is told to. Thread-safe.
  virtual void cut() = 0;
};

}  // namespace holdfast::real
