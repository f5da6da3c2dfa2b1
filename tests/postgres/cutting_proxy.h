// A TCP proxy before a PostgreSQL server that loses a connection at a place of one's choice: after
// so many messages of the protocol in one direction, and so many bytes of the next.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "holdfast/base/mutex.h"

namespace holdfast::testing {

class CuttingProxy {
 public:
  enum class Direction { kToServer, kToClient };

  // Forwards to 127.0.0.1:`upstream`.
  explicit CuttingProxy(int upstream);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  [[nodiscard]] int port() const { return port_; }

  // From now on, counted over all connections: passes so much, and then cuts the connection that
  // would send more. Once.
  void cut_after(Direction direction, int messages, int bytes);
  [[nodiscard]] bool has_cut() const;
  void pass_everything();

 private:
  struct Pair;
  struct Plan {
    bool armed = false;
    Direction direction = Direction::kToServer;
    int messages = 0;
    int bytes = 0;
  };

  void accept_loop();
  void serve(Pair& pair);
  // How many of `data`'s bytes to pass; sets `cut` if the connection ends behind them.
  size_t filter(Pair& pair, Direction direction, const char* data, size_t size, bool& cut);
  // One byte of the stream; true if it begins a message.
  static bool begins_message(Pair& pair, Direction direction, char byte);

  const int upstream_;
  int listener_ = -1;
  int port_ = 0;
  mutable Mutex mutex_;
  Plan plan_ ABSL_GUARDED_BY(mutex_);
  bool plan_started_ ABSL_GUARDED_BY(mutex_) = false;  // the message to be cut has begun
  bool has_cut_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> ending_ = false;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::thread acceptor_;
};

}  // namespace holdfast::testing
