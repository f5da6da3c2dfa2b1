// What the connections of one HTTP server share. Internal to http_*.cc.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string_view>
#include <utility>

#include "holdfast/base/mutex.h"
#include "holdfast/env/env.h"
#include "holdfast/real/http_reply.h"
#include "holdfast/real/http_server.h"
#include "holdfast/real/json_request.h"
#include "holdfast/server/dispatcher.h"

namespace holdfast::real {

// How many bytes of request bodies may be held at one time. Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(size_t limit) : limit_(limit) {}

  // What one request holds. Gives it back when it goes.
  class Hold {
   public:
    explicit Hold(ByteBudget& budget) : budget_(budget) {}
    ~Hold() { budget_.give_back(bytes_); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    // False if there is no room for so many bytes in all.
    [[nodiscard]] bool grow_to(size_t bytes) {
      if (bytes <= bytes_) return true;
      if (!budget_.take(bytes - bytes_)) return false;
      bytes_ = bytes;
      return true;
    }

   private:
    ByteBudget& budget_;
    size_t bytes_ = 0;
  };

 private:
  [[nodiscard]] bool take(size_t bytes) {
    const MutexLock lock(mutex_);
    if (bytes > limit_ - taken_) return false;
    taken_ += bytes;
    return true;
  }
  void give_back(size_t bytes) {
    const MutexLock lock(mutex_);
    taken_ -= bytes;
  }

  const size_t limit_;
  Mutex mutex_;
  size_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

// OVERLOADED, with the time to wait.
[[nodiscard]] absl::Status Overloaded(std::string_view what);

struct HttpMetrics {
  explicit HttpMetrics(server::Metrics& metrics);
  void count(int code) const;

  server::Gauge& connections;
  server::Counter& refused_connections;
  std::array<server::Counter*, 6> responses = {};  // by the first digit of the code
};

struct HttpShared {
  HttpShared(Env& its_env, server::Dispatcher& its_dispatcher, HttpOptions its_options);

  Env& env;
  server::Dispatcher& dispatcher;
  const HttpOptions options;
  const JsonTranslator translator;
  const HttpMetrics metrics;
  ByteBudget bodies;
  // Known to all connections at once: after the first of them has closed for it, no other says that
  // it goes on.
  std::atomic<bool> stopping = false;
};

// What this server answers by itself: /openapi.json, /metrics, /healthz, /readyz and /; nullopt for
// other paths.
[[nodiscard]] std::optional<HttpReply> LocalReply(const HttpShared& shared,
                                                  std::string_view http_method,
                                                  std::string_view target);

}  // namespace holdfast::real
