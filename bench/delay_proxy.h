// A network of a given delay, in one machine: a TCP proxy that passes every byte on so much later,
// both ways, and never holds one back for another (many can be under way).
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

namespace holdfast::bench {

class DelayProxy {
 public:
  // Listens on a free port of 127.0.0.1 and connects to `target_port` there.
  DelayProxy(int target_port, std::chrono::microseconds one_way);
  ~DelayProxy();
  DelayProxy(const DelayProxy&) = delete;
  DelayProxy& operator=(const DelayProxy&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  class Loop;
  int port_ = 0;
  std::unique_ptr<Loop> loop_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace holdfast::bench
