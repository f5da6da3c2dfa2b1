#include "bench/load.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

namespace holdfast::bench {
namespace {

Clock::duration FromSeconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

double Percentile(const std::vector<uint32_t>& sorted, double p) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<size_t>(p * static_cast<double>(sorted.size() - 1));
  return sorted[at];
}

// What the clients of one stretch share; the last one tells that all are through.
struct Crowd {
  Crowd(int clients, Stretch stretch, const std::function<Task<void>(int)>& do_once)
      : meter(clients, stretch), once(do_once), left(clients) {}
  Meter meter;
  const std::function<Task<void>(int)>& once;
  std::atomic<int> left;
  std::promise<void> done;
};

Task<void> BeClient(Crowd& crowd, int client) {
  while (crowd.meter.running()) {
    const Clock::time_point started = Clock::now();
    co_await crowd.once(client);
    crowd.meter.record(client, started);
  }
  if (crowd.left.fetch_sub(1) == 1) crowd.done.set_value();
}

}  // namespace

Meter::Meter(int clients, Stretch stretch)
    : begin_(Clock::now() + FromSeconds(stretch.warm_up_seconds)),
      end_(begin_ + FromSeconds(stretch.seconds)),
      latencies_us_(static_cast<size_t>(clients)) {
  for (auto& mine : latencies_us_) mine.reserve(1 << 12);
}

void Meter::record(int client, Clock::time_point started) {
  const Clock::time_point now = Clock::now();
  all_.fetch_add(1, std::memory_order_relaxed);
  if (now < begin_ || now > end_) return;
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - started);
  latencies_us_[static_cast<size_t>(client)].push_back(static_cast<uint32_t>(took.count()));
}

Sample Meter::sample() const {
  std::vector<uint32_t> all;
  for (const auto& mine : latencies_us_) all.insert(all.end(), mine.begin(), mine.end());
  Sample sample = Summarize(std::move(all), std::chrono::duration<double>(end_ - begin_).count());
  sample.all = all_;
  return sample;
}

Sample Summarize(std::vector<uint32_t> latencies_us, double seconds) {
  std::sort(latencies_us.begin(), latencies_us.end());
  double sum = 0;
  for (uint32_t us : latencies_us) sum += us;
  const auto count = static_cast<double>(latencies_us.size());
  return {.per_second = count / seconds,
          .p50_us = Percentile(latencies_us, 0.5),
          .p99_us = Percentile(latencies_us, 0.99),
          .mean_us = latencies_us.empty() ? 0 : sum / count,
          .done = static_cast<int64_t>(latencies_us.size())};
}

Sample RunThreads(int clients, Stretch stretch, const std::function<void(int)>& once) {
  Meter meter(clients, stretch);
  std::vector<std::thread> threads;
  for (int client = 0; client < clients; ++client) {
    threads.emplace_back([&meter, &once, client] {
      while (meter.running()) {
        const Clock::time_point started = Clock::now();
        once(client);
        meter.record(client, started);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return meter.sample();
}

Sample RunCoroutines(RealEnv& env, int clients, Stretch stretch,
                     const std::function<Task<void>(int)>& once) {
  Crowd crowd(clients, stretch, once);
  std::future<void> done = crowd.done.get_future();
  for (int client = 0; client < clients; ++client) Spawn(env, BeClient(crowd, client));
  done.wait();
  return crowd.meter.sample();
}

}  // namespace holdfast::bench
