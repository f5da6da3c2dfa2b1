// Closed-loop load: each of N clients begins its next transaction when the last one is done.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "holdfast/env/task.h"
#include "holdfast/real_env/real_env.h"

namespace holdfast::bench {

using Clock = std::chrono::steady_clock;

struct Stretch {
  double warm_up_seconds = 0.3;  // not counted
  double seconds = 2;
};

// What one stretch of load gave.
struct Sample {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double mean_us = 0;
  int64_t done = 0;
  int64_t all = 0;  // with those outside of the counted time
  // Processor time a transaction: of this program, and of the database's sessions; 0: not known.
  double own_cpu_us = 0;
  double backend_cpu_us = 0;
};

// The latencies that N clients see; what ends outside of the counted time isn't counted.
class Meter {
 public:
  Meter(int clients, Stretch stretch);
  [[nodiscard]] bool running() const { return Clock::now() < end_; }
  // By the client's own thread, or one at a time.
  void record(int client, Clock::time_point started);
  [[nodiscard]] Sample sample() const;

 private:
  Clock::time_point begin_;
  Clock::time_point end_;
  std::vector<std::vector<uint32_t>> latencies_us_;
  std::atomic<int64_t> all_ = 0;
};

[[nodiscard]] Sample Summarize(std::vector<uint32_t> latencies_us, double seconds);

// A thread for each client; `once(client)` does one transaction.
[[nodiscard]] Sample RunThreads(int clients, Stretch stretch, const std::function<void(int)>& once);

// A coroutine for each client.
[[nodiscard]] Sample RunCoroutines(RealEnv& env, int clients, Stretch stretch,
                                   const std::function<Task<void>(int)>& once);

}  // namespace holdfast::bench
